"""The commands ``check``, ``import`` and ``world`` and their output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.cli import main
from tests.train.data.data_folders import EVENTS, ITEMS, events, write
from tests.train.data.test_importers import DAT
from train.data.summary import FEW_EVENTS, advice_for


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_check_prints_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("check", str(write(tmp_path / "shop", {"interactions.csv": EVENTS, "items.jsonl": ITEMS})))

    said = capsys.readouterr().out
    assert code == 0
    for phrase in ("users", "1 to 3, median 2", "66.667%", "2023-11-14 to 2023-11-14", "fewer than 3 events"):
        assert phrase in said


def test_check_prints_one_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = write(tmp_path / "shop", {"interactions.csv": EVENTS + b"v,x,1700000009\n", "items.jsonl": ITEMS})

    assert run("check", str(bad), "--skip-bad-rows", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["ok"]
    assert (summary["users"], summary["events"], summary["skipped"]) == (2, 4, {"unknown item": 1})

    assert run("check", str(bad), "--json") == 1
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert not answer["ok"]
    assert (answer["problems"][0]["file"], answer["problems"][0]["rows"]) == ("interactions.csv", [6])
    assert "error:" in captured.err


def test_check_says_what_is_worth_it_with_few_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", str(write(tmp_path / "shop", {"interactions.csv": EVENTS, "items.jsonl": ITEMS})))

    assert "Use --instant" in capsys.readouterr().out
    assert advice_for(FEW_EVENTS) is None


def test_check_of_positions_shows_no_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", str(write(tmp_path / "shop", {"interactions.csv": events("u,a,0", "u,b,1"), "items.jsonl": ITEMS})))

    assert "no clock" in capsys.readouterr().out


def test_import_prints_what_was_left_out_and_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write(tmp_path / "ml", DAT)

    assert run("import", "movielens", str(source), "--out", str(tmp_path / "out"), "--k-core", "2") == 0
    assert "1 events outside the 2-core" in capsys.readouterr().out
    assert run("import", "movielens", str(source), "--out", str(tmp_path / "out")) == 1
    assert "existing files are not overwritten" in capsys.readouterr().err


def test_import_prints_one_json_object_with_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "ml", {**DAT, "ratings.dat": DAT["ratings.dat"] + b"3::10::5::soon\n3::99::5::7\n"})

    code = run("import", "movielens", str(source), "--out", str(tmp_path / "out"), "--k-core", "2", "--json")

    answer = json.loads(capsys.readouterr().out)
    assert (code, answer["ok"], answer["name"], answer["events"]) == (0, True, "out", 4)
    assert answer["imported"]["left_out"] == {
        "broken_event_lines": 1,
        "broken_item_lines": 0,
        "events_of_unknown_items": 1,
        "duplicate_events": 0,
        "events_outside_of_core": 1,
    }
    assert [(problem["file"], problem["rows"]) for problem in answer["imported"]["problems"]] == [("ratings.dat", [6])]
    assert run("check", str(tmp_path / "out"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == answer["digest"]


@pytest.mark.parametrize(
    "arguments", [("check",), ("import", "netflix", "x", "--out", "y"), ("world", "--out", "x", "--seed", "-1")]
)
def test_misuse_exits_with_two(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert capsys.readouterr().err


HOSTILE = (
    b'{"item_id": "a", "title": "[/x] Tent :heart:", "[/x]": "y", "\\u001b[2J": "z", "[bold]": "w"}\n'
    b'{"item_id": "b", "title": "\\u001b]0;window\\u0007 Mat"}\n{"item_id": "c", "title": "Mug"}\n'
)


@pytest.mark.parametrize("name", ["shop", "[bold] shop [", ":heart: [b]"])
def test_names_and_titles_are_not_interpreted_as_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = write(tmp_path / "[" / name, {"interactions.csv": EVENTS, "items.jsonl": HOSTILE})

    assert run("check", str(folder)) == 0

    said = capsys.readouterr().out
    assert name in said
    assert "with [/x]" in said
    assert "with [bold]" in said
    assert "\x1b" not in said


def test_invalid_values_are_shown_verbatim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = events("u,a,1700000000", "u,[/x],1700000001", "v,\x1b[2J,1700000002", "v,[bold]:heart:,soon")

    assert run("check", str(write(tmp_path / "[/x]", {"interactions.csv": rows, "items.jsonl": ITEMS}))) == 1

    said = capsys.readouterr().err
    assert "[/x]: 3 kinds of problem" in said
    assert "'[/x]'" in said
    assert "\x1b" not in said


CYRILLIC = '{"item_id": "a", "title": "Чай", "вкус": "мёд"}\n{"item_id": "b", "title": "日本"}\n'.encode()


@pytest.mark.parametrize(("encoding", "more"), [("cp1252", ()), ("ascii", ()), ("utf-8", ()), ("cp1252", ("--json",))])
def test_what_a_terminal_cannot_encode_is_replaced(tmp_path: Path, encoding: str, more: tuple[str, ...]) -> None:
    rows = events("u,a,1700000000", "u,b,1700000001")
    folder = write(tmp_path / "магазин", {"interactions.csv": rows, "items.jsonl": CYRILLIC})

    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "check", folder, *more],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    replaced = encoding != "utf-8" and not more
    assert ("with ????" in done.stdout.decode(encoding)) if replaced else ("вкус" in done.stdout.decode())
