"""What ``pocketrec sync --take-part`` shows: before, what would be sent, and after, the receipt."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.rounds.participate import Limit
from edge_runtime.rounds.words import after
from edge_runtime.state.place import default_state
from edge_runtime.sync.taking_part import RoundReport, take_part

if TYPE_CHECKING:
    from edge_runtime.terminal.console import Console


def take_part_and_show(
    origin: str,
    into: Path,
    state: Path | None,
    name: str,
    max_epsilon: float,
    console: "Console",
    *,
    insecure: bool,
    preview: bool,
) -> RoundReport:
    """Take part in a round after a sync, and show what is sent before and after.

    Args:
        origin: where the device syncs from.
        into: the device's folder.
        state: file of the history [default: that of bundles of this name].
        name: name of the bundle in use.
        max_epsilon: what this device reveals at most.
        console: where it is shown.
        insecure: accept plain http to an operator.
        preview: show what would be sent, and send nothing.
    """

    def show(words: Sequence[str]) -> None:
        for sentence in words:
            console.print(sentence)

    place = state or default_state(name, os.environ)
    limit = Limit(epsilon=max_epsilon)
    report = take_part(origin, into, place, limit=limit, insecure=insecure, preview=preview, show=show)
    for line in _lines(report, into):
        console.print(line)
    return report


def as_entries(report: RoundReport) -> Mapping[str, object]:
    """Return a report for ``--json``, without the bytes of uploads."""
    uploads = [
        {
            "round": sending.entry.round,
            "operator": sending.entry.operator,
            "sha256": sending.entry.digest,
            "outcome": sending.outcome,
            "problem": sending.problem,
        }
        for sending in report.sendings
    ]
    return {"status": report.status, "reason": report.reason, "words": report.words, "uploads": uploads}


def _lines(report: RoundReport, into: Path) -> list[str]:
    receipts = [after(sending) for sending in report.sendings]
    if any(sending.outcome not in ("prepared", "missed") for sending in report.sendings):
        receipts.append(f"`pocketrec receipts {into}` shows every byte.")
    match report.status:
        case "no round":
            return ["No round is open."]
        case "previewed":
            return ["Nothing was sent."]
        case "not now":
            return [f"Nothing was sent: {report.reason}"]
        case _:
            return receipts
