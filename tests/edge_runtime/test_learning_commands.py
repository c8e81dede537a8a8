"""``pocketrec learn`` trains what is due, says whether it is used, and is a switch."""

import json
import subprocess
from pathlib import Path

import pytest

from edge_runtime import Recommender, StateError
from edge_runtime.learning.personal import STEPS_VARIABLE
from edge_runtime.learning_commands import learn
from tests.live_server import POCKETREC
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_learning import QUICK, make_learning_bundle, one_taste


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_learning_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def state(bundle: Path, tmp_path: Path) -> Path:
    with Recommender.open(bundle, tmp_path / "s.sqlite") as recommender:
        for item_id in one_taste(bundle):
            recommender.observe(item_id)
    return tmp_path / "s.sqlite"


def test_it_learns_and_says_whether_it_helps(bundle: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn(bundle, state, seconds=60.0)

    shown = capsys.readouterr().out
    assert shown.startswith("The lists are adapted to you:")
    assert "Tried on 9 events" in shown
    assert f"{2 * QUICK.updates} steps now, {2 * QUICK.updates} of 200 today" in shown
    assert str(state) in shown


def test_zero_seconds_show_the_status_only(bundle: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn(bundle, state, seconds=0.0)

    shown = capsys.readouterr().out
    assert f"0 of {QUICK.updates} updates" in shown
    assert "Next:" in shown


def test_json_has_the_status(bundle: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn(bundle, state, seconds=60.0, as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert found["n_steps"] == 2 * QUICK.updates
    assert found["status"]["state"] == "helps"
    assert found["status"]["used"] is True
    assert found["status"]["decision"]["n_tried"] == 9
    assert found["state_file"] == str(state)


@pytest.mark.parametrize("steps", ["1", "3"])
def test_it_says_that_todays_steps_are_used_up(
    bundle: Path, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, steps)

    learn(bundle, state, seconds=60.0)
    shown = capsys.readouterr().out
    learn(bundle, state, seconds=60.0, as_json=True)

    assert "It goes on tomorrow" in shown
    assert STEPS_VARIABLE in shown
    assert "Next:" not in shown
    assert json.loads(capsys.readouterr().out)["paused"] is True


@pytest.mark.parametrize("command", ["learn", "run"])
def test_a_variable_that_is_no_number_is_an_error_without_a_traceback(
    bundle: Path, state: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, "many")

    done = subprocess.run(
        [*POCKETREC, command, bundle, "--state", state], input="learning\n", capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "error: POCKETREC_LEARN_STEPS_A_DAY must be a whole number of steps" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_switch_does_nothing_else(bundle: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn(bundle, state, switch=False)
    assert "learning is switched off" in capsys.readouterr().out
    learn(bundle, state, seconds=60.0)
    assert "0 steps now" in capsys.readouterr().out

    learn(bundle, state, switch=True)
    assert f"0 of {QUICK.updates} updates" in capsys.readouterr().out


def test_a_bundle_that_does_not_learn_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_tiny_bundle(tmp_path / "bundle")
    Recommender.open(tmp_path / "bundle", tmp_path / "s.sqlite").close()

    learn(tmp_path / "bundle", tmp_path / "s.sqlite")

    assert "this bundle has no settings for learning" in capsys.readouterr().out


def test_a_mistyped_path_creates_no_history(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no history"):
        learn(bundle, tmp_path / "other.sqlite")

    assert not (tmp_path / "other.sqlite").exists()
