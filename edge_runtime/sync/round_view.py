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
            told = ["No round is open."]
        case "previewed":
            told = ["Nothing was sent."]
        case "not now":
            told = [f"Nothing was sent: {report.reason}"]
        case _:
            told = receipts
    return [*told, _traffic(report)]


def _traffic(report: RoundReport) -> str:
    """Return what taking part needed, which the sentence about the sync leaves out."""
    traffic = report.traffic
    requests = f"{traffic.requests} more request{'s' if traffic.requests != 1 else ''}"
    if not report.sendings:
        return f"For the plan: {requests}, {traffic.fetched_bytes:,} bytes fetched."
    return (
        f"For plan and upload: {requests}, {traffic.fetched_bytes:,} bytes fetched, {traffic.sent_bytes:,} bytes sent, "
        "headers included."
    )


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
    return {
        "status": report.status,
        "reason": report.reason,
        "words": report.words,
        "uploads": uploads,
        "traffic": report.traffic,
    }
