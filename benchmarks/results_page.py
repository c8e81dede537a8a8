"""Writes docs/results.md from the suites' tables in benchmarks/results/: no figure on that page was typed.

python -m benchmarks.results_page

A table is what a suite printed:

pocketrec compare all --data beauty --out suites/beauty --json > benchmarks/results/suite-NAME.json
"""

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich import box
from rich.table import Table

from edge_runtime.terminal.console import Console
from train.suites.printing import describe_users, suite_tables
from train.suites.table import SuiteTable

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "results.md"

_HEAD = """# Results

What the evaluation suites found on real data: every user's last event, ranked against the whole catalogue.
Written by `python -m benchmarks.results_page` from [benchmarks/results/](../benchmarks/results); what a figure
means is in [evaluation.md](evaluation.md). `—` was not run, or is nothing that this row has. Behind a gain stand
its 95 % interval and p, a star where p is below 0.05; with one seed they are about that one training and say
nothing of the seed.
"""


class Kept(SuiteTable, frozen=True, kw_only=True):
    """A suite's table as it is kept: with the command that printed it."""

    command: str


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(kept_tables()), "utf-8")
    print(PAGE)


def kept_tables() -> list[Kept]:
    """Return the suites' tables in ``benchmarks/results/``, those with most rows first."""
    tables = [msgspec.json.decode(path.read_bytes(), type=Kept) for path in sorted(RESULTS.glob("suite-*.json"))]
    return sorted(tables, key=lambda table: -sum(bool(row.seeds) for row in table.rows))


def page(tables: list[Kept]) -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for table in tables:
        what = f"{table.name} over {table.backbone}, text {table.text}"
        parts.append(f"## {table.data_name}, {describe_users(table)}: {what}\n\n`{table.command}`\n")
        parts += list(_sections(table))
    return "\n".join(parts)


def _sections(table: Kept) -> Iterator[str]:
    done = [row for row in table.rows if row.seeds]
    if len(done) < len(table.rows) // 2:
        # Mostly empty, as the backbones that were trained once: the rows that there are, and accuracy alone.
        yield f"{len(table.rows) - len(done)} other rows of this suite were not run.\n"
        accuracy = next(suite_tables(msgspec.structs.replace(table, rows=done)))
        accuracy.title = None
        yield _markdown(accuracy)
        return
    for one in suite_tables(table):
        if one.row_count:
            title, one.title = str(one.title), None
            yield f"### {title}\n\n{_markdown(one)}"


def _markdown(table: Table) -> str:
    table.box = box.MARKDOWN
    # In Markdown a line right below a table would be one of its rows.
    caption, table.caption = table.caption, None
    below = "" if caption is None else f"\n{caption}\n"
    written = io.StringIO()
    Console(file=written, width=2_000, color=False).print(table)
    # Rich surrounds a table with spaces up to the console's width.
    return "\n".join(line.strip() for line in written.getvalue().splitlines() if line.strip()) + "\n" + below


if __name__ == "__main__":
    main()
