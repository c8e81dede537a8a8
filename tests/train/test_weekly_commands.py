"""A week later: new events and items, an items file in another order, and the commands that follow the last release."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live_server import POCKETREC
from tests.tiny_shop import write_shop
from train.data.folder import read_folder
from train.data.kept_rows import save_items


def pocketrec(*arguments: str | Path | int) -> dict[str, object]:
    command = [*POCKETREC, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def refused(*arguments: str | Path | float) -> str:
    done = subprocess.run([*POCKETREC, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode != 0
    return " ".join(done.stderr.replace("│", " ").split())


def reversed_rows(week: Path) -> Path:
    """Return the folder of a run in which the items of the first week have other rows."""
    shutil.copytree(week / "first", week / "reversed")
    lines = (week / "first" / "items.jsonl").read_text().splitlines(keepends=True)
    (week / "reversed" / "items.jsonl").write_text("".join(reversed(lines)))
    save_items(week / "reversed", read_folder(week / "reversed").catalogue)
    return week / "reversed"


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with last week's shop, full model and student, and with this week's shop."""
    folder = tmp_path_factory.mktemp("week")
    first = write_shop(folder / "first")
    pocketrec("train", "--data", first, "--out", folder / "teacher", "--dim", 16, "--max-epochs", 3)
    pocketrec("distill", "--run", folder / "teacher", "--data", first, "--out", folder / "student", "--max-epochs", 3)
    second = write_shop(folder / "second", n_users=90, n_items=40)
    lines = (second / "items.jsonl").read_text().splitlines(keepends=True)
    random.Random(0).shuffle(lines)
    (second / "items.jsonl").write_text("".join(lines))
    return folder


def test_a_warm_week_keeps_rows_encoder_and_books(week: Path) -> None:
    shop, teacher, student = week / "second", week / "teacher-2", week / "student-2"
    train = ("train", "--data", shop, "--dim", 16, "--warm-from", week / "teacher", "--out", teacher)

    pocketrec(*train, "--max-epochs", 2)
    pocketrec("distill", "--run", teacher, "--data", shop, "--warm-from", week / "student", "--out", student)
    measured = pocketrec("evaluate", "--run", student, "--data", shop)

    assert measured["n_items"] == 40
    for name in ("encoder", "prompts", "adapter"):
        file = f"{name}.safetensors"
        assert (student / file).read_bytes() == (week / "student" / file).read_bytes()
    again = refused("evaluate", "--run", week / "teacher", "--data", shop)
    assert "was trained on data with the digest" in again


def test_a_run_with_the_rows_of_another_needs_no_warm_start(week: Path) -> None:
    shop, out = week / "second", week / "cold"
    options = ("train", "--data", shop, "--dim", 16, "--max-epochs", 1, "--rows-of", week / "student", "--out", out)

    first = pocketrec(*options)
    resumed = pocketrec(*options[:-4], "--out", out, "--resume")

    assert first["valid_ndcg@10"] == resumed["valid_ndcg@10"]


def test_options_that_do_not_go_together_are_usage_errors(week: Path) -> None:
    shop, out = week / "second", week / "none"
    train, warm = ("train", "--data", shop, "--out", out), ("--warm-from", week / "teacher")
    distill = ("distill", "--run", week / "teacher", "--data", week / "first", "--out", out)

    assert "would move" in refused(*train, *warm, "--dim", 16, "--rows-of", reversed_rows(week))
    assert "nothing is trained" in refused(*train, *warm, "--backbone", "none")
    assert "`--dim` is 16 there, 64 given" in refused(*train, *warm)
    assert "needs --warm-from" in refused(*distill, "--code-gain", 0.5)
    assert not out.exists()
