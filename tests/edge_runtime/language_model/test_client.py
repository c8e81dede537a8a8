"""Failures of the language model worker never affect the app."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_runtime.errors import BundleIntegrityError
from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.writer import WriterError

RUN_WORKER = "from edge_runtime.language_model.worker import main; main()"
CHOICES = ("It is blue.", "It is red.")

OBEDIENT = """
import json, sys
print("{}", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "text": request["choices"][0], "n_tokens": 1}), flush=True)
"""
# Answers every prompt but "sleep".
SLEEPY = OBEDIENT.replace(
    "request = json.loads(line)",
    "request = json.loads(line); __import__('time').sleep(60 * (request['prompt'] == 'sleep'))",
)
# Crashes on the prompt "die", as llama.cpp does on some inputs.
MORTAL = OBEDIENT.replace(
    "request = json.loads(line)",
    "request = json.loads(line)\n    if request['prompt'] == 'die': __import__('os').abort()",
)


@contextmanager
def a_writer(script: str, model: Path = Path("model.gguf"), timeout_s: float = 10.0) -> Iterator[LlamaWriter]:
    writer = LlamaWriter(model, context=64, timeout_s=timeout_s, command=(sys.executable, "-c", script))
    try:
        yield writer
    finally:
        writer.close()


def test_the_worker_starts_with_the_first_request_and_keeps_running() -> None:
    with a_writer(OBEDIENT) as writer:
        before = writer.process_id
        text = writer.write("x", CHOICES, 0)
        first = writer.process_id
        writer.write("y", CHOICES, 1)

        assert (before, text) == (None, CHOICES[0])
        assert first == writer.process_id


def test_a_crash_of_the_worker_fails_one_request_only() -> None:
    with a_writer(MORTAL) as writer:
        with pytest.raises(WriterError, match="stopped unexpectedly"):
            writer.write("die", CHOICES, 0)

        assert writer.write("x", CHOICES, 0) == CHOICES[0]


def test_killing_the_worker_during_a_request_fails_that_request_at_once() -> None:
    with a_writer(SLEEPY, timeout_s=60.0) as writer:
        writer.write("x", CHOICES, 0)
        victim = writer.process_id
        assert victim is not None
        killer = threading.Timer(0.2, os.kill, (victim, signal.SIGKILL))
        killer.start()
        started = time.monotonic()

        with pytest.raises(WriterError, match="stopped unexpectedly"):
            writer.write("sleep", CHOICES, 0)

        killer.join()
        assert time.monotonic() - started < 10
        assert writer.write("x", CHOICES, 0) == CHOICES[0]


def test_a_worker_killed_between_two_requests_is_restarted() -> None:
    with a_writer(OBEDIENT) as writer:
        writer.write("x", CHOICES, 0)
        victim = writer.process_id
        assert victim is not None
        os.kill(victim, signal.SIGKILL)

        with pytest.raises(WriterError, match="stopped unexpectedly"):
            writer.write("x", CHOICES, 0)

        assert writer.write("x", CHOICES, 0) == CHOICES[0]


def test_a_worker_that_exceeds_the_time_limit_is_stopped() -> None:
    with a_writer(SLEEPY, timeout_s=0.3) as writer:
        with pytest.raises(WriterError, match=r"within 0\.3 s"):
            writer.write("sleep", CHOICES, 0)

        assert writer.process_id is None


def test_after_two_failures_in_a_row_the_model_is_not_used_again() -> None:
    with a_writer(MORTAL) as writer:
        for _ in range(2):
            with pytest.raises(WriterError):
                writer.write("die", CHOICES, 0)

        with pytest.raises(WriterError, match="is not used again"):
            writer.write("x", CHOICES, 0)
        assert writer.process_id is None


def test_a_success_resets_the_failure_count() -> None:
    with a_writer(MORTAL) as writer:
        for _ in range(3):
            with pytest.raises(WriterError):
                writer.write("die", CHOICES, 0)

            assert writer.write("x", CHOICES, 0) == CHOICES[0]


@pytest.mark.parametrize("greeting", ["print('garbage')", "print('[]')", "pass"])
def test_an_invalid_first_message_is_a_failure(greeting: str) -> None:
    with a_writer(greeting) as writer, pytest.raises(WriterError):
        writer.write("x", CHOICES, 0)


@pytest.mark.parametrize("program", ["/nonexistent/python", "no\0program"])
def test_a_command_that_cannot_be_started_is_a_failure(program: str) -> None:
    writer = LlamaWriter(Path("model.gguf"), context=64, command=(program,))

    with pytest.raises(WriterError, match="could not be started"):
        writer.write("x", CHOICES, 0)


def test_if_no_thread_can_be_started_the_request_fails_and_no_worker_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    start, n_started = threading.Thread.start, 0

    def start_one_only(thread: threading.Thread) -> None:
        nonlocal n_started
        n_started += 1
        if n_started > 1:
            raise RuntimeError("can't start new thread")
        start(thread)

    with a_writer(OBEDIENT) as writer:
        monkeypatch.setattr(threading.Thread, "start", start_one_only)
        with pytest.raises(WriterError, match="could not be started: can't start new thread"):
            writer.write("x", CHOICES, 0)

        monkeypatch.undo()
        assert writer.write("x", CHOICES, 0) == CHOICES[0]


def test_a_file_that_does_not_match_its_digest_is_never_loaded() -> None:
    def forged() -> Path:
        raise BundleIntegrityError(Path("reasons.gguf"), expected="abc", found="def")

    writer = LlamaWriter(forged, context=64, command=("/nonexistent/python",))

    for _ in range(2):
        with pytest.raises(WriterError, match="the manifest says abc"):
            writer.write("x", CHOICES, 0)


def test_without_llama_cpp_the_reason_is_reported_and_no_worker_is_started_again(tmp_path: Path) -> None:
    without = f"import sys; sys.modules['llama_cpp'] = None; {RUN_WORKER}"

    with a_writer(without, tmp_path / "model.gguf") as writer:
        for _ in range(2):
            with pytest.raises(WriterError, match=r"llama-cpp-python is not installed.*pip install llama-cpp-python"):
                writer.write("x", CHOICES, 0)


def test_the_worker_ends_when_its_input_ends(tmp_path: Path) -> None:
    with a_writer(OBEDIENT) as writer:
        writer.write("x", CHOICES, 0)
        worker = writer.process_id
    assert worker is not None

    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert writer.process_id is None


def test_a_closed_writer_starts_no_worker() -> None:
    with a_writer(OBEDIENT) as writer:
        writer.write("x", CHOICES, 0)
        writer.close()
        writer.close()

        with pytest.raises(WriterError, match="was closed"):
            writer.write("x", CHOICES, 0)
        assert writer.process_id is None


def test_a_writer_closed_during_the_check_of_its_file_starts_no_worker(tmp_path: Path) -> None:
    def checked() -> Path:
        writer.close()
        return tmp_path / "model.gguf"

    mark = f"open({str(tmp_path / 'started')!r}, 'w')"
    writer = LlamaWriter(checked, context=64, command=(sys.executable, "-c", mark))

    with pytest.raises(WriterError, match="was closed"):
        writer.write("x", CHOICES, 0)

    assert not (tmp_path / "started").exists()


def test_several_threads_can_send_requests() -> None:
    with a_writer(OBEDIENT) as writer:
        answers: list[str] = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(writer.write("x", (f"It is {n}.", "No."), n)))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(answers) == [f"It is {n}." for n in range(8)]
