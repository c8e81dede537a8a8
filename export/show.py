"""What ``export`` and ``verify`` print: tables for people, one JSON object for machines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.table import Table
from rich.text import Text

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import next_command, print_result
from export.budget import BUNDLE, RANKING, budget_lines, bytes_by_role
from export.bundle import Exported
from export.verify import EngineReport, Verification

_KIB = 1024


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is being done on stderr, where a person watches; stdout stays for results."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: console.print(f"{text} ...", soft_wrap=True)
        return
    with console.status("starting") as status:
        yield lambda text: status.update(Text(f"{text} …"))


def print_exported(exported: Sequence[Exported], data: Sequence[str], *, as_json: bool) -> None:
    """Print where the bundles are and how large.

    Args:
        exported: the bundles.
        data: the options that name the data, for the commands that verify them.
        as_json: print one JSON object.
    """
    if as_json:
        print_result({"bundles": [_about(one) for one in exported]})
        return
    table = Table(title="Bundles")
    table.add_column("target", overflow="fold")
    for column in ("release", "ranking", "bundle"):
        table.add_column(column, justify="right")
    for one in exported:
        manifest = one.manifest
        release = f"{manifest.release}" if one.changed else f"{manifest.release} (unchanged)"
        table.add_row(manifest.target, release, _size(manifest.ranking_bytes), _size(manifest.bundle_bytes))
    console = Console()
    console.print(table)
    for one in exported:
        console.print(next_command("verify", one.path, *data), soft_wrap=True)


def print_verification(found: Verification, *, as_json: bool) -> None:
    """Print everything that was measured, if it is good; :func:`export.commands.verify` reports failures."""
    if as_json:
        if not (found.parity_failures or found.budget_failures):
            print_result(found)
        return
    console = Console()
    people = f"{found.n_users:,} of {found.n_test_users:,} test users"
    console.print(f"{found.name}, {found.target}, release {found.release}: {people}")
    console.print(_engines(found.engines))
    for one in found.compared:
        how = "measured now on the same people" if one.measured else "as its manifest says"
        text = f"{one.ratio:.4f} of the NDCG@10 of the {one.against} ({one.ndcg_10:.4f}, {how})"
        console.print(text)
    if found.n_users < found.n_test_users:
        console.print("A sample: compare with the standard error in mind.")
    console.print(_bytes(found))
    if found.reasons is not None:
        sources = ", ".join(f"{n} by the {source}" for source, n in found.reasons.sources.items())
        reasons = f"Reasons: {found.reasons.n_true} of {found.reasons.n_reasons} true ({sources})"
        console.print(f"{reasons}, p50 {found.reasons.p50_ms:.1f} ms")
    if not (found.parity_failures or found.budget_failures):
        console.print("Everything that the bundle promises holds.", style="green")


def _engines(reports: Sequence[EngineReport]) -> Table:
    """One column an engine, so that it fits a narrow terminal."""
    table = Table(title="Engines, history excluded, ties against us")
    table.add_column("")
    for one in reports:
        table.add_column(f"{one.engine} {one.precision}", justify="right")
    table.add_row("self-test", *(one.status for one in reports))
    for name, show in _ROWS.items():
        table.add_row(name, *(show(one) if one.figures else "" for one in reports))
    return table


def _metric(name: str) -> Callable[[EngineReport], str]:
    return lambda one: f"{one.figures['history_excluded'][name]:.4f}"


def _latency(step: str) -> Callable[[EngineReport], str]:
    def show(one: EngineReport) -> str:
        times = one.latency.get(step)
        return "" if times is None else f"{times['p50_ms']:.3f} / {times['p90_ms']:.3f}"

    return show


_ROWS: Mapping[str, Callable[[EngineReport], str]] = {
    "state error": lambda one: f"{one.state_error:.1e}",
    "NDCG@10": _metric("ndcg@10"),
    "  standard error": lambda one: f"{one.figures['ndcg@10_standard_error']:.4f}",
    "Recall@5": _metric("recall@5"),
    "Recall@10": _metric("recall@10"),
    "tied with another": lambda one: f"{one.figures['share_tied']:.2%}",
    "same top 10 as first": lambda one: "" if one.agreement is None else f"{one.agreement:.4f}",
    "encode, p50 / p90 ms": _latency("encode"),
    "score, p50 / p90 ms": _latency("score"),
    "recommend, p50 / p90 ms": _latency("recommend"),
}


def _bytes(found: Verification) -> Table:
    table = Table(title="Bytes")
    table.add_column("part")
    table.add_column("bytes", justify="right")
    table.add_column("allowed", justify="right")
    rows = {RANKING: found.ranking_bytes, BUNDLE: found.bundle_bytes} | dict(found.bytes)
    for name, n_bytes in rows.items():
        allowed = found.budgets.get(name, found.budgets.get(f"part:{name}"))
        table.add_row(name, f"{n_bytes:,}", "" if allowed is None else f"{allowed:,}")
    return table


def _about(one: Exported) -> dict[str, object]:
    manifest = one.manifest
    return {
        "target": manifest.target,
        "path": str(one.path),
        "release": manifest.release,
        "changed": one.changed,
        "ranking_bytes": manifest.ranking_bytes,
        "bundle_bytes": manifest.bundle_bytes,
        "bytes": bytes_by_role(manifest),
        "budgets": {line.name: line.allowed for line in budget_lines(manifest)},
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _KIB:,.0f} KiB" if n_bytes < 1 << 20 else f"{n_bytes / (1 << 20):,.1f} MiB"
