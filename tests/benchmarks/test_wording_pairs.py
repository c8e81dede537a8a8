"""Answers of judges are counted by what each was shown, whatever its order."""

import json
from pathlib import Path

import pytest

from benchmarks.wording_pairs import count


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two judges: pair, and whether the language model's list is the first, in each one's order."""
    key = [[[0, 1], [1, 0], [2, 1]], [[2, 0], [1, 1], [0, 0]]]
    (tmp_path / "key.json").write_text(json.dumps(key), "utf-8")
    return tmp_path


def answers(folder: Path, *by_judge: str) -> list[Path]:
    paths = [folder / f"judge-{number}.txt" for number in range(len(by_judge))]
    for path, lines in zip(paths, by_judge, strict=True):
        path.write_text("\n".join(lines), "utf-8")
    return paths


def test_judges_who_always_prefer_the_language_model_agree_in_every_order(folder: Path) -> None:
    found = count(folder, answers(folder, "121", "212"))

    assert found["language_model_preferred"] == 1
    assert found["interval"] == [1, 1]
    assert found["agreement"] == 1


def test_a_tie_is_half_a_preference(folder: Path) -> None:
    found = count(folder, answers(folder, "===", "121"))

    assert found["by_judge"] == [0.5, 0]
    assert found["language_model_preferred"] == 0.25
    assert found["ties"] == 0.5


def test_a_sheet_with_too_few_answers_is_named(folder: Path) -> None:
    with pytest.raises(SystemExit, match=r"judge-1\.txt: expected 3 lines"):
        count(folder, answers(folder, "121", "21"))
