"""Runs modules such as the commands of pocketrec in processes of their own that need not import PyTorch again.

A server process imports what takes long and forks for each run. So every run has its own memory, working folder,
environment, streams and exit code, as with ``python -m``, some seconds sooner.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from export.steps import Steps

COMMANDS: Final = (
    "torch._dynamo", "accelerate", "polars", "scipy.sparse.linalg", "train.distill.distillation",
    "train.evaluation.context", "train.full_model.recipes", "export.bundle", "export.verify",
)  # fmt: skip
"""What the commands of training and export import."""

_ROOT = Path(__file__).parents[1]


class Forks:
    """A server that forks.

    Args:
        process: the server, with its pipes.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(
        self,
        module: str,
        *arguments: str | Path | float,
        folder: Path | None = None,
        typed: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``python -m MODULE ARGUMENTS``.

        Args:
            module: name of the module.
            arguments: words after it.
            folder: the working folder [default: that of this process].
            typed: standard input.
            environment: its variables [default: those of this process]; libraries have seen those of the server.
        """
        words = [module, *map(str, arguments)]
        with tempfile.TemporaryDirectory(prefix="pocketrec-fork-") as name:
            streams = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
            streams[0].write_text(typed, "utf-8")
            request = {
                "words": words,
                "folder": str(folder or Path.cwd()),
                "streams": [str(one) for one in streams],
                "environment": dict(os.environ if environment is None else environment),
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            printed = [stream.read_text("utf-8") for stream in streams[1:]]
        return subprocess.CompletedProcess(words, code, *printed)


@contextmanager
def forks_with(*libraries: str) -> Iterator[Forks]:
    """Start a server that imports these libraries, and stop it."""
    command = [sys.executable, "-m", "tests.forked_commands", *libraries]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Forks(process)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class ForkedCommands:
    """Runs ``pocketrec``; ``forks`` is a server with :data:`COMMANDS`."""

    forks: Forks

    def __call__(
        self,
        *arguments: str | Path | float,
        folder: Path | None = None,
        typed: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``pocketrec ARGUMENTS``; see :meth:`Forks.run`."""
        return self.forks.run("edge_runtime", *arguments, folder=folder, typed=typed, environment=environment)


@dataclass
class ForkedSteps(Steps):
    """Steps of the demo, each in a process that is forked.

    Attributes:
        commands: runs them.
    """

    commands: ForkedCommands = field(kw_only=True)

    def run(self, name: str, *arguments: str | Path, may_fail: bool = False) -> dict[str, Any]:
        """Run ``pocketrec ARGUMENTS --json`` and return the object that it printed."""
        started = time.perf_counter()
        done = self.commands(*arguments, "--json")
        assert done.returncode in ((0, 1) if may_fail else (0,)), done.stderr
        self.costs.append({"step": name, "seconds": time.perf_counter() - started, "peak_memory_mib": 0})
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def _serve(libraries: list[str]) -> None:
    """Fork for each request, one line of JSON each, and answer with the exit code."""
    for name in libraries:
        importlib.import_module(name)
    with os.fdopen(os.dup(0)) as requests:  # a child finds its standard input unread
        while line := requests.readline():
            child = os.fork()
            if child == 0:
                _run(json.loads(line))
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
            sys.stdout.flush()


def _run(request: dict[str, Any]) -> NoReturn:
    """Become the process of a request."""
    code = 0
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        for number, path in enumerate(request["streams"]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
        module, *arguments = request["words"]
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - Python would print it and exit with 1
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1:])
