"""``pocketrec run`` as a process: through a pipe, on a terminal, interrupted and killed."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_runtime.state.history import History

TIMEOUT_S = 30


def command(bundle: Path, *more: str | Path) -> list[str]:
    return [sys.executable, "-m", "edge_runtime", "run", str(bundle), *map(str, more)]


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"XDG_STATE_HOME": str(home), "TERM": "xterm", "COLUMNS": "100"}


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.seen = ""

    def read_until(self, text: str) -> None:
        """Read the output until it contains ``text``."""
        end = time.monotonic() + TIMEOUT_S
        while text not in self.seen:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} did not appear in {self.seen!r}"
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # the other side is gone
                data = b""
            assert data, f"the process ended before {text!r}: {self.seen!r}"
            self.seen += data.decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())


def as_from_a_shell() -> None:
    """Let SIGHUP end the process, even if the tests run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def terminal(arguments: list[str], home: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(home),
            start_new_session=True,
            preexec_fn=as_from_a_shell,
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(process, ours)
            finally:
                process.kill()
    finally:
        os.close(ours)


def test_a_script_can_use_it_through_a_pipe(bundle: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(bundle, "--state", tmp_path / "s"),
        input="rose cream\nlike 1\nwhy 1\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env=environment(tmp_path),
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "> like 1" in done.stdout
    assert "\x1b" not in done.stdout
    with History.open(tmp_path / "s") as history:
        assert [event.event for event in history.newest()] == ["like"]


def test_the_history_has_a_default_file_per_user(bundle: Path, tmp_path: Path) -> None:
    subprocess.run(
        command(bundle), input="like 1\n", text=True, capture_output=True, env=environment(tmp_path), check=True
    )

    files = [file for file in (tmp_path / "pocketrec").iterdir() if file.suffix == ".sqlite"]

    assert len(files) == 1
    assert files[0].name.startswith("tiny-shop")


def test_ctrl_c_on_a_terminal_loses_nothing(bundle: Path, tmp_path: Path) -> None:
    with terminal(command(bundle, "--state", tmp_path / "s"), tmp_path) as session:
        session.read_until("> ")
        session.type("like 1\n")
        session.read_until("recommended for you")
        session.process.send_signal(signal.SIGINT)
        session.read_until("Bye. 1 event saved")

        assert session.process.wait(TIMEOUT_S) == 0
    assert "Traceback" not in session.seen


def test_the_end_of_the_input_ends_the_session_cleanly(bundle: Path, tmp_path: Path) -> None:
    with terminal(command(bundle, "--state", tmp_path / "s"), tmp_path) as session:
        session.read_until("> ")
        session.type("\x04")
        session.read_until("Bye.")

        assert session.process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_kill_during_a_session_loses_nothing(bundle: Path, tmp_path: Path, kill: signal.Signals) -> None:
    with terminal(command(bundle, "--state", tmp_path / "s"), tmp_path) as session:
        session.read_until("> ")
        session.type("like 1\n")
        session.read_until("recommended for you")
        session.type("dislike 1\n")
        session.read_until("hid: ")
        session.process.send_signal(kill)

        assert session.process.wait(TIMEOUT_S) == -kill

    with History.open(tmp_path / "s") as history:
        assert [event.event for event in history.newest()] == ["dislike", "like"]


def test_an_unknown_language_is_an_error_of_one_line(bundle: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(bundle, "--language", "it"), env=environment(tmp_path), capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "it" in done.stderr
    assert "'zh'" in done.stderr


def test_a_parser_that_the_bundle_lacks_is_said(bundle: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(bundle, "--parser", "model"), input="quit\n", env=environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "`--parser model` has no effect" in done.stdout
    assert "Rules parse your sentences." in done.stdout
