"""A week later: new events and items, an items file in another order, and the commands that follow the last release."""

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.forked_commands import ForkedCommands
from tests.tiny_shop import write_shop
from train.data.folder import read_folder
from train.data.kept_rows import save_items


def pocketrec(commands: ForkedCommands, *arguments: str | Path | int) -> dict[str, object]:
    done = commands(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def refused(commands: ForkedCommands, *arguments: str | Path | float) -> str:
    done = commands(*arguments)
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
def week(commands: ForkedCommands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with last week's shop, full model and student, and with this week's shop."""
    folder = tmp_path_factory.mktemp("week")
    first = write_shop(folder / "first")
    pocketrec(commands, "train", "--data", first, "--out", folder / "teacher", "--dim", 16, "--max-epochs", 3)
    distil = ("distill", "--run", folder / "teacher", "--data", first, "--out", folder / "student")
    pocketrec(commands, *distil, "--max-epochs", 3)
    second = write_shop(folder / "second", n_users=90, n_items=40)
    lines = (second / "items.jsonl").read_text().splitlines(keepends=True)
    random.Random(0).shuffle(lines)
    (second / "items.jsonl").write_text("".join(lines))
    return folder


def test_a_warm_week_keeps_rows_encoder_and_books(commands: ForkedCommands, week: Path) -> None:
    shop, teacher, student = week / "second", week / "teacher-2", week / "student-2"
    train = ("train", "--data", shop, "--dim", 16, "--warm-from", week / "teacher", "--out", teacher)

    pocketrec(commands, *train, "--max-epochs", 2)
    pocketrec(commands, "distill", "--run", teacher, "--data", shop, "--warm-from", week / "student", "--out", student)
    measured = pocketrec(commands, "evaluate", "--run", student, "--data", shop)

    assert measured["n_items"] == 40
    for name in ("encoder", "prompts", "adapter"):
        file = f"{name}.safetensors"
        assert (student / file).read_bytes() == (week / "student" / file).read_bytes()
    again = refused(commands, "evaluate", "--run", week / "teacher", "--data", shop)
    assert "was trained on data with the digest" in again


def test_a_run_with_the_rows_of_another_needs_no_warm_start(commands: ForkedCommands, week: Path) -> None:
    shop, out = week / "second", week / "cold"
    options = ("train", "--data", shop, "--dim", 16, "--max-epochs", 1, "--rows-of", week / "student", "--out", out)

    first = pocketrec(commands, *options)
    resumed = pocketrec(commands, *options[:-4], "--out", out, "--resume")

    assert first["valid_ndcg@10"] == resumed["valid_ndcg@10"]


def test_options_that_do_not_go_together_are_usage_errors(commands: ForkedCommands, week: Path) -> None:
    shop, out = week / "second", week / "none"
    train, warm = ("train", "--data", shop, "--out", out), ("--warm-from", week / "teacher")
    distill = ("distill", "--run", week / "teacher", "--data", week / "first", "--out", out)

    assert "would move" in refused(commands, *train, *warm, "--dim", 16, "--rows-of", reversed_rows(week))
    assert "nothing is trained" in refused(commands, *train, *warm, "--backbone", "none")
    assert "`--dim` is 16 there, 64 given" in refused(commands, *train, *warm)
    assert "needs --warm-from" in refused(commands, *distill, "--code-gain", 0.5)
    assert not out.exists()
