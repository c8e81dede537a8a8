"""What stands in for the own vector of an item that nobody has met."""

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

# Angles of the texts; the last item has none.
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


def test_an_item_takes_the_mean_of_the_nearest_known_ones_by_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.items.stand_ins._N_NEAREST", 2)
    found = StandIns(texts(), counts(0, 1, 1, 1, 1, 1, 1))(TABLE, only(0))

    near = [exp(np.cos(ANGLES[item] - ANGLES[0]) / 0.1) for item in (1, 2)]
    slowly = (near[0] * TABLE[1] + near[1] * TABLE[2]) / sum(near)
    torch.testing.assert_close(found[0], slowly)
    torch.testing.assert_close(found[1:], TABLE[1:])


def test_only_items_that_were_met_and_have_a_text_stand_in_and_never_the_item_itself() -> None:
    stand_ins = StandIns(texts(), counts(3, 0, 2, 0, 1, 1, 5))

    for item, rows in enumerate(stand_ins.rows.tolist()):
        assert set(rows) <= {0, 2, 4, 5} - {item}, f"of item {item}"


def test_an_item_without_a_text_has_nothing_that_stands_in() -> None:
    found = StandIns(texts(), counts(1, 1, 1, 1, 1, 1, 0))(TABLE, only(0, 6))

    assert found[0].any()
    assert not found[6].any()


@pytest.mark.parametrize("met", [counts(0, 0, 0, 0, 0, 0, 0), counts(0, 0, 0, 0, 0, 0, 9), counts(1, 0, 0, 0, 0, 0, 0)])
def test_where_next_to_nothing_is_known_an_item_that_lacks_a_vector_has_zeros(met: np.ndarray) -> None:
    found = StandIns(texts(), met)(TABLE, only(0))

    assert not found[0].any()
    assert torch.isfinite(found).all()


def test_no_texts_at_all_change_nothing_but_what_is_lacking() -> None:
    found = StandIns(texts((False,) * 7), counts(1, 1, 1, 1, 1, 1, 1))(TABLE, only(1))

    assert not found[1].any()
    torch.testing.assert_close(found[2:], TABLE[2:])


def test_pieces_find_what_one_piece_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    met = counts(1, 0, 1, 1, 1, 0, 1)
    whole = StandIns(texts(), met)
    monkeypatch.setattr("train.items.stand_ins._COSINES_AT_ONCE", 1)
    pieces = StandIns(texts(), met)

    torch.testing.assert_close(pieces.rows, whole.rows)
    torch.testing.assert_close(pieces.weights, whole.weights)


def test_of_a_large_catalogue_the_best_known_items_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.items.stand_ins._MOST_KNOWN", 3)

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


def test_a_model_gives_an_item_never_met_what_stands_in_for_it_and_its_content() -> None:
    model = model_of(counts(0, 1, 1, 1, 1, 1, 1)).eval()

    expected = StandIns(texts(), counts(0, 1, 1, 1, 1, 1, 1))(TABLE, only(0)) + 100.0
    torch.testing.assert_close(model.item_vectors(), expected)


def test_a_vector_left_out_of_a_training_step_is_stood_in_for_and_back_afterwards() -> None:
    model = model_of(counts(1, 1, 1, 1, 1, 1, 1), id_dropout=0.5).train()
    torch.manual_seed(0)
    trained = model.item_vectors()
    stood_in = StandIns(texts(), counts(1, 1, 1, 1, 1, 1, 1))(TABLE, torch.ones(7, dtype=torch.bool)) + 100.0

    own = (trained == TABLE + 100.0).all(1)
    assert 0 < own.sum() < 7
    torch.testing.assert_close(trained[~own], stood_in[~own])
    torch.testing.assert_close(model.eval().item_vectors(), TABLE + 100.0)


def test_a_model_keeps_nothing_of_what_stands_in_among_its_weights() -> None:
    assert not [name for name in model_of(counts(1, 1, 1, 1, 1, 1, 1)).state_dict() if "stand_ins" in name]
