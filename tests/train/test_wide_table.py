"""Wide tables in a terminal and in a file."""

import io

import pytest
from rich.table import Table

from edge_runtime.terminal.console import Console
from train.wide_table import print_wide

NAMES = ("NDCG@10", "Recall@5", "vs alone")
ROW = ("0.0578 ± 0.0004", "0.0681 ± 0.0012", "+9.2% (+0.0033 to +0.0071), p 0.0002 *")


def table_of(label: str) -> Table:
    table = Table(title="accuracy")
    table.add_column("variant")
    for name in NAMES:
        table.add_column(name, justify="right")
    table.add_row(label, *ROW)
    return table


def shown(label: str, width: int, *, terminal: bool) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color=False)
    print_wide(console, table_of(label))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_in_a_terminal_lines_fit_and_numbers_are_not_broken(width: int) -> None:
    lines = shown("sage without gradient scale", width, terminal=True)

    assert max(map(len, lines)) <= width
    for cell in (*NAMES, *ROW):
        assert sum(cell in line for line in lines) == 1, cell


def test_each_piece_has_the_title_and_the_first_column() -> None:
    lines = shown("sage", 60, terminal=True)

    heads = [line for line in lines if "variant" in line]
    assert (
        len(heads) == sum(line.strip() == "accuracy" for line in lines) == sum("│ sage" in line for line in lines) > 1
    )


def test_a_first_column_that_is_too_wide_wraps() -> None:
    lines = shown("coco without what nobody could possibly name in fewer words", 80, terminal=True)

    assert max(map(len, lines)) <= 80
    assert "possibly" in " ".join(lines)


def test_a_table_is_whole_in_a_wide_terminal_and_in_a_file() -> None:
    for lines in (shown("sage", 150, terminal=True), shown("sage", 80, terminal=False)):
        (row,) = [line for line in lines if "│ sage" in line]
        assert all(cell in row for cell in ROW)


def test_a_caption_is_printed_once_below_all_pieces() -> None:
    console = Console(file=io.StringIO(), width=60, color=False, force_terminal=True)
    table = Table("variant", *NAMES, caption="What is not here.")
    table.add_row("sage", *ROW)

    print_wide(console, table)

    assert isinstance(console.file, io.StringIO)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert lines.count("What is not here.") == 1
    assert lines[-1] == "What is not here."


def test_a_table_with_one_column_is_printed() -> None:
    console = Console(file=io.StringIO(), width=80, color=False)
    table = Table("only")
    table.add_row("this")

    print_wide(console, table)

    assert isinstance(console.file, io.StringIO)
    assert "this" in console.file.getvalue()
