"""The session's tables and lines. Draws what it is given; asks nothing of the recommender."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from edge_runtime.recommender import EngineStatus, Recommendation
from edge_runtime.state.history import Event
from edge_runtime.terminal.console import Console
from edge_runtime.terminal.plain import plain

WIDEST = 110
VERBS: Mapping[str, str] = {
    "click": "opened", "like": "liked", "purchase": "bought", "dislike": "hid",
}  # fmt: skip
HELP: Sequence[tuple[str, str]] = (
    ("hand cream", "search: any words that are not a command"),
    ("3", "open item 3 of the list on the screen"),
    ("like 3, buy 3, dislike 3", "say more about it; a disliked item is hidden, and similar ones are shown less"),
    ("why 3", "why it is recommended"),
    ("list, list 20", "your recommendations, as many as you like"),
    (
        "variety 0.5, variety auto",
        "from precise, 0, to varied, 1: 0.5 exchanges half of the list; `auto` follows likes and dislikes",
    ),
    ("history", "what you did, the newest first"),
    ("undo, remove 2", "take back the last event, or one of the history"),
    ("forget", "delete everything that is kept about you"),
    ("engine", "what computes the list, and what it was checked against"),
    ("quit", "leave; nothing needs to be saved"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: the item, a line of facts, and how it moved since the last list."""

    item: Recommendation
    about: str
    move: Text


class Screen:
    """Prints."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str, style: str = "") -> None:
        """Print one line; what comes from a bundle or a person is never taken for markup."""
        self._console.print(plain(text), style=style)

    def thinking(self) -> AbstractContextManager[object]:
        """Return a context in which a person sees that something is going on."""
        return self._console.status("thinking") if self._console.is_terminal else nullcontext()

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def greet(self, name: str, release: int, n_items: int, engine: EngineStatus, place: Path) -> None:
        """Print the head of a session."""
        self._console.print(Text.assemble((plain(name), "bold"), f", release {release}, {n_items:,} items"))
        self.say(f"computed here by {engine.name} {engine.precision}, no network; your history: {place}", "dim")
        for refusal in engine.fallbacks:
            self.say(f"{refusal.engine} {refusal.precision} is not used: {refusal.reason}", "yellow")
        self.say("Type words to search, a number to open an item, `help` for the rest.", "dim")
        self.blank()

    def items(self, title: str, lines: Sequence[Line], footer: str = "") -> None:
        """Print a numbered list; on a narrow terminal the titles give way, never the numbers."""
        table = _table(title, min(self._console.width, WIDEST))
        table.add_column(justify="right", style="cyan", min_width=2)
        table.add_column(min_width=3)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=5)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=3, style="dim")
        for number, line in enumerate(lines, start=1):
            table.add_row(str(number), line.move, plain(line.item.title), line.about)
        self._console.print(table)
        if footer:
            self.say(footer, "dim")
        self.blank()

    def events(self, events: Sequence[Event], titles: Sequence[str], now: float) -> None:
        """Print the history."""
        table = _table("your history", min(self._console.width, WIDEST))
        table.add_column(justify="right", style="cyan", min_width=2)
        table.add_column(min_width=6)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        table.add_column(style="dim", justify="right", min_width=10)
        for number, (event, title) in enumerate(zip(events, titles, strict=True), start=1):
            told = VERBS.get(event.event, event.event)
            table.add_row(str(number), told, plain(title), ago(now - event.time / 1000))
        self._console.print(table)
        self.blank()

    def engine(self, status: EngineStatus, timings: Mapping[str, float]) -> None:
        """Print what computes, what it was checked against, and how long things took."""
        self.say(f"{status.name} {status.precision}")
        if status.self_test is not None:
            test = status.self_test
            self.say(
                f"self-test: {test.n_sequences} golden sequences, state error {test.state_error:.1g}, "
                f"top-10 overlap {test.overlap:.3f}",
                "dim",
            )
        for refusal in status.fallbacks:
            self.say(f"not used: {refusal.engine} {refusal.precision}: {refusal.reason}", "yellow")
        self.say(", ".join(f"{name} {ms:.2f} ms" for name, ms in timings.items()), "dim")
        self.blank()

    def help(self) -> None:
        """Print what can be typed."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
        for typed, does in HELP:
            table.add_row(Text(typed, style="cyan"), does)
        self._console.print(table)
        self.blank()


def _table(title: str, width: int) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, width=width)


def movement(rank: int, before: int | None, *, is_first: bool) -> Text:
    """Return how an item moved: a sign and a number, so that it can be told without colour."""
    if is_first:
        return Text()
    if before is None:
        return Text("new", style="magenta")
    if before == rank:
        return Text("=", style="dim")
    return Text(f"▲{before - rank}", style="green") if before > rank else Text(f"▼{rank - before}", style="red")


def done_sign(event: str | None) -> str:
    """Return the sign of what was done with an item."""
    return "" if event is None else {"like": "♥", "dislike": "✗"}.get(event, "✓")


def ago(seconds: float) -> str:
    """Return a duration in the largest unit that fits."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"
