"""The interactive session of ``pocketrec run``.

Each line is one command, and its changes are durable before its output is printed.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.text import Text

from edge_runtime.bundle.manifest import ARTICLES, SHOP, VIDEO
from edge_runtime.conversation.words import checked_language, words
from edge_runtime.diversity import Diversity, checked_diversity
from edge_runtime.errors import PocketRecError
from edge_runtime.events import CLICK, DISLIKE, LIKE, PURCHASE, READ, WATCH
from edge_runtime.reasons.words import STYLES, TONES, Style, Tone
from edge_runtime.recommendation import Recommendation
from edge_runtime.recommender import Recommender
from edge_runtime.search.finder import MAX_CHARACTERS
from edge_runtime.state.history import Event
from edge_runtime.terminal.plain import about
from edge_runtime.views.arguments import is_command, is_number, no_argument, refused, whole_number
from edge_runtime.views.idle import IdleLearner
from edge_runtime.views.prompt import Lines
from edge_runtime.views.screen import VERBS, Line, Screen, done_sign, movement

N_LISTED = 10
N_EVENTS = 20
MOST_LISTED = 100
_DECIMAL = re.compile(r"[0-9]{0,6}\.?[0-9]{1,6}")
# Commands of earlier versions.
_RENAMED: Mapping[str, str] = {"variety": "diversity"}
_EVENTS: Mapping[str, str] = {
    "open": CLICK, "click": CLICK, "like": LIKE, "dislike": DISLIKE, "hide": DISLIKE,
}  # fmt: skip
# By the kind of the catalogue; the first is shown in the help.
_CHOSEN: Mapping[str, Mapping[str, str]] = {
    SHOP: {"buy": PURCHASE, "purchase": PURCHASE}, VIDEO: {"watch": WATCH}, ARTICLES: {"read": READ},
}  # fmt: skip


class Session:
    """One interactive session.

    Args:
        recommender: recommender of the user; the caller closes it.
        lines: source of input lines.
        screen: output.
        state: path of the state file, for messages.
        clock: returns seconds since 1970.
        language: of the sentences.
    """

    def __init__(
        self,
        recommender: Recommender,
        lines: Lines,
        screen: Screen,
        state: Path,
        clock: Callable[[], float] = time.time,
        language: str = "en",
    ) -> None:
        self._recommender = recommender
        self._lines = lines
        self._screen = screen
        self._state = state
        self._clock = clock
        self._shown: Sequence[Recommendation] = ()
        self._events: Sequence[Event] = ()
        self._diversity: Diversity = 0.0
        self._ranks: dict[int, int] | None = None
        self._n_fallbacks = len(recommender.engine.fallbacks)
        self._is_adapted = False
        self._language = language
        self._about: str | None = None
        self._replies: Sequence[str] = ()
        self._changes: list[int | None] = []  # ids of events, and None for what was said
        self._chosen = _CHOSEN.get(recommender.manifest.kind, _CHOSEN[SHOP])
        self._event_of = {**_EVENTS, **self._chosen}
        self._commands: Mapping[str, Callable[[str], None]] = {
            "list": self._list, "why": self._why, "history": self._history, "undo": self._undo,
            "remove": self._remove, "forget": self._forget, "engine": self._engine, "help": self._help,
            "search": self._search, "diversity": self._set_diversity,
            "learning": self._learning, "say": self._say,
        }  # fmt: skip

    def run(self) -> None:
        """Execute lines until the end of the input; Ctrl-C ends the session as `quit` does."""
        recommender = self._recommender
        manifest = recommender.manifest
        self._screen.header(
            manifest.name, manifest.release, manifest.catalogue.n_items, recommender.engine, self._state
        )
        try:
            self._list("")
            self._report_learning()
            with IdleLearner(recommender) as learner:
                while (line := self._read(learner)) is not None and self.execute(line):
                    pass
        except KeyboardInterrupt:
            self._screen.blank()
        n_events = recommender.count_events()
        self._screen.print(f"Bye. {n_events} event{'' if n_events == 1 else 's'} saved in {self._state}.", "dim")

    def _read(self, learner: IdleLearner) -> str | None:
        with learner.waiting():
            return self._lines.read("> ")

    def execute(self, line: str) -> bool:
        """Execute one line; return whether the session continues."""
        if not self._lines.echoes:
            self._screen.print(f"> {line}", "bold")
        first, _, rest = line.strip().partition(" ")
        if first.lower() in ("quit", "exit", "q"):
            return False
        try:
            self._dispatch(first.lower(), rest.strip(), line.strip())
        except (PocketRecError, ValueError) as error:
            self._screen.print(str(error), "red")
            self._screen.blank()
        return True

    def _dispatch(self, name: str, rest: str, whole: str) -> None:
        replies, self._replies = self._replies, ()
        if is_number(whole) and 1 <= int(whole) <= len(replies):
            self._say(replies[int(whole) - 1])
        elif is_number(whole):
            self._record("open", whole)
        elif name in _RENAMED and rest and is_command(rest):
            raise ValueError(f"`{name}` is now called `{_RENAMED[name]}`: type `{_RENAMED[name]} {rest}`.")
        elif self._is_command(name, rest, whole):
            if name in self._event_of:
                self._record(name, rest)
            else:
                self._commands[name](rest)
        elif whole and not self._is_said(whole):
            self._search(whole)

    def _is_said(self, text: str) -> bool:
        """Answer a line that asks for something in words; return False if it is one to search for."""
        if self._recommender.asks(text, language=self._language):
            self._say(text)
            return True
        return False

    def _say(self, text: str) -> None:
        """Answer a sentence with a list, which also follows what was said before."""
        if not text:
            raise ValueError("`say` needs a sentence: `say something without perfume`.")
        n_before = self._recommender.n_changes
        answer = self._recommender.say(text, language=self._language, shown=self._ids(), about=self._about)
        self._note_said(self._recommender.n_changes - n_before)
        self._screen.print(answer.text, "bold")
        if answer.question is not None:
            for number, option in enumerate(answer.question.options, start=1):
                self._screen.print(f"  {number}  {option}", "cyan")
            self._screen.blank()
            self._replies = answer.question.options
            return
        if answer.understood.intent in ("why", "nothing"):
            self._screen.blank()
            return
        self._ranks = {item.row: item.rank for item in answer.items}
        signs = [Text()] * len(answer.items)
        chips = ", ".join(chip.text for chip in answer.chips)
        title = f"recommended for you: {chips}" if chips else "recommended for you"
        self._show(title, answer.items, signs, f"{self._recommender.timings['say']:.2f} ms")

    def _note_said(self, n_more: int) -> None:
        """Keep in mind what `undo` takes back, after a sentence that changed something or took something back."""
        if n_more > 0:
            self._changes.append(None)
        elif n_more < 0 and None in self._changes:
            del self._changes[len(self._changes) - 1 - self._changes[::-1].index(None)]

    def _ids(self) -> list[str]:
        return [item.item_id for item in self._shown]

    def _is_command(self, name: str, rest: str, whole: str) -> bool:
        """Return whether a line is a command; with the wrong arguments it is one only if no item matches the line."""
        if name not in self._event_of and name not in self._commands:
            return False
        if name in ("search", "say") or is_command(rest):
            return True
        if name == "remove" and self._chip(rest):
            return True
        is_sentence = name == "why" and self._recommender.asks(whole, language=self._language)
        return not (is_sentence or self._recommender.search(whole[:MAX_CHARACTERS], 1))

    def _record(self, name: str, rest: str) -> None:
        if not rest:
            raise ValueError(f"`{name}` needs the number of an item: `{name} 3` is item 3 of the list on the screen.")
        item, event = self._item(whole_number(name, rest)), self._event_of[name]
        self._recommender.observe(item.item_id, event)
        self._changes += [one.id for one in self._recommender.history(1)]
        self._screen.print(f"{VERBS[event]}: {item.title}", "green")
        self._list("")

    def _list(self, rest: str) -> None:
        """Print the recommendations with their movement since the last list."""
        recommender = self._recommender
        n_items = whole_number("list", rest, default=N_LISTED, most=MOST_LISTED)
        items = recommender.recommend(n_items, diversity=self._diversity, conversation=True)
        previous = self._ranks
        moves = [movement(item.rank, (previous or {}).get(item.row), is_first=previous is None) for item in items]
        self._ranks = {item.row: item.rank for item in items}
        n_new = 0 if previous is None else sum(item.row not in previous for item in items)
        changed = f"{n_new} new, " if n_new else ""
        diverse = f"diversity {self._diversity_in_use()}, " if self._diversity else ""
        self._show(self._title(), items, moves, f"{changed}{diverse}{recommender.timings['recommend']:.2f} ms")
        self._report_fallbacks()
        self._report_learning()

    def _search(self, text: str) -> None:
        text = text[:MAX_CHARACTERS]
        items = self._recommender.search(text, N_LISTED)
        if not items:
            self._screen.print(f"No item matches {text!r}. Try other words, or `list`.", "yellow")
            self._screen.blank()
            return
        latest = self._recommender.latest_events([item.item_id for item in items])
        signs = [Text(done_sign(latest.get(item.item_id))) for item in items]
        self._show(f"results for {text!r}", items, signs, "`3` opens item 3; `like 3`, `dislike 3`")

    def _why(self, rest: str) -> None:
        numbers, style, tone = _manner(rest)
        item = self._item(whole_number("why", numbers, default=1))
        if style or tone:
            self._recommender.choose_reasons(style=style, tone=tone)
        style = style or self._recommender.reason_choices.style or "detailed"
        with self._screen.thinking():
            reason = self._recommender.explain(item.item_id, style=style, tone=tone, language=self._language)
        milliseconds = self._recommender.timings["explain"]
        self._screen.print(f"{item.title}", "bold")
        self._screen.print(reason.text)
        self._screen.print(f"written by the {reason.source}, {milliseconds:.1f} ms", "dim")
        if reason.note:
            self._screen.print(reason.note, "dim")
        self._screen.blank()

    def _set_diversity(self, rest: str) -> None:
        if not rest:
            self._screen.print(
                f"Diversity is {self._diversity_in_use()}; 0 is the most precise, 1 the most diverse.", "dim"
            )
            self._screen.blank()
            return
        if rest.lower() != "auto" and not _DECIMAL.fullmatch(rest):
            raise refused("diversity", rest, "one number from 0 (precise) to 1 (diverse), or `auto`")
        self._diversity = "auto" if rest.lower() == "auto" else checked_diversity(float(rest))
        self._list("")

    def _diversity_in_use(self) -> str:
        if self._diversity == "auto":
            return f"{self._recommender.auto_diversity():.2f} (auto)"
        return f"{self._diversity:g}"

    def _history(self, rest: str) -> None:
        self._events = self._recommender.history(whole_number("history", rest, default=N_EVENTS))
        if not self._events:
            self._screen.print("The history is empty: search for an item, and open or like it.", "dim")
            self._screen.blank()
            return
        self._screen.events(self._events, [self._title_of(event) for event in self._events], self._clock())

    def _undo(self, rest: str) -> None:
        no_argument("undo", rest, ": it takes back what came last, and `remove 2` deletes line 2 of the `history`")
        newest = self._recommender.history(1)
        is_said = self._changes[-1] is None if self._changes else self._recommender.n_changes > 0
        if is_said:
            self._say(words(checked_language(self._language)).cues["undo"][0])
        elif newest:
            self._delete(newest[0])
        else:
            raise ValueError("there is nothing to take back.")

    def _chip(self, text: str) -> str:
        """Return the id of the chip with a text; empty if there is none."""
        return next((chip.id for chip in self._recommender.chips if chip.text.lower() == text.lower()), "")

    def _remove(self, rest: str) -> None:
        if chip_id := self._chip(rest):
            self._recommender.remove_chip(chip_id)
            self._changes.append(None)
            self._list("")
            return
        if not self._events:
            raise ValueError("show your `history` first: `remove 2` deletes its second line.")
        number = whole_number("remove", rest)
        if number > len(self._events):
            raise ValueError(f"the history on the screen has lines 1 to {len(self._events)}, not {number}.")
        self._delete(self._events[number - 1])

    def _delete(self, event: Event) -> None:
        existed = self._recommender.remove(event.id)
        self._events = ()
        self._changes = [one for one in self._changes if one != event.id]
        verb = VERBS.get(event.event, event.event)
        self._screen.print(f"{'deleted' if existed else 'already deleted'}: {verb} {self._title_of(event)}", "green")
        self._list("")

    def _forget(self, rest: str) -> None:
        if rest.lower() not in ("", "yes"):
            raise refused("forget", rest, "no argument, or `yes`")
        if not rest:
            n_events = self._recommender.count_events()
            self._screen.print(
                f"This permanently deletes all {n_events} events. Type `forget yes` to confirm.", "yellow"
            )
            self._screen.blank()
            return
        self._recommender.forget()
        self._events, self._ranks, self._changes = (), None, []
        self._screen.print("Deleted: no data about you is left in the file.", "green")
        self._list("")

    def _engine(self, rest: str) -> None:
        no_argument("engine", rest)
        self._screen.engine(self._recommender.engine, self._recommender.timings)

    def _help(self, rest: str) -> None:
        no_argument("help", rest)
        self._screen.help(next(iter(self._chosen)))

    def _show(self, title: str, items: Sequence[Recommendation], signs: Sequence[Text], footer: str) -> None:
        facts = self._recommender.items.facts
        lines = [Line(item, about(facts(item.row)), sign) for item, sign in zip(items, signs, strict=True)]
        self._shown, self._about = items, None
        self._screen.items(title, lines, footer)

    def _title(self) -> str:
        """Return the title of the list, which depends on how it was computed."""
        if self._recommender.engine.name == "popularity":
            return "most popular items (no engine works on this device: see `engine`)"
        chips = ", ".join(chip.text for chip in self._recommender.chips)
        if chips or self._recommender.has_interactions():
            return f"recommended for you: {chips}" if chips else "recommended for you"
        return "most popular items (your history is empty)"

    def _report_fallbacks(self) -> None:
        """Print the engines that failed since the last list."""
        fallbacks = self._recommender.engine.fallbacks
        for refusal in fallbacks[self._n_fallbacks :]:
            self._screen.print(f"{refusal.engine} {refusal.precision} is no longer used: {refusal.reason}", "yellow")
        self._n_fallbacks = len(fallbacks)

    def _learning(self, rest: str) -> None:
        if rest.lower() not in ("", "on", "off"):
            raise refused("learning", rest, "no argument, `on` or `off`")
        if rest:
            self._recommender.switch_learning(on=rest.lower() == "on")
            self._is_adapted = self._recommender.learning.used  # the list need not say it as well
            self._list("")
        self._screen.print(self._recommender.learning.sentence, "dim")
        self._screen.blank()

    def _report_learning(self) -> None:
        """Say it when the lists begin or cease to be adapted to the user."""
        if self._recommender.manifest.learning is None:
            return
        status = self._recommender.learning
        if status.used != self._is_adapted:
            self._screen.print(status.sentence, "dim")
        self._is_adapted = status.used

    def _title_of(self, event: Event) -> str:
        """Return the title of an event's item, or its id if the item is not in this bundle."""
        if not self._recommender.knows(event.item_id):
            return f"{event.item_id} (not in this bundle)"
        return self._recommender.items.title[self._recommender.row(event.item_id)]

    def _item(self, number: int) -> Recommendation:
        """Return item ``number`` of the list on the screen.

        Raises:
            ValueError: the list has no such item.
        """
        if not 1 <= number <= len(self._shown):
            raise ValueError(f"the list on the screen has items 1 to {len(self._shown)}, not {number}.")
        return self._shown[number - 1]


def _manner(rest: str) -> tuple[str, Style | None, Tone | None]:
    """Return what is left of the words after ``why``, and the style and the tone among them."""
    words = rest.lower().split()
    style: Style | None = next((one for one in STYLES if one in words), None)
    tone: Tone | None = next((one for one in TONES if one in words), None)
    return " ".join(word for word in words if word not in (*STYLES, *TONES)), style, tone
