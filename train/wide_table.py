"""Prints tables that are wider than the terminal in several pieces, each with the first column.

Files and pipes have no width, so there tables are printed whole.
"""

from collections.abc import Iterator, Sequence

from rich.table import Column, Table

from edge_runtime.terminal.console import Console

# Width between cells: a space, a line, a space.
_BETWEEN = 3
# Maximum share of the width for the first column; longer cells wrap.
_MAX_FIRST_SHARE = 0.45


def print_wide(console: Console, table: Table) -> None:
    """Print ``table`` without breaking numbers.

    In a terminal that is too narrow, columns are distributed over several tables. Elsewhere the table is as wide as
    needed.
    """
    needed = _widths(console, table)
    if console.is_terminal:
        needed[0] = min(needed[0], int(console.width * _MAX_FIRST_SHARE))
    else:
        console.width = max(console.width, _total(needed))
    for columns in _pieces(needed, console.width):
        console.print(_piece(table, columns))
    if table.caption is not None:
        console.print(table.caption, style="italic")


def _widths(console: Console, table: Table) -> list[int]:
    """Return the width of each column in characters."""
    return [
        max(console.measure(console.render_str(str(text))).maximum for text in (column.header, *column.cells))
        for column in table.columns
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * len(widths) + 1


def _pieces(widths: Sequence[int], max_width: int) -> Iterator[list[int]]:
    """Yield the columns of each piece: the first one and as many others as fit, at least one."""
    chosen: list[int] = []
    for column in range(1, len(widths)):
        if chosen and _total([widths[0], *(widths[other] for other in (*chosen, column))]) > max_width:
            yield [0, *chosen]
            chosen = []
        chosen.append(column)
    yield [0, *chosen]


def _piece(table: Table, columns: Sequence[int]) -> Table:
    """Return a table of the given columns; only the first one may wrap."""
    piece = Table(title=table.title, box=table.box)
    cells = []
    for index in columns:
        column: Column = table.columns[index]
        piece.add_column(column.header, justify=column.justify, no_wrap=index > 0)
        cells.append(list(column.cells))
    for row in zip(*cells, strict=True):
        piece.add_row(*row)
    return piece
