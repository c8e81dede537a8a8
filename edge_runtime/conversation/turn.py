"""The answer to one sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge_runtime.conversation.answers import Sayings, short_title
from edge_runtime.conversation.compose import compose, than_shown
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.memory import Memory, Option, State
from edge_runtime.conversation.outcome import Answer, Chip, Lister, Question
from edge_runtime.conversation.parsed import Context, Parsed
from edge_runtime.conversation.parts import Part, Parts, parts_of, query_of
from edge_runtime.conversation.query import MAX_PARTS, Query
from edge_runtime.conversation.questions import (
    values_on_the_screen,
    what_is_meant,
    what_to_leave_out,
    which_counts,
)
from edge_runtime.conversation.replies import chosen, declines
from edge_runtime.conversation.words import Language, words

_MOST_WORDS: Final = 2
"""Maximum number of words that an answer repeats because they were not understood."""


@dataclass(slots=True)
class Turn:
    """The answer to one sentence."""

    memory: Memory
    language: Language
    hearing: Hearing
    lister: Lister
    explain: Callable[[str], str]

    def answer(self, text: str) -> Answer:
        """Return the answer to a sentence."""
        options, self.memory.options = self.memory.options, ()
        option = chosen(options, text, self.language)
        if option is not None:
            return self._take(option)
        if options and declines(text, self.language):
            return self._listed(Query(), self._say("as_before"))
        shown = self.memory.shown or ()
        parsed = self.hearing.parse(text, self.language, Context(shown, self.memory.about, self.hearing.facts))
        if parsed.problem is not None:
            return self._problem(parsed)
        if options and parsed.query.intent == "undo":
            return self._listed(parsed.query, self._say("as_before"))  # the question is dropped, nothing else
        actions = {
            "undo": self._undo, "reset": self._reset, "why": self._why, "nothing": self._nothing, "list": self._list,
        }  # fmt: skip
        action = actions.get(parsed.query.intent)
        answer = self._filter(parsed) if action is None else action(parsed)
        is_open = parsed.query.intent == "nothing" and answer.question is None
        return self._asked_again(answer, options) if options and is_open else answer

    def _take(self, option: Option) -> Answer:
        before = self.memory.state
        if option.state == before:
            return self._listed(Query(), self._say("as_before"))
        if not self.lister(query_of(option.state.parts), option.state.hidden):
            return self._listed(Query(), self._say("empty_then"))
        self.memory.go(option.state)
        return self._listed(Query(), self._added(before.parts) or self._say("as_before"))

    # Intents

    def _undo(self, parsed: Parsed) -> Answer:
        if not self.memory.undo():
            return self._listed(parsed.query, self._say("nothing_to_undo"))
        is_all = not self.memory.state.parts
        return self._listed(parsed.query, self._say("undone") + (f" {self._say('list')}" if is_all else ""))

    def _reset(self, parsed: Parsed) -> Answer:
        if self.memory.state != State():
            self.memory.go(State())
        self.memory.about = None
        return self._listed(parsed.query, self._say("none_left"))

    def _why(self, parsed: Parsed) -> Answer:
        shown = self.memory.shown or ()
        item_id = parsed.query.about or next(filter(None, shown), None)
        if item_id is None:
            return self._listed(parsed.query, self._say("no_item"))
        self.memory.about = item_id
        texts = [self._asked_for(item_id), self.explain(item_id)]
        title = short_title(self.hearing.title(item_id))
        return self._listed(parsed.query, f"{title}: {' '.join(text for text in texts if text)}")

    def _asked_for(self, item_id: str) -> str:
        """Return which of the values that were asked for an item has, in words."""
        wished = [
            replace(part, kind="must")
            for part in self.memory.state.parts
            if part.kind in ("must", "prefer") and part.wish and self.hearing.fulfils(item_id, part.wish)
        ]
        return self._say("asked_for", values=self.sayings.chips(wished)) if wished else ""

    def _nothing(self, parsed: Parsed) -> Answer:
        single = self.hearing.lexicon(self.language).single
        asked = what_is_meant(self.sayings, parsed, self.memory.state, single, self.lister) if parsed.readings else None
        if asked is not None:
            answer = self._question(parsed, *asked)
        else:
            text = self._lacks(parsed) or self._not_understood(parsed) or self._say("nothing")
            answer = self._listed(parsed.query, text, parsed)
        return replace(answer, is_sentence=parsed.is_sentence)

    def _list(self, parsed: Parsed) -> Answer:
        if parsed.query.changes_list:
            return self._filter(parsed)
        return self._listed(parsed.query, self._say("list"))

    def _filter(self, parsed: Parsed) -> Answer:
        """Add what was said to what counts, or ask."""
        said = self._with_numbers(parsed)
        if isinstance(said, str):
            return self._listed(parsed.query, said, parsed)
        lexicon = self.hearing.lexicon(self.language)
        composed = compose(self.memory.state.parts, said, lexicon.single, replaces=parsed.query.replaces)
        if len(composed.parts) > MAX_PARTS:
            return self._listed(parsed.query, self._say("too_many"), parsed)
        hidden: tuple[str, ...] = ()
        if parsed.query.intent in ("more", "surprise"):
            hidden = tuple(dict.fromkeys([*self.memory.state.hidden, *filter(None, self.memory.shown or ())]))
        state = State(composed.parts, hidden)
        if parsed.query.intent == "surprise" and not self.lister(query_of(state.parts), hidden):
            state, hidden = State(composed.parts), ()
        if not self.lister(query_of(state.parts), hidden):
            return self._empty(parsed, state, said)
        if composed.conflict is not None:
            return self._question(parsed, *which_counts(self.sayings, composed, self.memory.state, hidden))
        before = self.memory.state
        if state.parts != before.parts or hidden != before.hidden:
            self.memory.go(state)
        return self._listed(parsed.query, self._result(parsed, before.parts), parsed)

    def _with_numbers(self, parsed: Parsed) -> list[Part] | str:
        """Return the parts of a sentence with numbers for "cheaper", or a sentence that says why there are none."""
        parts = []
        about = parsed.query.about or self.memory.about
        base = parsed.query.similar_to or ((about,) if about else ()) or self.memory.shown or ()
        for part in parts_of(parsed.query, parsed.words):
            if part.limit is not None and part.limit.than_shown is not None:
                limit = than_shown(part.limit, self.hearing.numbers(base, part.limit.field))
                if limit is None:
                    return self._lacking((part.limit.field,))
                parts.append(replace(part, limit=limit))
            else:
                parts.append(part)
        return parts

    def _result(self, parsed: Parsed, before: Parts) -> str:
        """Return what is new, and shortly what is not: the chips say what counts."""
        beginning = {"more": "more", "surprise": "surprise"}.get(parsed.query.intent)
        texts = [self._say(beginning)] if beginning else []
        is_told = beginning == "surprise" and not parsed.query.must
        if parsed.query.changes_list and not is_told:
            texts.append(self._added(before) or self._say("known"))
        return " ".join(text for text in (*texts, self._lacks(parsed), self._left_out(parsed)) if text)

    def _added(self, before: Parts) -> str:
        """Return what counts now and did not before."""
        known = {part.content for part in before}
        new = [part for part in self.memory.state.parts if part.content not in known]
        return self._say("added", chips=self.sayings.chips(new)) if new else ""

    # Questions

    def _empty(self, parsed: Parsed, state: State, said: Sequence[Part]) -> Answer:
        """Ask what to leave out if nothing is left."""
        if parsed.query.intent == "more" and not said:
            return self._listed(parsed.query, self._say("no_more"), parsed)
        if self.lister(query_of(said), ()):
            asked = what_to_leave_out(self.sayings, said, state, self.memory.state, self.lister)
            if asked is not None:
                return self._question(parsed, *asked)
        return self._listed(parsed.query, self._say("empty_alone", new=self.sayings.chips(said)), parsed)

    def _problem(self, parsed: Parsed) -> Answer:
        name = self.sayings.field(parsed.of_problem)
        if parsed.problem == "no_value":
            item_id = parsed.query.about or ""
            return self._listed(
                parsed.query, self._say("no_value", item=short_title(self.hearing.title(item_id)), field=name), parsed
            )
        if parsed.problem == "which" and (
            options := values_on_the_screen(parsed, self.memory.state, self.memory.shown or (), self.hearing)
        ):
            if len(options) == 1:
                return self._take(options[0])
            texts = self.sayings.either([option.text for option in options])
            return self._question(parsed, self._say("which", field=name, options=texts), options)
        if parsed.of_problem and self.memory.shown:
            return self._listed(parsed.query, self._say("few", n=str(len(self.memory.shown))), parsed)
        return self._listed(parsed.query, self._say("no_item"), parsed)

    def _question(self, parsed: Parsed, text: str, options: Sequence[Option]) -> Answer:
        self.memory.options, self.memory.asked = tuple(options), text
        question = Question(text, tuple(option.text for option in options))
        return replace(self._listed(parsed.query, text, parsed), question=question)

    def _asked_again(self, answer: Answer, options: Sequence[Option]) -> Answer:
        """Keep the question that was asked after words that are no reply and ask for nothing."""
        self.memory.options = tuple(options)
        question = Question(self.memory.asked, tuple(option.text for option in options))
        return replace(answer, text=f"{answer.text} {self.memory.asked}", question=question)

    # Words

    @property
    def sayings(self) -> Sayings:
        """The words of answers."""
        return Sayings(words(self.language), self.hearing.title)

    def _say(self, name: str, **slots: str) -> str:
        return self.sayings.say(name, **slots)

    def _not_understood(self, parsed: Parsed) -> str:
        """Return what was not understood where nothing was; of many words only that it is so."""
        words = parsed.not_understood
        if len(words) > _MOST_WORDS:
            return self._say("not_understood_all")
        return self._say("not_understood", words=self.sayings.quoted(words)) if words else ""

    def _left_out(self, parsed: Parsed) -> str:
        """Return what was not understood of a sentence that does something."""
        words = parsed.not_understood
        if len(words) > _MOST_WORDS:
            return self._say("left_out_rest")
        return self._say("left_out", words=self.sayings.quoted(words)) if words else ""

    def _lacks(self, parsed: Parsed) -> str:
        return self._lacking(parsed.lacks) if parsed.lacks else ""

    def _lacking(self, names: Sequence[str]) -> str:
        """Return that the catalogue lacks facts, and which ones it has."""
        field = self.sayings.either([self.sayings.field(name) for name in names])
        known = self.sayings.fields(self.hearing.lexicon(self.language).field_names)
        return self._say("lacks", field=field, fields=known) if known else self._say("lacks_all", field=field)

    def _listed(self, query: Query, text: str, parsed: Parsed | None = None) -> Answer:
        items = self.lister(query_of(self.memory.state.parts), self.memory.state.hidden)
        chips = chips_of(self.memory.state.parts, self.sayings)
        return Answer(text, query, parsed.not_understood if parsed else (), chips, items)


def chips_of(parts: Parts, sayings: Sayings) -> tuple[Chip, ...]:
    """Return what counts, in words."""
    return tuple(Chip(str(part.id), sayings.chip(part), part.kind, sayings.details(part)) for part in parts)
