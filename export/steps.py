"""Runs commands of pocketrec one after the other, each in a process of its own, and chains those that make a student.

So the time and peak memory of each can be measured, each can be repeated by hand, and a second run reuses what is done.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime import child
from edge_runtime.errors import PocketRecError

# Users on whom a bundle is verified without training.
INSTANT_USERS = 1000
INSTANT = ["--backbone", "none", "--plugins", "transitions"]
_LEAVING_S = 5.0


@dataclass
class Steps:
    """Runs commands one after the other and records the time and memory of each."""

    out: Path
    costs: list[dict[str, Any]] = field(default_factory=list)

    def run(self, name: str, *arguments: str | Path, may_fail: bool = False) -> dict[str, Any]:
        """Run ``pocketrec ARGUMENTS --json`` and return the object that it printed.

        Args:
            name: what the step does, for the table of costs.
            arguments: words after ``pocketrec``.
            may_fail: return the object of a command that failed with exit code 1, too.

        Raises:
            PocketRecError: it failed; its error message is already on stderr.
        """
        line = shlex.join(["pocketrec", *map(str, arguments)])
        print(f"$ {line}", file=sys.stderr, flush=True)  # noqa: T201 - it teaches
        start = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own command
            pocketrec("export.step", *arguments, "--json"),
            cwd=child.FOLDER,
            env=child.environment(),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_ignore_interrupts,
        ) as process:
            try:
                printed = process.stdout.read() if process.stdout is not None else ""
                # wait4 instead of wait: it alone gives this one child's peak memory.
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            except KeyboardInterrupt:
                _stop(process)
                raise
        if process.returncode != 0 and not (may_fail and process.returncode == 1):
            raise PocketRecError(
                f"the step `{line}` failed with exit code {process.returncode}; its error is on "
                "stderr. Finished steps are kept: fix the cause and run the command again."
            )
        per_mib = 1024 if sys.platform != "darwin" else 1024 * 1024
        seconds, peak_mib = time.perf_counter() - start, usage.ru_maxrss / per_mib
        self.costs.append({"step": name, "seconds": round(seconds, 1), "peak_memory_mib": round(peak_mib)})
        result: dict[str, Any] = json.loads(printed)
        return result


@dataclass(frozen=True, slots=True)
class Trained:
    """A student and its full model.

    Attributes:
        teacher: folder of the full model.
        student: folder of the student.
        checked: what ``check`` printed.
        trained: what ``train`` printed.
        distilled: what ``distill`` printed.
    """

    teacher: Path
    student: Path
    checked: dict[str, Any]
    trained: dict[str, Any]
    distilled: dict[str, Any]


def train_and_distil(steps: Steps, data: Path, how: Sequence[str] = (), *, instant: bool = False) -> Trained:
    """Check a data folder, train a full model, and distil a student; finished steps are reused.

    Args:
        steps: runs the commands.
        data: the data folder.
        how: more options of ``train``.
        instant: rank by transitions alone, which need no training.
    """
    if instant:
        how = INSTANT
    checked = steps.run("check the data", "check", data)
    # One folder of runs for each data set, so that other data do not collide with them.
    runs = steps.out / "runs" / f"{_plain(data.resolve().name)}-{checked['digest'][:8]}"
    kind = "instant-" if instant else ""
    teacher, student = runs / f"{kind}teacher", runs / f"{kind}student"
    words = [*how, *_rows(steps.out / "bundles")]
    trained = steps.run("train the full model", "train", "--data", data, "--out", teacher, *words, "--resume")
    distilled = steps.run(
        "distil the student", "distill", "--run", teacher, "--data", data, "--out", student, "--resume"
    )
    return Trained(teacher, student, checked, trained, distilled)


def _rows(bundles: Path) -> list[str | Path]:
    """Return the option by which items keep the rows of the bundles that are to be replaced, if there are some."""
    first = next(iter(sorted(bundles.glob("*/manifest.json"))), None)
    return [] if first is None else ["--rows-of", first.parent]


def export_bundles(
    steps: Steps,
    student: Path,
    data: Path,
    targets: Sequence[str | Path],
    *,
    kind: str | None = None,
    language_model: bool,
) -> dict[str, Path]:
    """Export a student for some targets into ``out/bundles``; return the folder of each bundle by target.

    Args:
        steps: runs the commands.
        student: folder of the student.
        data: the data folder.
        targets: names of targets, or their files.
        kind: what the items are; None leaves it to their facts.
        language_model: whether to train a language model for the bundles.
    """
    words = [word for target in targets for word in ("--target", target)]
    words += [] if kind is None else ["--kind", kind]
    model = ["--train-language-model"] if language_model else []
    out = steps.out / "bundles"
    exported = steps.run("export the bundles", "export", "--run", student, "--data", data, *words, *model, "--out", out)
    return {one["target"]: out / one["target"] for one in exported["bundles"]}


def pocketrec(module: str, *arguments: str | Path) -> list[str]:
    """Return one of our commands; it works in another folder, so its paths are made absolute."""
    return child.command(module, *(one.absolute() if isinstance(one, Path) else one for one in arguments))


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C in a step until it has its own handler: until then, Python would print a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(process: "subprocess.Popen[str]") -> None:
    """Wait for a step to end. In a terminal it has received Ctrl-C as well; elsewhere the signal is sent to it."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            process.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    process.wait()


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:60] or "data"
