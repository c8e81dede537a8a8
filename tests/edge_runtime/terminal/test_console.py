"""Everything that is printed through the console is literal text."""

import io
import json
from pathlib import Path

import pytest
from rich.progress import BarColumn
from rich.table import Table
from rich.text import Text

from edge_runtime.terminal.console import Console, print_error, print_json
from edge_runtime.terminal.progress import progress_bar

HOSTILE = "[/x] [bold]b[/] :heart: \x1b[2J \x9b31m."
SHOWN = "[/x] [bold]b[/] :heart:  [2J  31m."


def table() -> Table:
    found = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    found.add_row(HOSTILE)
    return found


@pytest.mark.parametrize("what", [HOSTILE, Text(HOSTILE)])
def test_a_line_is_printed_literally(what: str | Text) -> None:
    screen = io.StringIO()

    Console(file=screen, width=100).print(what)

    assert screen.getvalue().rstrip("\n") == SHOWN


@pytest.mark.parametrize("force_terminal", [True, False])
def test_every_part_of_a_table_is_printed_literally(force_terminal: bool) -> None:
    screen = io.StringIO()

    Console(file=screen, width=100, color=False, force_terminal=force_terminal).print(table())

    assert screen.getvalue().count(SHOWN) == 4
    assert "\x1b" not in screen.getvalue()


def test_styles_are_applied_on_a_terminal() -> None:
    screen = io.StringIO()

    Console(file=screen, width=100, force_terminal=True).print(Text("warning", style="bold"))

    assert "\x1b[1m" in screen.getvalue()


def test_the_description_of_a_progress_bar_is_printed_literally() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=100, color=False, force_terminal=True)

    with progress_bar(console, BarColumn()) as bar:
        bar.add_task("[/x] models/[a]", total=1)

    assert "[/x] models/[a]" in screen.getvalue()


def test_an_error_has_a_red_prefix_and_a_plain_message(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a[/b].csv: found '\x1b'\n  and more")

    said = capsys.readouterr()
    assert said.err == "error: a[/b].csv: found ' '\n  and more\n"
    assert said.out == ""


def test_json_is_printed_for_paths_with_any_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"path": Path("b\udcff"), "title": "Чай", "loss": float("nan")})

    assert json.loads(capsys.readouterr().out) == {"path": "b?", "title": "Чай", "loss": None}


def test_json_is_printed_with_unsafe_characters_escaped(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    unsafe = [
        *map(chr, (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))),
        *"\u061c\u200e\u200f\u2028\u2029\ufeff\u115f\u1160\u3164\uffa0\U000e0001\U000e0041",
    ]
    harmless = "Чай 茶 نمی\u200cشود 👩\u200d🚀 한국어 \u00a0"

    print_json({"title": harmless, "unsafe": unsafe, "\x9b31m": "\u202e"}, indent=1)

    printed = capsysbinary.readouterr().out.decode()
    assert not set(printed) & (set(unsafe) - {"\n"})
    assert harmless in printed
    assert "\\udb40\\udc41" in printed
    assert json.loads(printed) == {"title": harmless, "unsafe": unsafe, "\x9b31m": "\u202e"}
