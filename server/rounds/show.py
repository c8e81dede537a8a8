"""What the commands ``pocketrec rounds`` print."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import fail, next_command, print_result
from server.errors import RoundStateError
from server.rounds.ledger import Round, State
from server.rounds.publishing import Outcome, noise_in_mean
from server.rounds.report import METRIC, Report
from server.rounds.state import Privacy, RoundState, privacy_of


def show_plan(plan: RoundPlan, repo: str, out: Path, *, as_json: bool) -> None:
    """Print what a plan asks of devices, and what taking part would reveal."""
    if as_json:
        noise = {name: noise_in_mean(plan, n) for name, n in _cohorts(plan).items()}
        print_result({"plan": plan, "file": out, "privacy": privacy_of(plan), "noise_in_mean": noise})
        return
    console = Console(soft_wrap=True)
    console.print(
        f"Round {plan.round}: {plan.rank} x {plan.dim} values of {plan.bits} bits, {plan.body_bytes:,} bytes an "
        f"upload, until {plan.deadline}, from {plan.min_updates:,} to {plan.max_updates:,} updates."
    )
    _print_privacy(console, privacy_of(plan), plan.min_updates)
    console.print(_noise(plan))
    console.print(f"Written to {out}. {next_command('rounds', 'open', repo, out)}")


def show_opened(plan: RoundPlan, settled: Sequence[Round], repo: str, *, as_json: bool) -> None:
    """Print that a round is open, and what became of those before it."""
    before = [{"round": one.id, "state": one.state, "note": one.note} for one in settled]
    if as_json:
        print_result({"round": plan.round, "deadline": plan.deadline, "before": before})
        return
    console = Console(soft_wrap=True)
    for one in settled:
        console.print(f"Round {one.id}: {one.note}")
    console.print(
        f"Round {plan.round} is open until {plan.deadline}: `pocketrec serve` takes updates, and devices take part "
        f"with `pocketrec sync URL --into DIR --take-part`. {next_command('rounds', 'status', repo)}"
    )


def show_states(states: Sequence[RoundState], repo: str, *, as_json: bool) -> None:
    """Print the rounds as counts."""
    if as_json:
        print_result({"rounds": states})
        return
    if not states:
        Console(soft_wrap=True).print("No round yet. Make a plan with `pocketrec rounds plan`.")
        return
    console, table = Console(soft_wrap=True), _table(states)
    unlimited = console.options.update(max_width=10_000)
    if console.measure(table, options=unlimited).maximum <= console.width:
        console.print(table)
    else:
        for one in states:
            console.print(Text(_two_lines(one)))
    for one in states:
        if one.note:
            console.print(Text(f"{one.round}: {one.note}"))
    closed = next((one for one in states if one.state is State.CLOSED), None)
    if closed is not None:
        console.print(next_command("rounds", "publish", repo, closed.round, "--data", "DATA"))


def _table(states: Sequence[RoundState]) -> Table:
    """Return the rounds as rows in which nothing is folded: who reads an id has to copy it."""
    names = ("round", "target", "state", "updates", "needed", "until (UTC)")
    table = Table(*(Column(name, no_wrap=True) for name in names), box=None, header_style="bold", pad_edge=False)
    for one in states:
        table.add_row(one.round, one.target, one.state.value, f"{one.updates:,}", f"{one.needed:,}", _until(one))
    return table


def _two_lines(one: RoundState) -> str:
    """Return a round for terminals that are too narrow for the table."""
    return (
        f"{one.round}  {one.target}\n"
        f"  {one.state.value}, {_updates(one.updates)}, {one.needed:,} needed, until {_until(one)} UTC"
    )


def _updates(number: int) -> str:
    return f"{number:,} update{'' if number == 1 else 's'}"


def _until(one: RoundState) -> str:
    return (one.closed or one.deadline)[:16].replace("T", " ")


def show_closed(state: RoundState, repo: str, *, as_json: bool, still_offered: str | None = None) -> None:
    """Print a round that was closed, and why its plan is still on offer if that could not be changed."""
    if as_json:
        print_result({"round": state, "still_offered": still_offered})
        return
    console = Console(soft_wrap=True)
    console.print(f"Round {state.round} is {state.state.value}. {state.note}")
    if still_offered is not None:
        console.print(
            f"Its plan stays on offer until {state.deadline}, and devices come too late: {still_offered} Then "
            "run this command again.",
            style="yellow",
        )
    match state.state:
        case State.CLOSED:
            console.print(next_command("rounds", "publish", repo, state.round, "--data", "DATA"))
        case State.SHORT:
            console.print(
                "Nothing is published of it. The next round with the same adapter and terms takes its updates over; it "
                f"is planned with `pocketrec rounds plan {repo} --target {state.target} --operator URL`."
            )
        case State.APART:
            console.print(next_command("rounds", "tokens", repo, state.round, "--out", "tokens.json"))


def show_file(out: Path, what: str, *, as_json: bool) -> None:
    """Print what was written for another operator."""
    if as_json:
        print_result({"file": out})
        return
    Console(soft_wrap=True).print(f"Wrote {what} to {out}.")


def show_outcome(outcome: Outcome, repo: str, *, as_json: bool) -> None:
    """Print what was tried and published; a round that is not published ends the process with 1."""
    console = Console(soft_wrap=True)
    if not as_json and outcome.trial.segments:
        table = Table("users", "number", f"{METRIC} before", "new", "difference", box=None, header_style="bold")
        for one in outcome.trial.segments:
            for m in one.metrics:
                if m.metric == METRIC:
                    interval = f"{m.low:+.4f} to {m.high:+.4f}"
                    table.add_row(one.segment, f"{one.n_users:,}", f"{m.theirs:.4f}", f"{m.ours:.4f}", interval)
        Console().print(table)
    if not outcome.published:
        error = RoundStateError(f"round {outcome.round} was not published: {outcome.why}")
        fail(error, as_json=as_json, result={"outcome": outcome})
    if as_json:
        print_result({"outcome": outcome})
        return
    deltas = ", ".join(f"{n:,}" for n in outcome.delta_bytes) or "none"
    console.print(
        f"Published as release {outcome.release}{outcome.how}: {outcome.changed_bytes:,} bytes of new files, deltas of "
        f"{deltas} bytes. {outcome.why}"
    )
    console.print(next_command("rounds", "report", repo, outcome.round, "--out", "round.html"))


def show_report(report: Report, out: Path | None, *, as_json: bool) -> None:
    """Print a report."""
    if as_json:
        print_result({"report": report})
        return
    state, console = report.state, Console(soft_wrap=True)
    console.print(
        f"Round {state.round} of {state.target} is {state.state.value}: {_updates(state.updates)}, {state.needed:,} "
        f"needed, {state.carried_over:,} carried over, {state.clipped:,} scaled down."
    )
    _print_privacy(console, state.privacy, report.plan.min_updates)
    if report.outcome is not None:
        console.print(Text(report.outcome.why))
    console.print(f"Written to {out}." if out is not None else "Write it as a page with --out FILE.")


def _noise(plan: RoundPlan) -> str:
    if not plan.sigma:
        return "Updates have no noise: devices refuse the plan, unless their users set --max-epsilon inf."
    few, many = (noise_in_mean(plan, n) / plan.clip for n in _cohorts(plan).values())
    return (
        f"With {_updates(plan.min_updates)} the noise in their mean is {few:.2g} times as long as the longest update, "
        f"so that {_left(few)} of what a round teaches is left; with {_updates(plan.max_updates)} it is {many:.2g} "
        f"times, and {_left(many)} is left (as simulated, docs/rounds-simulated.md)."
    )


def _left(noise: float) -> str:
    """Return which part of a round's gain was left in the simulations; the noise in the mean is in clips."""
    parts = ((0.15, "nearly all"), (0.5, "about two thirds"), (1.0, "about half"), (2.0, "about an eighth"))
    return next((part for most, part in parts if noise <= most), "next to nothing")


def _cohorts(plan: RoundPlan) -> dict[str, int]:
    return {"min_updates": plan.min_updates, "max_updates": plan.max_updates}


def _print_privacy(console: Console, privacy: Privacy, min_updates: int) -> None:
    times = "once" if privacy.participations == 1 else f"{privacy.participations} times"
    often = f"{times} in {privacy.period_days} days at most, delta {privacy.delta:g}"
    devices = "one honest device" if min_updates == 1 else f"{min_updates:,} honest devices"
    console.print(f"Privacy of a device that takes part {often}:")
    console.print(f"  against the operator     epsilon {_shown(privacy.operator)}   (its own noise alone)")
    console.print(f"  against readers          epsilon {_shown(privacy.readers)}   (the noise of {devices})")


def _shown(epsilon: float | None) -> str:
    return "unbounded" if epsilon is None else f"{epsilon:.3g}"
