"""What ``pocketrec sync --take-part`` shows after it: the receipts, or why nothing was sent."""

from collections.abc import Mapping
from pathlib import Path

from edge_runtime.rounds.words import after
from edge_runtime.sync.taking_part import RoundReport


def lines(report: RoundReport, into: Path) -> list[str]:
    """Return what became of taking part, as sentences."""
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


def as_entries(report: RoundReport) -> Mapping[str, object]:
    """Return a report for ``--json``, without the bytes of uploads."""
    uploads = [
        {
            "round": sending.entry.round,
            "operator": sending.entry.operator,
            "sha256": sending.entry.digest,
            "second": None
            if (second := sending.entry.second) is None
            else {"operator": second.operator, "sha256": second.digest},
            "outcome": sending.outcome,
            "problem": sending.problem,
        }
        for sending in report.sendings
    ]
    return {"status": report.status, "reason": report.reason, "words": report.words, "uploads": uploads}
