"""Process handling of the worker: stopping, time limits, forks and orphans, with real processes and signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_runtime.language_model.client import LlamaWriter
from edge_runtime.language_model.writer import WriterError

CHOICES = ("It is blue.", "It is red.")
BEYOND_A_PIPE = "x" * (1 << 20)

# The real worker with a fake model that returns the prompt, after the number of seconds given in it.
WORKER = """
import time
import edge_runtime.language_model.worker as worker

class Echo:
    def use(self, adapter):
        pass

    def choose(self, prompt, choices, seed):
        if prompt.startswith("sleep"):
            time.sleep(float(prompt.removeprefix("sleep")))
        return prompt, 1

worker.load = lambda path, context: Echo()
worker.main()
"""
# An app that sends one request, prints the process id of its worker, and then waits.
APP = f"""
import os, signal, sys, threading
from pathlib import Path
from edge_runtime.language_model.client import LlamaWriter

writer = LlamaWriter(Path("model"), context=64, timeout_s=60.0, command=(sys.executable, "-c", {WORKER!r}))
assert writer.write("ready", ("a", "b"), 0) == "ready"
print(writer.process_id, flush=True)
"""


@contextmanager
def a_writer(timeout_s: float = 60.0, script: str = WORKER) -> Iterator[LlamaWriter]:
    command = (sys.executable, "-c", script)
    writer = LlamaWriter(Path("model.gguf"), context=64, timeout_s=timeout_s, command=command)
    try:
        yield writer
    finally:
        writer.close()


@contextmanager
def an_app(rest: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Start an app with a worker; yield it and the worker's process id."""
    with subprocess.Popen([sys.executable, "-c", APP + rest], stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        try:
            yield app, int(app.stdout.readline())
        finally:
            app.kill()


def is_running(process_id: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rsplit(")", 1)[1].split()[0] not in "ZX"


def wait_for_the_end_of(process_id: int) -> None:
    while is_running(process_id):  # the suite's time limit is the limit
        time.sleep(0.02)


def stopped(writer: LlamaWriter) -> int:
    """Stop the worker of ``writer`` after its first answer; return its process id."""
    writer.write("x", CHOICES, 0)
    worker = writer.process_id
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    return worker


@contextmanager
def ctrl_c_soon() -> Iterator[None]:
    main = threading.main_thread().ident
    assert main is not None
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what runs in background
    timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    yield
    timer.join()
    signal.signal(signal.SIGINT, before)


def test_a_request_larger_than_the_pipe_to_a_stopped_worker_times_out() -> None:
    with a_writer(timeout_s=5.0) as writer:
        worker = stopped(writer)

        with pytest.raises(WriterError, match="did not answer within 5 s"):
            writer.write(BEYOND_A_PIPE, CHOICES, 0)

        assert not is_running(worker)
        assert writer.write("x", CHOICES, 0) == "x"


def test_a_request_larger_than_the_pipe_is_answered() -> None:
    with a_writer() as writer:
        assert writer.write(BEYOND_A_PIPE[: 1 << 19], CHOICES, 0) == BEYOND_A_PIPE[: 1 << 19]


def test_closing_does_not_wait_for_a_pending_request_and_starts_no_new_worker() -> None:
    with a_writer() as writer:
        worker = stopped(writer)
        failures: list[str] = []

        def ask() -> None:
            try:
                writer.write(BEYOND_A_PIPE, CHOICES, 0)
            except WriterError as error:
                failures.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()

        writer.close()

        for thread in threads:
            thread.join()
        assert failures == ["the language model was closed"] * 3
        assert not is_running(worker)
        assert writer.process_id is None


def test_closing_a_writer_during_the_start_of_its_worker_stops_the_worker() -> None:
    with a_writer(script="import time; time.sleep(600)") as writer:
        failures: list[str] = []

        def ask() -> None:
            try:
                writer.write("x", CHOICES, 0)
            except WriterError as error:
                failures.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        while (worker := writer.process_id) is None:
            time.sleep(0.01)

        writer.close()

        thread.join()
        assert failures == ["the language model was closed"]
        assert not is_running(worker)


def test_the_late_answer_to_a_cancelled_request_is_not_used_for_the_next_one() -> None:
    with a_writer() as writer:
        writer.write("x", CHOICES, 0)
        before = writer.process_id
        with ctrl_c_soon(), pytest.raises(KeyboardInterrupt):
            writer.write("sleep 0.6", CHOICES, 0)

        answer = writer.write("mine", CHOICES, 0)

        assert answer == "mine"
        assert writer.process_id == before


def test_an_interrupt_during_the_start_of_the_worker_stops_it() -> None:
    with a_writer(script=f"import time; time.sleep(0.5)\n{WORKER}") as writer:
        with ctrl_c_soon(), pytest.raises(KeyboardInterrupt):
            writer.write("x", CHOICES, 0)

        assert writer.process_id is None
        assert writer.write("y", CHOICES, 0) == "y"


def test_a_forked_process_uses_its_own_worker_and_the_parent_keeps_its_worker() -> None:
    forking = """
worker = writer.process_id
child = os.fork()
if child == 0:
    answers = [writer.write(f"child {n}", ("a", "b"), 0) for n in range(20)]
    own = writer.process_id
    writer.close()
    os._exit(0 if answers == [f"child {n}" for n in range(20)] and own != worker else 1)
answers = [writer.write(f"parent {n}", ("a", "b"), 0) for n in range(20)]
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), answers == [f"parent {n}" for n in range(20)], writer.process_id == worker)
writer.close()
"""
    with an_app(forking) as (app, _):
        assert app.stdout is not None

        assert app.stdout.read().split() == [b"0", b"True", b"True"]
        assert app.wait() == 0


def test_a_process_forked_during_a_request_can_send_requests() -> None:
    forking = """
asking = threading.Thread(target=writer.write, args=("sleep 1", ("a", "b"), 0))
asking.start()
while not writer._lock.locked():
    pass
child = os.fork()
if child == 0:
    os._exit(0 if writer.write("child", ("a", "b"), 0) == "child" else 1)
asking.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), writer.write("parent", ("a", "b"), 0))
"""
    with an_app(forking) as (app, _):
        assert app.stdout is not None

        assert app.stdout.read().split() == [b"0", b"parent"]


@pytest.mark.parametrize(
    "rest",
    [
        "signal.pause()",
        # In the middle of a long computation.
        'writer.write("sleep 600", ("a", "b"), 0)',
        # A forked process that lives on holds what it inherited.
        "if os.fork(): signal.pause()\nelse: os.close(1); __import__('time').sleep(30)",
    ],
    ids=["idle", "computing", "a forked process lives on"],
)
def test_the_worker_ends_with_an_app_that_is_killed(rest: str) -> None:
    with an_app(rest) as (app, worker):
        assert is_running(worker)

        app.kill()
        app.wait()

        wait_for_the_end_of(worker)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped process ends when it is continued")
def test_a_stopped_worker_ends_with_an_app_that_is_killed() -> None:
    with an_app("signal.pause()") as (app, worker):
        os.kill(worker, signal.SIGSTOP)

        app.kill()
        app.wait()

        wait_for_the_end_of(worker)
        assert not is_running(worker)


def test_a_worker_outlives_the_thread_that_sent_the_first_request() -> None:
    with a_writer() as writer:
        asking = threading.Thread(target=writer.write, args=("x", CHOICES, 0))
        asking.start()
        asking.join()
        worker = writer.process_id

        assert writer.write("y", CHOICES, 0) == "y"
        assert writer.process_id == worker
