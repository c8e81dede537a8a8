"""Stand-ins for missing ID embeddings."""

from math import exp

import numpy as np
import pytest
import torch

from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.full_model.model import Model
from train.items.features import Features
from train.items.stand_ins import StandIns
from train.plugins.plugin import Plugin

# Angles of the texts; the last item has no text.
ANGLES = (0.0, 0.1, 0.3, 1.0, 2.0, 3.0, 0.05)
TABLE = torch.arange(14.0).view(7, 2)


def texts(present: tuple[bool, ...] = (True,) * 6 + (False,)) -> Features:
    vectors = np.array([(np.cos(angle), np.sin(angle)) for angle in ANGLES], dtype=np.float32)
    there = np.array(present)[:, None]
    return Features("made", vectors[:, None] * there[:, :, None], there)


def counts(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def only(*items: int) -> torch.Tensor:
    return torch.isin(torch.arange(len(ANGLES)), torch.tensor(items))


def test_a_stand_in_is_the_weighted_mean_of_the_nearest_known_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.items.stand_ins._N_NEAREST", 2)
    result = StandIns(texts(), counts(0, 1, 1, 1, 1, 1, 1))(TABLE, only(0))

    near = [exp(np.cos(ANGLES[item] - ANGLES[0]) / 0.1) for item in (1, 2)]
    reference = (near[0] * TABLE[1] + near[1] * TABLE[2]) / sum(near)
    torch.testing.assert_close(result[0], reference)
    torch.testing.assert_close(result[1:], TABLE[1:])


def test_only_other_items_with_events_and_text_are_used() -> None:
    stand_ins = StandIns(texts(), counts(3, 0, 2, 0, 1, 1, 5))

    for item, rows in enumerate(stand_ins.rows.tolist()):
        assert set(rows) <= {0, 2, 4, 5} - {item}, f"of item {item}"


def test_an_item_without_text_has_no_stand_in() -> None:
    result = StandIns(texts(), counts(1, 1, 1, 1, 1, 1, 0))(TABLE, only(0, 6))

    assert result[0].any()
    assert not result[6].any()


@pytest.mark.parametrize("met", [counts(0, 0, 0, 0, 0, 0, 0), counts(0, 0, 0, 0, 0, 0, 9), counts(1, 0, 0, 0, 0, 0, 0)])
def test_without_enough_known_items_the_stand_in_is_zeros(met: np.ndarray) -> None:
    result = StandIns(texts(), met)(TABLE, only(0))

    assert not result[0].any()
    assert torch.isfinite(result).all()


def test_without_texts_only_missing_rows_change() -> None:
    result = StandIns(texts((False,) * 7), counts(1, 1, 1, 1, 1, 1, 1))(TABLE, only(1))

    assert not result[1].any()
    torch.testing.assert_close(result[2:], TABLE[2:])


def test_chunks_give_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    met = counts(1, 0, 1, 1, 1, 0, 1)
    whole = StandIns(texts(), met)
    monkeypatch.setattr("train.items.stand_ins._COSINES_AT_ONCE", 1)
    pieces = StandIns(texts(), met)

    torch.testing.assert_close(pieces.rows, whole.rows)
    torch.testing.assert_close(pieces.weights, whole.weights)


def test_in_a_large_catalogue_the_most_frequent_items_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.items.stand_ins.MAX_KNOWN", 3)

    assert set(StandIns(texts(), counts(0, 9, 1, 7, 1, 8, 1)).rows.flatten().tolist()) == {1, 3, 5}


def model_of(met: np.ndarray, id_dropout: float = 0.0) -> Model:
    backbone = SASRec(EncoderConfig(dim=2, max_length=4, n_blocks=1, n_heads=1))
    content = Plugin(name="content", items=lambda table: table + 100.0)
    model = Model(
        torch.from_numpy(met > 0), backbone, [content], id_dropout=id_dropout, stand_ins=StandIns(texts(), met)
    )
    with torch.no_grad():
        model.item.copy_(TABLE)
    return model


def test_an_unseen_item_gets_a_stand_in_and_its_content() -> None:
    model = model_of(counts(0, 1, 1, 1, 1, 1, 1)).eval()

    expected = StandIns(texts(), counts(0, 1, 1, 1, 1, 1, 1))(TABLE, only(0)) + 100.0
    torch.testing.assert_close(model.item_vectors(), expected)


def test_a_dropped_id_embedding_is_replaced_in_training_only() -> None:
    model = model_of(counts(1, 1, 1, 1, 1, 1, 1), id_dropout=0.5).train()
    torch.manual_seed(0)
    trained = model.item_vectors()
    stood_in = StandIns(texts(), counts(1, 1, 1, 1, 1, 1, 1))(TABLE, torch.ones(7, dtype=torch.bool)) + 100.0

    own = (trained == TABLE + 100.0).all(1)
    assert 0 < own.sum() < 7
    torch.testing.assert_close(trained[~own], stood_in[~own])
    torch.testing.assert_close(model.eval().item_vectors(), TABLE + 100.0)


def test_stand_ins_are_not_saved_with_the_weights() -> None:
    assert not [name for name in model_of(counts(1, 1, 1, 1, 1, 1, 1)).state_dict() if "stand_ins" in name]


def test_a_backbone_without_plugins_may_have_stand_ins_and_dropped_embeddings() -> None:
    met = counts(0, 1, 1, 1, 1, 1, 1)
    backbone = SASRec(EncoderConfig(dim=2, max_length=4, n_blocks=1, n_heads=1))
    model = Model(torch.from_numpy(met > 0), backbone, id_dropout=0.5, stand_ins=StandIns(texts(), met))
    with torch.no_grad():
        model.item.copy_(TABLE)

    torch.testing.assert_close(model.eval().item_vectors(), StandIns(texts(), met)(TABLE, only(0)))
    torch.manual_seed(0)
    assert 1 < (model.train().item_vectors() != TABLE).any(1).sum() < 7
