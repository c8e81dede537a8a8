"""Output of the session: tables and lines, without access to the recommender."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from edge_runtime.events import CLICK, DISLIKE, LIKE, PURCHASE, READ, WATCH
from edge_runtime.in_use import EngineStatus
from edge_runtime.recommendation import Recommendation
from edge_runtime.state.history import Event
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.plain import plain

WIDEST = 110
VERBS: Mapping[str, str] = {
    CLICK: "opened", LIKE: "liked", PURCHASE: "bought", WATCH: "watched", READ: "read", DISLIKE: "hid",
}  # fmt: skip
HELP: Sequence[tuple[str, str]] = (
    ("hand cream", "search: any words that are not a command"),
    ("3", "open item 3 of the list on the screen"),
    ("like 3, {chosen} 3, dislike 3", "record an event; a disliked item is hidden, and similar ones rank lower"),
    ("cheaper, not that brand, undo", "say what you want, in words; `say` before it if it is also a title"),
    ("why 3, why 3 short formal", "explain why it is recommended; `short` or `detailed`, `casual` or `formal`"),
    ("list, list 20", "your recommendations, optionally how many"),
    (
        "diversity 0.5, diversity auto",
        "from 0 (precise) to 1 (diverse): 0.5 replaces half of the list; `auto` follows likes and dislikes",
    ),
    ("history", "your events, newest first"),
    ("undo, remove 2", "take back what you said or did last, or delete line 2 of the history"),
    ("remove no coffee", "take back one thing that you said"),
    ("learning, learning off", "whether the lists are adapted to you, and a switch"),
    ("forget", "delete all data about you"),
    ("engine", "the engine in use, its self-test and timings"),
    ("quit", "quit; everything is saved already"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: the item, its facts, and its movement since the last list."""

    item: Recommendation
    about: str
    move: Text


class Screen:
    """Prints the output of a session."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def print(self, text: str, style: str = "") -> None:
        """Print one line literally, without markup."""
        self._console.print(plain(text), style=style)

    def thinking(self) -> AbstractContextManager[object]:
        """Return a context that shows a spinner on a terminal."""
        return self._console.status("thinking") if self._console.is_terminal else nullcontext()

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def header(self, name: str, release: int, n_items: int, engine: EngineStatus, state: Path) -> None:
        """Print the header of a session."""
        self._console.print(Text.assemble((plain(name), "bold"), f", release {release}, {n_items:,} items"))
        self.print(
            f"computed on this device by {engine.name} {engine.precision}, no network; your history: {state}", "dim"
        )
        for refusal in engine.fallbacks:
            self.print(f"{refusal.engine} {refusal.precision} is not used: {refusal.reason}", "yellow")
        self.print("Type words to search, a number to open an item, or `help`.", "dim")
        self.blank()

    def items(self, title: str, lines: Sequence[Line], footer: str = "") -> None:
        """Print a numbered list; on a narrow terminal the titles are shortened, never the numbers."""
        table = _table(title, min(self._console.width, WIDEST))
        table.add_column(justify="right", style="cyan", min_width=2)
        table.add_column(min_width=3)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=5)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=3, style="dim")
        for number, line in enumerate(lines, start=1):
            table.add_row(str(number), line.move, plain(line.item.title), line.about)
        self._console.print(table)
        if footer:
            self.print(footer, "dim")
        self.blank()

    def events(self, events: Sequence[Event], titles: Sequence[str], now: float) -> None:
        """Print the history."""
        table = _table("your history", min(self._console.width, WIDEST))
        table.add_column(justify="right", style="cyan", min_width=2)
        table.add_column(min_width=6)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        table.add_column(style="dim", justify="right", min_width=10)
        for number, (event, title) in enumerate(zip(events, titles, strict=True), start=1):
            verb = VERBS.get(event.event, event.event)
            table.add_row(str(number), verb, plain(title), ago(now - event.time / 1000))
        self._console.print(table)
        self.blank()

    def engine(self, status: EngineStatus, timings: Mapping[str, float]) -> None:
        """Print the engine in use, its self-test, the refused engines and the timings."""
        self.print(f"{status.name} {status.precision}")
        if status.self_test is not None:
            test = status.self_test
            self.print(
                f"self-test: {test.n_sequences} golden sequences, state error {test.state_error:.1g}, "
                f"top-10 overlap {test.overlap:.3f}",
                "dim",
            )
        for refusal in status.fallbacks:
            self.print(f"not used: {refusal.engine} {refusal.precision}: {refusal.reason}", "yellow")
        self.print(", ".join(f"{name} {ms:.2f} ms" for name, ms in timings.items()), "dim")
        self.blank()

    def help(self, chosen: str) -> None:
        """Print the commands; ``chosen`` is the one for what is bought, watched or read."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
        for command, description in HELP:
            table.add_row(Text(command.replace("{chosen}", chosen), style="cyan"), description)
        self._console.print(table)
        self.blank()


def _table(title: str, width: int) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, width=width)


def movement(rank: int, before: int | None, *, is_first: bool) -> Text:
    """Return the movement of an item as a sign and a number, readable without colour."""
    if is_first:
        return Text()
    if before is None:
        return Text("new", style="magenta")
    if before == rank:
        return Text("=", style="dim")
    return Text(f"▲{before - rank}", style="green") if before > rank else Text(f"▼{rank - before}", style="red")


def done_sign(event: str | None) -> str:
    """Return the sign of an event."""
    return "" if event is None else {LIKE: "♥", DISLIKE: "✗"}.get(event, "✓")


def ago(seconds: float) -> str:
    """Return a past duration in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"
