"""Output of ``export`` and ``verify``: tables, or one JSON object."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table
from rich.text import Text

from edge_runtime.bundle import Manifest
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import next_command, print_result
from export.budget import BUNDLE, RANKING, bytes_by_role, check_each_budget
from export.bundle import Exported
from export.engine_reports import EngineReport
from export.show_quality import print_quality
from export.verify import Verification

_KIB = 1024


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show the current stage on stderr if it is a terminal; stdout is for results."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: console.print(f"{text} ...", soft_wrap=True)
        return
    with console.status("starting") as status:
        yield lambda text: status.update(Text(f"{text} …"))


def print_exported(exported: Sequence[Exported], data: Sequence[str], *, name_from_data: bool, as_json: bool) -> None:
    """Print the paths and sizes of exported bundles.

    Args:
        exported: the bundles.
        data: the options that name the data, for the commands that verify them.
        name_from_data: whether the catalogue got the data folder's name, which is then printed.
        as_json: whether to print one JSON object.
    """
    if as_json:
        print_result({"bundles": [_as_json(one) for one in exported]})
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
    if name_from_data:
        name = exported[0].manifest.name
        console.print(f"Catalogue name: {name!r} (from the data folder; --name sets it)", soft_wrap=True)
    for one in exported:
        console.print(next_command("verify", one.path, *data), soft_wrap=True)


def print_added(
    before: Manifest, after: Manifest, path: Path, n_new: int, n_without_text: int, *, as_json: bool
) -> None:
    """Print what was added to a bundle.

    Args:
        before: manifest of the bundle.
        after: manifest of the new one.
        path: folder of the new one.
        n_new: number of new items.
        n_without_text: those of them without a text.
        as_json: whether to print one JSON object.
    """
    if as_json:
        sizes = {"bundle_bytes": after.bundle_bytes, "ranking_bytes": after.ranking_bytes}
        print_result(
            {"bundle": str(path), "release": after.release, "new_items": n_new, "without_text": n_without_text} | sizes
        )
        return
    line = (
        f"Added {n_new:,} item{'' if n_new == 1 else 's'} to release {before.release}: release {after.release} has "
        f"{after.catalogue.n_items:,} items, {_size(after.bundle_bytes)}."
    )
    if n_without_text:
        line += f" {n_without_text:,} of them have no text and are like the mean of all items until the next training."
    console = Console(soft_wrap=True)
    console.print(line)
    console.print(next_command("run", path))


def print_verification(verification: Verification, *, as_json: bool) -> None:
    """Print the results of a verification; with ``as_json``, failures are left to :func:`export.commands.verify`."""
    if as_json:
        if not (verification.parity_failures or verification.budget_failures):
            print_result(verification)
        return
    console = Console()
    users = f"{verification.n_users:,} of {verification.n_test_users:,} test users"
    console.print(f"{verification.name}, {verification.target}, release {verification.release}: {users}")
    console.print(_engine_table(verification.engines))
    print_quality(console, verification)
    if verification.n_users < verification.n_test_users:
        console.print("Measured on a sample: take the standard error into account when you compare.")
    console.print(_size_table(verification))
    reasons = verification.reasons
    if reasons is not None:
        sources = ", ".join(f"{n} by the {source}" for source, n in reasons.sources.items())
        summary = f"Reasons: {reasons.n_true} of {reasons.n_reasons} true ({sources})"
        console.print(f"{summary}, p50 {reasons.p50_ms:.1f} ms")
    if not (verification.parity_failures or verification.budget_failures):
        console.print("All checks passed.", style="green")


def _engine_table(reports: Sequence[EngineReport]) -> Table:
    """Return a table with one column per engine, which fits a narrow terminal."""
    table = Table(title="Engines, history excluded, ties counted against the target")
    table.add_column("")
    for one in reports:
        table.add_column(f"{one.engine} {one.precision}", justify="right")
    table.add_row("self-test", *(one.status for one in reports))
    for name, render in _ROWS.items():
        table.add_row(name, *(render(one) if one.figures else "" for one in reports))
    return table


def _metric(name: str) -> Callable[[EngineReport], str]:
    return lambda one: f"{one.figures['history_excluded'][name]:.4f}"


def _latency(step: str) -> Callable[[EngineReport], str]:
    def render(one: EngineReport) -> str:
        times = one.latency.get(step)
        return "" if times is None else f"{times['p50_ms']:.3f} / {times['p90_ms']:.3f}"

    return render


_ROWS: Mapping[str, Callable[[EngineReport], str]] = {
    "state error": lambda one: f"{one.state_error:.1e}",
    "NDCG@10": _metric("ndcg@10"),
    "  standard error": lambda one: f"{one.figures['ndcg@10_standard_error']:.4f}",
    "Recall@5": _metric("recall@5"),
    "Recall@10": _metric("recall@10"),
    "share of ties": lambda one: f"{one.figures['share_tied']:.2%}",
    "overlap with first engine": lambda one: "" if one.agreement is None else f"{one.agreement:.4f}",
    "encode, p50 / p90 ms": _latency("encode"),
    "score, p50 / p90 ms": _latency("score"),
    "recommend, p50 / p90 ms": _latency("recommend"),
}


def _size_table(verification: Verification) -> Table:
    table = Table(title="Bytes")
    table.add_column("part")
    table.add_column("bytes", justify="right")
    table.add_column("allowed", justify="right")
    budgets = verification.budgets
    sizes = {RANKING: verification.ranking_bytes, BUNDLE: verification.bundle_bytes} | dict(verification.bytes)
    for name, n_bytes in sizes.items():
        allowed = budgets.get(name, budgets.get(f"part:{name}"))
        table.add_row(name, f"{n_bytes:,}", "" if allowed is None else f"{allowed:,}")
    return table


def _as_json(one: Exported) -> dict[str, object]:
    manifest = one.manifest
    return {
        "target": manifest.target,
        "path": str(one.path),
        "release": manifest.release,
        "changed": one.changed,
        "ranking_bytes": manifest.ranking_bytes,
        "bundle_bytes": manifest.bundle_bytes,
        "bytes": bytes_by_role(manifest),
        "budgets": {check.name: check.allowed for check in check_each_budget(manifest)},
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / _KIB:,.0f} KiB" if n_bytes < 1 << 20 else f"{n_bytes / (1 << 20):,.1f} MiB"
