"""Output of ``pocketrec diff``: tables, or one JSON object."""

import json
from typing import Final

from rich.table import Table
from rich.text import Text

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.outcome import print_result
from export.comparison import Comparison
from export.difference import BundleDifference
from train.wide_table import print_wide

_MAX_VALUE: Final = 40


def print_difference(found: BundleDifference, *, as_json: bool) -> None:
    """Print the difference between two bundles."""
    if as_json:
        print_result(found)
        return
    console = Console()
    console.print(f"{found.before} -> {found.after}", soft_wrap=True)
    if found.fields:
        print_wide(console, _field_table(found))
    print_wide(console, _file_table(found))
    if found.items_added or found.items_removed:
        console.print(f"Items: {found.items_added:,} added, {found.items_removed:,} removed")
    if found.lists is not None:
        print_wide(console, _list_table(found.lists))
    else:
        console.print("With --data, the lists of both are compared for its users.")


def _field_table(found: BundleDifference) -> Table:
    table = Table(title="Manifest")
    for column in ("field", "before", "after"):
        table.add_column(column, overflow="fold")
    for one in found.fields:
        table.add_row(one.field, _short(one.before), _short(one.after))
    return table


def _file_table(found: BundleDifference) -> Table:
    table = Table(title="Bytes")
    table.add_column("file", overflow="fold")
    for column in ("before", "after", "difference"):
        table.add_column(column, justify="right")
    for one in found.files:
        change = (one.after or 0) - (one.before or 0)
        shown = f"{change:+,}" if change else "other contents" if one.changed else "equal"
        table.add_row(one.file, _bytes(one.before), _bytes(one.after), Text(shown, style="" if one.changed else "dim"))
    for name, (before, after) in {"for ranking": found.ranking_bytes, "all": found.bundle_bytes}.items():
        table.add_row(name, f"{before:,}", f"{after:,}", f"{after - before:+,}", style="bold")
    return table


def _list_table(lists: Comparison) -> Table:
    table = Table(title="Lists of the same users")
    table.add_column("")
    for column in ("users", "churn of the top ten", "NDCG@10", "difference", "interval"):
        table.add_column(column, justify="right")
    for part in lists.segments:
        ndcg = part.metrics[0]
        interval = f"{ndcg.low:+.4f} to {ndcg.high:+.4f}"
        churn = f"{1 - part.overlap:.1%}"
        table.add_row(part.segment, f"{part.n_users:,}", churn, f"{ndcg.ours:.4f}", f"{ndcg.difference:+.4f}", interval)
    return table


def _short(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _bytes(n_bytes: int | None) -> str:
    return "" if n_bytes is None else f"{n_bytes:,}"
