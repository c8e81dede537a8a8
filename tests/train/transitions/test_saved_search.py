"""A search for the same events is run once; anything else is searched anew."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.evaluation.hand_made import log
from train.data.split import leave_one_out
from train.transitions import saved_search
from train.transitions.expert import Similarities
from train.transitions.saved_search import settings_of
from train.transitions.search import Chosen

HISTORIES = [[0, 1, 2, 3], [4, 1, 2, 5], [3, 1, 0, 2]]


def find(histories: list[list[int]] = HISTORIES, similar: Similarities | None = None, **changes: int) -> Chosen:
    split = leave_one_out(log(histories))
    given = {"n_items": 6, "seed": 0, "max_users": 10} | changes
    return settings_of(split.train, split.valid, similar=similar or Similarities(), **given)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(saved_search, "SEARCHES", tmp_path / "searches")
    return tmp_path / "searches"


def test_the_same_search_is_run_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find()
    assert len(list(folder.iterdir())) == 1
    monkeypatch.setattr(saved_search, "choose_settings", lambda *_, **__: pytest.fail("searched again"))
    assert find() == found


def test_whatever_the_result_depends_on_makes_another_search(folder: Path) -> None:
    text = np.eye(6, dtype=np.float32)
    find()
    find([*HISTORIES[:2], [3, 1, 0, 4]])
    find([*HISTORIES[:2], [3, 4, 0, 2]])
    find(similar=Similarities(text=text))
    find(similar=Similarities(image=text))
    find(similar=Similarities(text=-text))
    find(seed=1)
    find(max_users=2)
    find(n_items=7)
    assert len(list(folder.iterdir())) == 9


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"config": {"newest": 0}}', b"\xff"])
def test_a_damaged_result_is_replaced(folder: Path, damage: bytes) -> None:
    found = find()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage)
    with pytest.warns(UserWarning, match="cannot be read"):
        assert find() == found
    assert path.read_bytes() == whole


def test_a_search_is_not_lost_where_nothing_can_be_written(folder: Path) -> None:
    folder.write_bytes(b"a file in place of the folder")
    with pytest.warns(UserWarning, match="cannot be") as caught:
        assert find().n_users == 3
    assert len(caught) == 2
