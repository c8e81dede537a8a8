"""The report on a round: participation, weights, privacy, the trial, and what was published, as JSON and as a page."""

import math
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from edge_runtime.rounds.accountant import epsilon_of, mu_of
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.version import __version__
from server.rounds.drawing import Html, bars, element, intervals, join, progress, table
from server.rounds.ledger import Ledger
from server.rounds.publishing import Metric, Outcome, Segment
from server.rounds.state import Late, RoundState, read_state

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
METRIC: Final = "ndcg@10"


class Report(Struct, frozen=True, kw_only=True):
    """Everything that is known of a round.

    Attributes:
        version: of the program that wrote it.
        state: the round in counts.
        plan: its plan.
        sum_epsilon: epsilon against readers of this one adapter, by the updates that are in the sum; None without
            noise or updates.
        outcome: what was tried and published; None before that.
    """

    version: str
    state: RoundState
    plan: RoundPlan
    sum_epsilon: float | None
    outcome: Outcome | None


async def read_report(ledger: Ledger, round_id: str) -> Report:
    """Return the report on a round.

    Raises:
        RoundStateError: there is no such round.
    """
    found = await ledger.one(round_id)
    state = await read_state(ledger, found)
    outcome = None if found.outcome is None else msgspec.json.decode(found.outcome, type=Outcome)
    return Report(
        version=__version__,
        state=state,
        plan=found.plan,
        sum_epsilon=epsilon_of_sum(found.plan, state.late, found.merged),
        outcome=outcome,
    )


def epsilon_of_sum(plan: RoundPlan, late: list[Late], merged: int) -> float | None:
    """Return what one published sum reveals of a device to readers; None without noise or updates.

    A device may be in the sum ``merged`` times, with the largest weight; the noise is that of all updates.
    """
    squares = sum(one.updates * one.weight**2 for one in late)
    if plan.sigma == 0.0 or squares == 0.0:
        return None
    largest = max(one.weight for one in late)
    return epsilon_of(plan.delta, mu_of(2.0 * plan.clip * largest * merged, plan.sigma * math.sqrt(squares)))


def make_page(report: Report) -> bytes:
    """Return the report as one HTML file, which loads nothing and runs nothing."""
    state = report.state
    title = f"Round {state.round}, {state.target}"
    sections = [
        ("Participation", _participation(report)),
        ("Weights", _weights(report)),
        ("Privacy", _privacy(report)),
        ("Trial on held-out data", _trial(report)),
        ("Published", _published(report)),
    ]
    body = [element("section", element("h2", name), content) for name, content in sections]
    top = element("header", element("h1", title), element("p", state.note or f"The round is {state.state.value}."))
    foot = element("footer", f"pocketrec {report.version}. This file has no scripts and loads nothing.")
    page = element("html", _head(title), element("body", top, element("main", *body), foot), lang="en")
    return f"<!doctype html>\n{page}\n".encode()


def _head(title: str) -> Html:
    style = (files("server.rounds") / "report.css").read_text("utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
    )


def _participation(report: Report) -> Html:
    state = report.state
    ticks = [(state.needed, f"{state.needed:,} needed"), (state.max_updates, f"{state.max_updates:,} at most")]
    rows = [
        ("updates in the sum", f"{state.updates:,}"),
        ("of them carried over from rounds before", f"{state.carried_over:,}"),
        ("beyond the largest honest norm, and scaled down", f"{state.clipped:,}"),
        ("opened", state.opened),
        ("closed", state.closed or f"open until {state.deadline}"),
    ]
    return join(progress(state.updates, ticks), table(("", ""), rows))


def _weights(report: Report) -> Html:
    late = report.state.late
    if not late:
        return element("p", "No update yet.")
    words = "An update that is late by s adapters weighs 1 / sqrt(1 + s)."
    chart = bars([(f"{one.staleness} late", one.updates, f"weight {one.weight:.3f}") for one in late])
    return join(element("p", words), chart)


def _privacy(report: Report) -> Html:
    privacy, plan = report.state.privacy, report.plan
    when = f"{privacy.participations} times in {privacy.period_days} days at most, delta {privacy.delta:g}"
    rows = [
        ("who reads the uploads, such as the operator", _epsilon(privacy.operator), "the noise of the device alone"),
        (
            "who reads published adapters only",
            _epsilon(privacy.readers),
            f"the noise of at least {plan.min_updates:,} devices, if they are honest",
        ),
        ("who reads this adapter only", _epsilon(report.sum_epsilon), "the noise of the updates in this sum"),
    ]
    words = (
        f"What is bounded is how much the whole history of one device changes what can be seen, taking part {when}. "
        "The first line holds whatever the operator does; the others only if the operator keeps to the rules."
    )
    return join(element("p", words), table(("against", "epsilon", "what counts"), rows))


def _trial(report: Report) -> Html:
    outcome = report.outcome
    if outcome is None:
        return element("p", "Not tried yet.")
    if not outcome.trial.segments:
        return element("p", outcome.trial.why)
    found = [(one, _metric(one)) for one in outcome.trial.segments]
    rows = [
        (
            one.segment,
            f"{one.n_users:,}",
            f"{m.theirs:.4f}",
            f"{m.ours:.4f}",
            f"{m.low:+.4f} to {m.high:+.4f}",
            m.verdict,
        )
        for one, m in found
    ]
    lines = [(one.segment, m.low, m.difference, m.high) for one, m in found]
    head = ("users", "number", "before", "new", "interval of the difference", "verdict")
    return join(element("p", outcome.trial.why), intervals(lines), table(head, rows))


def _published(report: Report) -> Html:
    outcome = report.outcome
    if outcome is None:
        return element("p", "Nothing yet.")
    rows = [
        ("norm of the mean of the updates", f"{outcome.mean_norm:.5g}"),
        ("of which noise, expected", f"{outcome.noise_norm:.5g}"),
        ("factor of the mean", f"{outcome.server_rate:g}"),
    ]
    if not outcome.published:
        return join(element("p", f"Nothing was published. {outcome.why}"), table(("", ""), rows))
    deltas = ", ".join(f"{n:,}" for n in outcome.delta_bytes) or "none"
    rows += [
        ("release", str(outcome.release)),
        ("manifest", str(outcome.manifest)),
        ("bytes of new files", f"{outcome.changed_bytes:,}"),
        ("bytes of deltas", deltas),
    ]
    words = "An operator published it with --force." if outcome.forced else "It was published as it was better."
    return join(element("p", words), table(("", ""), rows))


def _metric(segment: Segment) -> Metric:
    return next(one for one in segment.metrics if one.metric == METRIC)


def _epsilon(epsilon: float | None) -> str:
    return "not bounded" if epsilon is None else f"{epsilon:.3g}"
