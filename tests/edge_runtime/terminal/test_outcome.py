"""With ``--json`` a command prints one object on stdout, however it ends."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_runtime.errors import StateError
from edge_runtime.terminal.outcome import fail, next_command, print_result


@dataclass
class Report:
    release: int
    bundle: Path


def test_a_result_is_one_object_that_says_ok(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(Report(3, Path("device")))

    assert json.loads(capsys.readouterr().out) == {"ok": True, "release": 3, "bundle": "device"}


def test_a_result_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        print_result([1, 2])


def test_a_failure_keeps_what_was_found_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        fail(StateError("the file is damaged"), as_json=True, result={"release": 3})

    printed = capsys.readouterr()
    assert stopped.value.code == 1
    assert json.loads(printed.out) == {
        "ok": False,
        "error": {"type": "StateError", "message": "the file is damaged"},
        "release": 3,
    }
    assert printed.err == "error: the file is damaged\n"


def test_without_json_a_failure_prints_nothing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(StateError("the file is damaged"), as_json=False)

    assert capsys.readouterr().out == ""


def test_the_notes_of_a_failure_follow_it(capsys: pytest.CaptureFixture[str]) -> None:
    error = StateError("the file is damaged")
    error.add_note("the server was told")
    with pytest.raises(SystemExit):
        fail(error, as_json=False)

    assert capsys.readouterr().err == "error: the file is damaged\nthe server was told\n"


def test_the_next_command_can_be_pasted() -> None:
    assert next_command("verify", Path("my bundles/b"), "--data", "d'x") == (
        "Next: pocketrec verify 'my bundles/b' --data 'd'\"'\"'x'"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["inspect", "nowhere", "--json"], 1, "BundleError"),
        (["recommend", "nowhere", "--json", "--diversity", "7"], 2, "BadParameter"),
        (["recommend", "--json"], 2, "MissingParameter"),
        (["check", "nowhere", "--json"], 1, "DataError"),
        (["evaluate", "--suite", "all", "--data", "d", "--json"], 2, "UsageError"),
    ],
)
def test_every_command_that_fails_prints_the_same_envelope(arguments: list[str], code: int, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", *arguments], capture_output=True, text=True, check=False
    )

    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"], answer["error"]["type"]) == (code, False, kind)
    assert answer["error"]["message"].split("\n")[0] in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--run", "my r", "--data", "my d", "--checks", "--json"], "sanity-check --json --run 'my r' --data 'my d'"),
        (["--front", "--run", "r", "--data", "d"], "diversity --run r --data d"),
        (["--run", "r", "--data=d", "--floors"], "baselines --data=d"),
        (["--suite", "corec", "--data", "d", "--out", "o"], "compare corec --data d --out o"),
        (["--suite=corec", "--data", "d"], "compare"),
    ],
)
def test_an_option_that_became_a_command_is_refused_with_the_line_to_paste(arguments: list[str], line: str) -> None:
    code, message = usage_error("evaluate", *arguments)

    assert code == 2
    assert f"is now a command: `pocketrec {line}`" in message
    assert "Invalid value" not in message


def test_a_renamed_option_is_refused_with_its_new_name() -> None:
    assert "--variety is now called --diversity" in usage_error("recommend", "b", "--variety", "0.5")[1]


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    assert "Did you mean `pocketrec recommend`?" in usage_error("recomend", "b")[1]
    assert "No such command 'xyzzy'" in usage_error("xyzzy")[1]


def usage_error(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join(done.stderr.split())
