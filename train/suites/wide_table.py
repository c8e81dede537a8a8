"""Printing tables wider than a terminal: in pieces that fit, each with the first column; whole where nobody looks.

A file or a pipe has no width, so there a table is as wide as it needs.
"""

from collections.abc import Iterator, Sequence

from rich.table import Column, Table

from edge_runtime.terminal.console import Console

# Cells of a table stand three characters apart: a space, a line, a space.
_BETWEEN = 3
# The first column wraps where it would take more than this share of the width.
_MOST_FOR_FIRST = 0.45


def print_wide(console: Console, table: Table) -> None:
    """Print ``table`` without breaking a figure in two.

    In a terminal that is too narrow, columns go into several tables, one below the other; everywhere else the table is
    as wide as its cells.
    """
    needed = _widths(console, table)
    if console.is_terminal:
        needed[0] = min(needed[0], int(console.width * _MOST_FOR_FIRST))
    else:
        console.width = max(console.width, _total(needed))
    for columns in _pieces(needed, console.width):
        console.print(_piece(table, columns))
    if table.caption is not None:
        console.print(table.caption, style="italic")


def _widths(console: Console, table: Table) -> list[int]:
    """Return how many characters each column needs."""
    return [
        max(console.measure(console.render_str(str(text))).maximum for text in (column.header, *column.cells))
        for column in table.columns
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * len(widths) + 1


def _pieces(widths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield which columns stand together: the first with as many others as fit, one at least."""
    chosen: list[int] = []
    for column in range(1, len(widths)):
        if chosen and _total([widths[0], *(widths[other] for other in (*chosen, column))]) > most:
            yield [0, *chosen]
            chosen = []
        chosen.append(column)
    yield [0, *chosen]


def _piece(table: Table, columns: Sequence[int]) -> Table:
    """Return the table of those columns; what is not in the first column is not broken."""
    piece = Table(title=table.title, box=table.box)
    cells = []
    for place in columns:
        column: Column = table.columns[place]
        piece.add_column(column.header, justify=column.justify, no_wrap=place > 0)
        cells.append(list(column.cells))
    for row in zip(*cells, strict=True):
        piece.add_row(*row)
    return piece
