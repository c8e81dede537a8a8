"""A session learns while it waits for a line, says when lists change for it, and can switch it off."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from edge_runtime import Recommender
from edge_runtime.terminal.console import Console
from edge_runtime.views.idle import IdleLearner
from edge_runtime.views.screen import Screen
from edge_runtime.views.session import Session
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_learning import make_learning_bundle, no_taste, one_taste


class Slow:
    """Input lines of a user who types the next one only when something has happened."""

    echoes = True

    def __init__(self, *lines: str, until: Callable[[], bool]) -> None:
        self._lines = list(lines)
        self._until = until

    def read(self, prompt: str) -> str | None:
        end = time.monotonic() + 60
        while not self._until():
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.01)
        return self._lines.pop(0) if self._lines else None


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_learning_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def session(bundle: Path, history: list[str], *lines: str, until: set[str]) -> str:
    """Return the output of a session whose user waits before each line until learning has come to one of the states."""
    screen = io.StringIO()
    with Recommender.open(bundle) as recommender:
        for item_id in history:
            recommender.observe(item_id)
        typed = Slow(*lines, until=lambda: recommender.learning.state in until)
        Session(recommender, typed, Screen(Console(file=screen, width=200)), Path("s.sqlite")).run()
    return screen.getvalue()


def test_while_it_waits_it_learns_and_says_that_the_lists_are_adapted(bundle: Path) -> None:
    output = session(bundle, one_taste(bundle), "list", "list", until={"helps"})

    assert output.count("The lists are adapted to you:") == 1


def test_a_switch_in_a_session_is_answered_once(bundle: Path) -> None:
    output = session(bundle, one_taste(bundle), "list", "learning off", "learning on", until={"helps", "off"})

    assert output.count("because learning is switched off") == 1
    assert output.count("The lists are adapted to you:") == 2


def test_an_adapter_that_does_not_help_is_explained_when_asked(bundle: Path) -> None:
    output = session(bundle, no_taste(bundle), "list", "learning", until={"does not help"})

    assert output.count("did not predict your 9 newest events clearly better") == 1


def test_learning_is_switched_off_and_on(bundle: Path) -> None:
    output = session(bundle, [], "learning off", until={"few events", "off"})
    assert "because learning is switched off" in output

    with Recommender.open(bundle) as recommender:
        recommender.switch_learning(on=False)
        screen = io.StringIO()
        lines = Slow("learning on", "learning maybe", "learning 3", until=lambda: True)
        Session(recommender, lines, Screen(Console(file=screen, width=200)), Path("s.sqlite")).run()
    assert "there are 0" in screen.getvalue()
    assert "`learning` takes no argument, `on` or `off`; found '3'" in screen.getvalue()


def test_a_bundle_that_does_not_learn_says_so_when_asked(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "plain")

    output = session(tmp_path / "plain", [], "list", "learning", until={"unavailable"})

    assert output.count("The lists are not adapted to you, because this bundle has no settings for learning") == 1


def test_a_session_that_is_closed_while_the_last_piece_is_learned_ends() -> None:
    has_begun = threading.Event()

    def learn(seconds: float) -> SimpleNamespace:
        has_begun.set()
        time.sleep(2 * seconds)  # long enough for the session to be closed meanwhile
        return SimpleNamespace(finished=True, paused=False)

    recommender = cast(Recommender, SimpleNamespace(manifest=SimpleNamespace(learning=object()), learn=learn))

    def wait_for_a_line() -> None:
        with IdleLearner(recommender) as learner, learner.waiting():
            assert has_begun.wait(60)

    session = threading.Thread(target=wait_for_a_line, daemon=True)
    session.start()
    session.join(60)
    assert not session.is_alive()
