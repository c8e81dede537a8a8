"""Audits a device: a plain session that must send nothing, and a sync that may send what its receipts have."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge_runtime import child
from edge_runtime.audit.recorder import HOST, recording
from edge_runtime.audit.traffic import Traffic, compare
from edge_runtime.audit.watch import Attempt, Watched, watch, why_unwatched
from edge_runtime.errors import AuditError, BundleError
from edge_runtime.sync.receipts import Receipt, read_receipts

SESSION: Final = "edge_runtime.audit.session"
LINGER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What was watched, and what left.

    Attributes:
        by_kernel: whether the kernel watched, with child processes and native libraries.
        unwatched: why it did not.
        sessions: what was done, for each engine, and with and without the language model.
        attempts: what the plain session or the sync tried to send past the watch; it was refused.
        python: the look-ups and connections of the session that Python knows of: event and address.
        traffic: what the sync sent; None without one.
    """

    by_kernel: bool
    unwatched: str | None
    sessions: tuple[Mapping[str, Any], ...]
    attempts: tuple[Attempt, ...]
    python: tuple[tuple[str, str], ...]
    traffic: Traffic | None = None

    @property
    def leaks(self) -> int:
        """How many things left, or would have, that no receipt has."""
        # Where the kernel watches, it has seen what Python knows of, unless that stayed on this machine.
        seen = len(self.attempts) if self.by_kernel else len(self.python)
        return seen + (len(self.traffic.unexplained) if self.traffic is not None else 0)


Say = Callable[[str], None]
Module = Callable[..., list[str]]


def audit(
    bundle: Path,
    *,
    sync: str | None = None,
    options: Sequence[str] = (),
    linger_s: float = LINGER_S,
    say: Say = lambda text: None,
    command: Module = child.command,
) -> Audit:
    """Watch a sync, if one is asked for, and then a plain session with a new history.

    Args:
        bundle: a bundle's or a device's folder; for a sync, the device's.
        sync: address of the server.
        options: further options of ``pocketrec sync``.
        linger_s: how long the session stays after each engine, for libraries that send something later.
        say: gets what is going on.
        command: returns the command line that runs a module with arguments.

    Raises:
        AuditError: the session or the sync fails.
        BundleError: the bundle is none.
    """
    problem = why_unwatched()
    synced = traffic = None
    if sync is not None:
        say(f"Syncing with {sync}, watched")
        synced, traffic = _watched_sync(bundle, sync, options, command, by_kernel=problem is None)
    say("Running a plain session, watched")
    with tempfile.TemporaryDirectory(prefix="pocketrec-audit-") as folder:
        words = [bundle.resolve(), Path(folder) / "history.sqlite", str(linger_s)]
        session = _run(command(SESSION, *words, *([] if problem is None else ["--refuse"])), by_kernel=problem is None)
    lines = [json.loads(line) for line in session.output.splitlines() if line.startswith("{")]
    attempts = [*(synced.attempts if synced is not None else ()), *session.attempts]
    python = [(line["event"], line["address"]) for line in lines if line["kind"] == "python"]
    found = Audit(
        problem is None, problem, tuple(line for line in lines if line["kind"] == "session"), tuple(attempts),
        tuple(python), traffic,
    )  # fmt: skip
    if session.exit_code != 0 and not found.leaks:
        raise AuditError(f"{bundle}: the session failed, so nothing is known of it. {_last_line(session.errors)}")
    return found


def _watched_sync(
    into: Path, url: str, options: Sequence[str], command: Module, *, by_kernel: bool
) -> tuple[Watched, Traffic]:
    before = _receipts(into)
    with recording() as recorder:
        words = ["sync", url, "--into", into.resolve(), "--proxy", recorder.url, *options]
        watched = _run(command("edge_runtime", *words), by_kernel=by_kernel, allowed=(HOST, recorder.port))
    after = _receipts(into)
    new = after[len(before) :] if after[: len(before)] == before else [one for one in after if one not in before]
    traffic = compare(recorder.streams, [request for receipt in new for request in receipt.requests])
    if watched.exit_code != 0 and not watched.attempts and not traffic.unexplained:
        raise AuditError(f"{url}: the sync failed. {_last_line(watched.errors)}")
    return watched, traffic


def _receipts(into: Path) -> list[Receipt]:
    try:
        return read_receipts(into)
    except BundleError:  # a new folder
        return []


def _run(words: list[str], *, by_kernel: bool, allowed: tuple[str, int] | None = None) -> Watched:
    return watch(words, environment=child.environment(), folder=child.FOLDER, allowed=allowed, by_kernel=by_kernel)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "It printed nothing."
