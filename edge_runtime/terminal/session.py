"""``pocketrec run``: a person tries a bundle.

Each line is one command; what it changes is on the disk before it answers.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from edge_runtime.errors import PocketRecError
from edge_runtime.recommender import Recommendation, Recommender
from edge_runtime.state.history import DISLIKE, Event
from edge_runtime.terminal.arguments import is_command, is_number, nothing, refused, whole_number
from edge_runtime.terminal.plain import about
from edge_runtime.terminal.prompt import Lines
from edge_runtime.terminal.screen import VERBS, Line, Screen, done_sign, movement
from edge_runtime.variety import Variety, checked_variety

N_LISTED = 10
N_EVENTS = 20
MOST_LISTED = 100
_DECIMAL = re.compile(r"[0-9]{0,6}\.?[0-9]{1,6}")
_MARKS: Mapping[str, str] = {
    "open": "click", "click": "click", "like": "like", "buy": "purchase", "purchase": "purchase",
    "dislike": "dislike", "hide": "dislike",
}  # fmt: skip


class Session:
    """One visit.

    Args:
        recommender: of the person; the caller closes it.
        lines: what is typed.
        screen: where the answers go.
        place: the state file, to be named to the person.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        recommender: Recommender,
        lines: Lines,
        screen: Screen,
        place: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._recommender = recommender
        self._lines = lines
        self._screen = screen
        self._place = place
        self._clock = clock
        self._shown: Sequence[Recommendation] = ()
        self._events: Sequence[Event] = ()
        self._variety: Variety = 0.0
        self._ranks: dict[int, int] | None = None
        self._n_falls = len(recommender.engine.fallbacks)
        self._commands: Mapping[str, Callable[[str], None]] = {
            "list": self._list, "why": self._why, "history": self._history, "undo": self._undo,
            "remove": self._remove, "forget": self._forget, "engine": self._engine, "help": self._help,
            "search": self._search, "variety": self._vary,
        }  # fmt: skip

    def run(self) -> None:
        """Answer lines until there are no more; Ctrl-C and the end of the input leave as `quit` does."""
        recommender = self._recommender
        manifest = recommender.manifest
        self._screen.greet(manifest.name, manifest.release, manifest.catalogue.n_items, recommender.engine, self._place)
        try:
            self._list("")
            while (line := self._lines.ask("> ")) is not None and self.answer(line):
                pass
        except KeyboardInterrupt:
            self._screen.blank()
        n_events = len(recommender.history())
        self._screen.say(f"Bye. {n_events} event{'' if n_events == 1 else 's'} kept in {self._place}.", "dim")

    def answer(self, line: str) -> bool:
        """Do what one line says; return whether the session goes on."""
        if not self._lines.echoes:
            self._screen.say(f"> {line}", "bold")
        first, _, rest = line.strip().partition(" ")
        if first.lower() in ("quit", "exit", "q"):
            return False
        try:
            self._do(first.lower(), rest.strip(), line.strip())
        except (PocketRecError, ValueError) as error:
            self._screen.say(str(error), "red")
            self._screen.blank()
        return True

    def _do(self, name: str, rest: str, whole: str) -> None:
        if is_number(whole):
            self._mark("open", whole)
        elif name in _MARKS and is_command(rest):
            self._mark(name, rest)
        elif name in self._commands and (name == "search" or is_command(rest)):
            self._commands[name](rest)
        elif whole:
            self._search(whole)

    def _mark(self, name: str, rest: str) -> None:
        if not rest:
            raise ValueError(f"{name} which one? `{name} 3` means item 3 of the list on the screen.")
        item, event = self._chosen(whole_number(name, rest)), _MARKS[name]
        self._recommender.observe(item.item_id, event)
        self._screen.say(f"{VERBS[event]}: {item.title}", "green")
        self._list("")

    def _list(self, rest: str) -> None:
        """Print the recommendations, and how each moved since the last list."""
        recommender = self._recommender
        n_items = whole_number("list", rest, default=N_LISTED, most=MOST_LISTED)
        items = recommender.recommend(n_items, variety=self._variety)
        before = self._ranks
        moves = [movement(item.rank, (before or {}).get(item.row), is_first=before is None) for item in items]
        self._ranks = {item.row: item.rank for item in items}
        n_new = 0 if before is None else sum(item.row not in before for item in items)
        changed = f"{n_new} new, " if n_new else ""
        varied = f"variety {self._variety_in_use()}, " if self._variety else ""
        self._show(self._title(), items, moves, f"{changed}{varied}{recommender.timings['recommend']:.2f} ms")
        self._tell_of_falls()

    def _search(self, text: str) -> None:
        items = self._recommender.search(text, N_LISTED)
        if not items:
            self._screen.say(f"Nothing is called {text!r}. Try other words, or `list`.", "yellow")
            self._screen.blank()
            return
        done = {event.item_id: event.event for event in reversed(self._recommender.history())}
        marks = [Text(done_sign(done.get(item.item_id))) for item in items]
        self._show(f"found for {text!r}", items, marks, "`3` opens, `like 3`, `dislike 3`")

    def _why(self, rest: str) -> None:
        item = self._chosen(whole_number("why", rest, default=1))
        with self._screen.thinking():
            reason = self._recommender.explain(item.item_id, style="detailed")
        milliseconds = self._recommender.timings["explain"]
        self._screen.say(f"{item.title}", "bold")
        self._screen.say(reason.text)
        self._screen.say(f"worded by the {reason.source}, {milliseconds:.1f} ms", "dim")
        if reason.note:
            self._screen.say(reason.note, "dim")
        self._screen.blank()

    def _vary(self, rest: str) -> None:
        if not rest:
            self._screen.say(f"Variety is {self._variety_in_use()}; 0 is the most precise, 1 the most varied.", "dim")
            self._screen.blank()
            return
        if rest.lower() != "auto" and not _DECIMAL.fullmatch(rest):
            raise refused("variety", rest, "one number from 0 (precise) to 1 (varied), or `auto`")
        self._variety = "auto" if rest.lower() == "auto" else checked_variety(float(rest))
        self._list("")

    def _variety_in_use(self) -> str:
        if self._variety == "auto":
            return f"{self._recommender.auto_variety():.2f} (auto)"
        return f"{self._variety:g}"

    def _history(self, rest: str) -> None:
        self._events = self._recommender.history(whole_number("history", rest, default=N_EVENTS))
        if not self._events:
            self._screen.say("Nothing yet: search something, and open or like it.", "dim")
            self._screen.blank()
            return
        self._screen.events(self._events, [self._title_of(event) for event in self._events], self._clock())

    def _undo(self, rest: str) -> None:
        nothing("undo", rest, ": it takes back the newest event, and `remove 2` line 2 of the `history`")
        newest = self._recommender.history(1)
        if not newest:
            raise ValueError("there is nothing to take back.")
        self._take_back(newest[0])

    def _remove(self, rest: str) -> None:
        if not self._events:
            raise ValueError("look at your `history` first: `remove 2` means its second line.")
        number = whole_number("remove", rest)
        if number > len(self._events):
            raise ValueError(f"the history on the screen has the lines 1 to {len(self._events)}, not {number}.")
        self._take_back(self._events[number - 1])

    def _take_back(self, event: Event) -> None:
        was_there = self._recommender.remove(event.id)
        self._events = ()
        told = VERBS.get(event.event, event.event)
        self._screen.say(f"{'taken back' if was_there else 'gone already'}: {told} {self._title_of(event)}", "green")
        self._list("")

    def _forget(self, rest: str) -> None:
        if rest.lower() not in ("", "yes"):
            raise refused("forget", rest, "nothing after it, or `yes`")
        if not rest:
            n_events = len(self._recommender.history())
            self._screen.say(
                f"This deletes all {n_events} events for good. Type `forget yes` if you mean it.", "yellow"
            )
            self._screen.blank()
            return
        self._recommender.forget()
        self._events, self._ranks = (), None
        self._screen.say("Forgotten: nothing about you is left in the file.", "green")
        self._list("")

    def _engine(self, rest: str) -> None:
        nothing("engine", rest)
        self._screen.engine(self._recommender.engine, self._recommender.timings)

    def _help(self, rest: str) -> None:
        nothing("help", rest)
        self._screen.help()

    def _show(self, title: str, items: Sequence[Recommendation], marks: Sequence[Text], footer: str) -> None:
        facts = self._recommender.items.facts
        lines = [Line(item, about(facts(item.row)), mark) for item, mark in zip(items, marks, strict=True)]
        self._shown = items
        self._screen.items(title, lines, footer)

    def _title(self) -> str:
        """Return what the list is, honestly."""
        if self._recommender.engine.name == "popularity":
            return "what most people choose (no engine works here: see `engine`)"
        known = any(e.event != DISLIKE and self._recommender.knows(e.item_id) for e in self._recommender.history())
        return "recommended for you" if known else "what most people choose (nothing is known of you yet)"

    def _tell_of_falls(self) -> None:
        """Say it when an engine gave up since the last list."""
        fallbacks = self._recommender.engine.fallbacks
        for refusal in fallbacks[self._n_falls :]:
            self._screen.say(f"{refusal.engine} {refusal.precision} was given up: {refusal.reason}", "yellow")
        self._n_falls = len(fallbacks)

    def _title_of(self, event: Event) -> str:
        """Return the title of an event's item; its id where this bundle does not have it."""
        if not self._recommender.knows(event.item_id):
            return f"{event.item_id} (not in this bundle)"
        return self._recommender.items.title[self._recommender.row(event.item_id)]

    def _chosen(self, number: int) -> Recommendation:
        """Return the item that a number means.

        Raises:
            ValueError: the list on the screen has no such line.
        """
        if not 1 <= number <= len(self._shown):
            raise ValueError(f"the list on the screen has the items 1 to {len(self._shown)}, not {number}.")
        return self._shown[number - 1]
