"""Shows a profile as tables that fit a terminal of 80 characters."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from edge_runtime.profiling.report import Limit, Operator, Profile, Ratio, Row
from edge_runtime.terminal.console import Console

_STYLES: Final = {"valid": "green", "noisy": "yellow", "invalid": "bold red"}
_TITLES: Final = {
    "open": "Starting, processes of their own",
    "first inference": "First inference, processes of their own",
    "steady": "Steady state",
    "observe to list": "From an event to the new list, written to the disk",
    "reason": "Reasons of the language model",
}
CLOCKS: Final = ("thread CPU", "wall")
_READING: Final = (
    "encode: vectors and encoder. score: all items and the top ten. list: what an app calls. observe: an event on the "
    "disk, and the list after it. ±: by how much the median may be wrong, because rounds differ. limit: what must be "
    "read or computed, at this machine's measured peaks."
)
_NARROW: Final[Mapping[str, Any]] = {
    "title_justify": "left", "box": None, "pad_edge": False, "padding": (0, 1, 0, 0),
}  # fmt: skip
_MIB: Final = 1 << 20


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on stderr what is measured now, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("starting") as status:
        yield lambda text: status.update(Text(f"{text} …"))


def show(found: Profile, console: Console) -> None:
    """Print a profile."""
    _show_head(found, console)
    for phase, title in _TITLES.items():
        rows = [row for row in found.rows if row.phase == phase]
        if rows:
            console.print(_times(title, rows))
    if found.ratios:
        console.print(_ratios(found))
    for use in found.engines:
        if use.operators:
            console.print(_operators(use.variant, use.operators))
    _show_rest(found, console)
    console.print(_READING)
    title = "Verdict" if len(found.bundles) == 1 else "Verdict on the ratios"
    console.print(Text(f"{title}: {found.verdict.state}", _STYLES[found.verdict.state]))
    for reason in (*found.verdict.reasons, *found.notes):
        console.print(f"- {reason}", soft_wrap=True)


def milliseconds(value: float | None) -> str:
    """Return milliseconds with three digits that say something."""
    if value is None:
        return ""
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def _show_head(found: Profile, console: Console) -> None:
    machine, lengths = found.machine, found.histories
    for bundle in found.bundles:
        console.print(f"{bundle.name}, {bundle.target}, release {bundle.release}: {bundle.path}", soft_wrap=True)
    load = "" if machine.load is None else f", load {machine.load:g}"
    console.print(f"{machine.processor}, {machine.cores} cores{load}; {machine.system}; {found.created}")
    console.print(
        f"{lengths.count} histories of {lengths.shortest} to {lengths.longest} events, median {lengths.median:g} "
        f"({lengths.source})"
    )
    for use in found.engines:
        state = f"ran {use.actual}" if use.actual else f"not measured: {use.note}"
        placed = "".join(f", {n} nodes on {where}" for where, n in use.ran_on.items())
        console.print(f"{use.variant}: asked for {use.asked}, {state}{placed}", soft_wrap=True)


def _times(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=f"{title}, milliseconds", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    unsure = any(row.uncertainty is not None for row in rows)
    for name in ("runs", "min", "median", *(["±"] if unsure else []), "p90", "p95", "p99", "CPU", "limit", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    several = len({row.variant for row in rows}) > 1
    variant = ""
    for row in rows:
        if several and row.variant != variant:
            variant = row.variant
            table.add_row(Text(variant, "bold"))
        step = Text(f"  {row.step}" if several else row.step, _STYLES[row.verdict.state])
        table.add_row(step, *_cells(row, unsure=unsure))
    return table


def _cells(row: Row, *, unsure: bool) -> list[str]:
    wall, cpu = row.wall_ms, row.cpu_ms
    return [
        str(wall.runs),
        *(milliseconds(value) for value in (wall.minimum, wall.median)),
        *(["" if row.uncertainty is None else f"{row.uncertainty:.0%}"] if unsure else []),
        *(milliseconds(value) for value in (wall.p90, wall.p95, wall.p99)),
        "" if cpu is None else milliseconds(cpu.median),
        *_limit(row.limit),
    ]


def _ratios(found: Profile) -> Table:
    """Return a table with one row for each step, and both clocks side by side."""
    table = Table(title="Ratios of times, pair by pair", **_NARROW)
    table.add_column("", no_wrap=True)
    for name in ("CPU", "interval", "wall", "interval", "pairs"):
        table.add_column(name, justify="right", no_wrap=True)
    pair = ("", "")
    for one in dict.fromkeys((ratio.variant, ratio.against, ratio.step) for ratio in found.ratios):
        if one[:2] != pair:
            pair = one[:2]
            table.add_row(Text(pair[0], "bold"), Text(f"by {pair[1]}", "dim"))
        by_clock = {each.clock: each for each in found.ratios if (each.variant, each.against, each.step) == one}
        pairs = max(each.pairs for each in by_clock.values())
        cells = [cell for clock in CLOCKS for cell in _interval(by_clock.get(clock))]
        table.add_row(f"  {one[2]}", *cells, str(pairs))
    return table


def _interval(ratio: Ratio | None) -> tuple[str, str]:
    return ("", "") if ratio is None else (f"{ratio.median:.3f}", f"{ratio.low:.3f}-{ratio.high:.3f}")


def _operators(variant: str, operators: Sequence[Operator]) -> Table:
    table = Table(title=f"Operators of {variant}, an inference", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("calls", "us", "share"):
        table.add_column(name, justify="right")
    for one in operators:
        table.add_row(f"{one.operator} ({one.ran_on})", f"{one.calls:g}", f"{one.us:.1f}", f"{one.share:.1%}")
    return table


def _show_rest(found: Profile, console: Console) -> None:
    for one in found.memory:
        console.print(
            f"Memory of {one.variant}: {one.opened / _MIB:.0f} MiB open, at most {one.peak / _MIB:.0f} MiB "
            f"({one.started / _MIB:.0f} MiB are the interpreter's)"
        )
    for model in found.language_models:
        rates = f"{model.rate:,.0f} tokens a second, llama.cpp alone {model.own_loop:,.0f}"
        memory = "" if model.memory is None else f"; at most {model.memory / _MIB:,.0f} MiB in its process"
        least = f", {model.least_memory / _MIB:,.0f} of them weights and cache" if model.least_memory else ""
        console.print(f"Language model of {model.variant}: {rates}{memory}{least}", soft_wrap=True)
    for check in found.outputs:
        state = "passed" if check.passed else "failed"
        console.print(f"Lists of {check.variant}: {state}, {check.overlap:.4f} of those of {check.against}")
    for budget in found.budgets:
        note = f" ({budget.note})" if budget.note else ""
        state = {True: "within", False: "over", None: "undecided against"}[budget.passed]
        console.print(
            f"{budget.name}: {budget.actual:,.0f}, {state} the budget of {budget.allowed:,.0f}{note}", soft_wrap=True
        )


def _limit(limit: Limit | None) -> tuple[str, str]:
    return ("", "") if limit is None else (milliseconds(limit.ms), f"{limit.share:.1%}")
