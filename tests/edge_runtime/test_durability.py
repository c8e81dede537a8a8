"""A kill at any moment loses no acknowledged event."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime import Recommender
from edge_runtime.state.history import History

OBSERVER = """
import sys
from pathlib import Path
from edge_runtime import Recommender
with Recommender.open(Path(sys.argv[1]), Path(sys.argv[2])) as recommender:
    for number in range(100_000):
        recommender.observe(f"item-{number % int(sys.argv[3])}", "click")
        print(number, flush=True)
"""


def observe_and_kill(bundle: Path, state: Path, n_lines: int, n_items: int = 100_000) -> int:
    """Observe so many items in turn; return the last event that was acknowledged before the kill."""
    command = [sys.executable, "-c", OBSERVER, str(bundle), str(state), str(n_items)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(n_lines):
            line = process.stdout.readline()
        process.kill()
        rest = process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    return int(rest[-1]) if rest else int(line)


def test_acknowledged_events_survive_a_kill(bundle: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    for round_ in range(6):
        state = tmp_path / f"s-{round_}.sqlite"
        last = observe_and_kill(bundle, state, rng.randint(1, 60))

        with History.open(state) as history:
            found = [event.item_id for event in reversed(history.newest())]

        assert found[: last + 1] == [f"item-{number}" for number in range(last + 1)]
        assert len(found) <= last + 2


def test_a_session_continues_after_a_kill(bundle: Path, tmp_path: Path) -> None:
    state = tmp_path / "s.sqlite"
    observe_and_kill(bundle, state, 3, n_items=20)  # of 40, so that others are left to recommend

    with Recommender.open(bundle, state) as recommender:
        n_events = len(recommender.history())
        listed = [item.item_id for item in recommender.recommend(5)]
        recommender.observe(listed[0])
        assert len(recommender.history()) == n_events + 1

    assert not set(listed) & {f"item-{number}" for number in range(3)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads which files a process opens")
def test_only_the_state_file_and_its_log_are_written(bundle: Path, tmp_path: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in bundle.iterdir()}

    with Recommender.open(bundle, tmp_path / "s.sqlite") as recommender:
        recommender.observe("item-1")
        recommender.recommend(3)

    assert {file.name: file.stat().st_mtime_ns for file in bundle.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.sqlite"]
