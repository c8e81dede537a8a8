"""A new item gets the vector that the model would compute if it had been in the catalogue."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.train.plugins.tiny_sage import DIM, MAX_LENGTH, N_ITEMS, tiny_features, tiny_inputs
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.full_model.model import Model
from train.full_model.new_items import new_item_vectors
from train.items.features import Features
from train.items.stand_ins import StandIns
from train.plugins.plugin import Plugin
from train.plugins.sage import Sage, SageConfig, VocabularyKind, sage

N_KNOWN = 20  # the others are new
COUNTS = np.where(np.arange(N_ITEMS) < N_KNOWN, 3, 0).astype(np.int64)


def of_rows(features: Features, rows: slice) -> Features:
    return Features(features.extractor, features.vectors[rows], features.present[rows])


KNOWN, NEW = of_rows(tiny_features(), slice(N_KNOWN)), of_rows(tiny_features(), slice(N_KNOWN, None))


def model_of(
    features: Features,
    counts: NDArray[np.int64],
    *others: Plugin,
    vocabulary: VocabularyKind = "both",
    stands_in: bool = True,
) -> Model:
    """Return a model over some items, with trained weights, the same for the same known items."""
    plugin = sage(SageConfig(vocabulary=vocabulary, list_length=3, n_candidates=8), tiny_inputs())
    module = plugin.module
    assert isinstance(module, Sage)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=MAX_LENGTH, n_blocks=1))
    stand_ins = StandIns(features, counts) if stands_in else None
    model = Model(torch.from_numpy(counts > 0), backbone, (plugin, *others), stand_ins=stand_ins)
    module.text = module.text[: len(counts)]
    with torch.no_grad():
        model.item[:N_KNOWN] = torch.randn(N_KNOWN, DIM, generator=torch.Generator().manual_seed(2))
        if module.vocabulary is not None:
            module.vocabulary.gain.fill_(0.5)
    return model.eval()


@pytest.mark.parametrize("vocabulary", ["both", "reuse"])
@pytest.mark.parametrize("stands_in", [True, False])
def test_a_new_item_gets_the_vector_of_a_model_of_the_larger_catalogue(
    vocabulary: VocabularyKind, stands_in: bool
) -> None:
    smaller = model_of(KNOWN, COUNTS[:N_KNOWN], vocabulary=vocabulary, stands_in=stands_in)
    larger = model_of(tiny_features(), COUNTS, vocabulary=vocabulary, stands_in=stands_in)

    result = new_item_vectors(smaller, KNOWN, COUNTS[:N_KNOWN], NEW)

    assert not result.requires_grad
    torch.testing.assert_close(result, larger.item_vectors()[N_KNOWN:].detach())


def test_a_new_item_is_near_similar_items() -> None:
    model = model_of(KNOWN, COUNTS[:N_KNOWN])
    alone = model_of(KNOWN, COUNTS[:N_KNOWN], stands_in=False)

    added = new_item_vectors(model, KNOWN, COUNTS[:N_KNOWN], NEW) - new_item_vectors(
        alone, KNOWN, COUNTS[:N_KNOWN], NEW
    )

    # There are five known items of each kind, and five stand-ins.
    for item, own in enumerate(added):
        kin = model.item[(N_KNOWN + item) % 4 : N_KNOWN : 4].detach()
        assert bool(((own >= kin.amin(0)) & (own <= kin.amax(0))).all())


def test_a_new_item_without_text_gets_zeros() -> None:
    silent = Features("made", np.zeros_like(NEW.vectors), np.zeros_like(NEW.present))

    result = new_item_vectors(model_of(KNOWN, COUNTS[:N_KNOWN]), KNOWN, COUNTS[:N_KNOWN], silent)

    assert not result.any()


def test_no_new_items_give_no_vectors() -> None:
    none = of_rows(NEW, slice(0))

    assert new_item_vectors(model_of(KNOWN, COUNTS[:N_KNOWN]), KNOWN, COUNTS[:N_KNOWN], none).shape == (0, DIM)


def test_adding_items_does_not_change_the_model() -> None:
    model = model_of(KNOWN, COUNTS[:N_KNOWN])
    before = {name: value.clone() for name, value in model.state_dict().items()}

    new_item_vectors(model, KNOWN, COUNTS[:N_KNOWN], NEW)

    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_features_of_another_catalogue_or_extractor_are_refused() -> None:
    model = model_of(KNOWN, COUNTS[:N_KNOWN])

    with pytest.raises(ValueError, match="20 items"):
        new_item_vectors(model, tiny_features(), COUNTS, NEW)
    with pytest.raises(ValueError, match="'another'"):
        new_item_vectors(model, tiny_features(N_KNOWN, extractor="another"), COUNTS[:N_KNOWN], NEW)
    with pytest.raises(ValueError, match="'another'"):
        new_item_vectors(model, KNOWN, COUNTS[:N_KNOWN], tiny_features(extractor="another"))


def test_a_model_with_other_sources_of_item_vectors_is_refused() -> None:
    other = Plugin(name="colour", items=lambda table: table)

    with pytest.raises(ValueError, match="got sage, colour"):
        new_item_vectors(model_of(KNOWN, COUNTS[:N_KNOWN], other), KNOWN, COUNTS[:N_KNOWN], NEW)
    with pytest.raises(ValueError, match="got none"):
        new_item_vectors(model_of(KNOWN, COUNTS[:N_KNOWN], vocabulary="dedicated"), KNOWN, COUNTS[:N_KNOWN], NEW)
