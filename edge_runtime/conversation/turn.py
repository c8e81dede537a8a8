"""The answer to one sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_runtime.conversation.answers import Sayings
from edge_runtime.conversation.compose import compose, than_shown
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.memory import Memory, Option, State
from edge_runtime.conversation.outcome import Answer, Chip, Lister, Question
from edge_runtime.conversation.parsed import Context, Parsed
from edge_runtime.conversation.parts import Part, Parts, parts_of, query_of
from edge_runtime.conversation.query import MAX_PARTS, Query, Wish
from edge_runtime.conversation.questions import values_on_the_screen, what_to_leave_out, which_counts
from edge_runtime.conversation.replies import chosen
from edge_runtime.conversation.words import Language, words


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
        option = chosen(self.memory.options, text, self.language)
        if option is not None and not self.lister(query_of(option.state.parts), option.state.hidden):
            self.memory.options = ()
            return self._listed(Query(), self._say("empty_alone", new=option.text))
        if option is not None:
            self.memory.go(option.state)
            return self._listed(Query(), self._now())
        self.memory.options = ()
        shown = self.memory.shown or ()
        parsed = self.hearing.parse(text, self.language, Context(shown, self.memory.about, self.hearing.facts))
        if parsed.problem is not None:
            return self._problem(parsed)
        actions = {
            "undo": self._undo, "reset": self._reset, "why": self._why, "nothing": self._nothing, "list": self._list,
        }  # fmt: skip
        action = actions.get(parsed.query.intent)
        return self._filter(parsed) if action is None else action(parsed)

    # Intents

    def _undo(self, parsed: Parsed) -> Answer:
        if not self.memory.past:
            return self._listed(parsed.query, self._say("nothing_to_undo"))
        self.memory.state = self.memory.past.pop()
        return self._listed(parsed.query, f"{self._say('undone')} {self._now()}")

    def _reset(self, parsed: Parsed) -> Answer:
        if self.memory.state != State():
            self.memory.go(State())
        return self._listed(parsed.query, self._say("none_left"))

    def _why(self, parsed: Parsed) -> Answer:
        shown = self.memory.shown or ()
        item_id = parsed.query.about or (shown[0] if shown else None)
        if item_id is None:
            return self._listed(parsed.query, self._say("no_item"))
        self.memory.about = item_id
        return self._listed(
            parsed.query, f"{self.sayings.values(_named(self.hearing.title(item_id)))}: {self.explain(item_id)}"
        )

    def _nothing(self, parsed: Parsed) -> Answer:
        text = self._unknown(parsed) or self._say("nothing")
        return replace(self._listed(parsed.query, text, parsed), is_sentence=parsed.is_sentence)

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
            hidden = tuple(dict.fromkeys([*self.memory.state.hidden, *(self.memory.shown or ())]))
        state = State(composed.parts, hidden)
        if composed.conflict is not None:
            return self._question(parsed, *which_counts(self.sayings, composed, self.memory.state, hidden))
        if parsed.query.intent == "surprise" and not self.lister(query_of(state.parts), hidden):
            state, hidden = State(composed.parts), ()
        if not self.lister(query_of(state.parts), hidden):
            return self._empty(parsed, state, said)
        if state.parts != self.memory.state.parts or hidden != self.memory.state.hidden:
            self.memory.go(state)
        return self._listed(parsed.query, self._result(parsed), parsed)

    def _with_numbers(self, parsed: Parsed) -> list[Part] | str:
        """Return the parts of a sentence with numbers for "cheaper", or a sentence that says why there are none."""
        parts = []
        about = parsed.query.about or self.memory.about
        base = parsed.query.similar_to or ((about,) if about else ()) or self.memory.shown or ()
        for part in parts_of(parsed.query):
            if part.limit is not None and part.limit.than_shown is not None:
                limit = than_shown(part.limit, self.hearing.numbers(base, part.limit.field))
                if limit is None:
                    return self._say("no_price", field=self.sayings.field(part.limit.field))
                parts.append(replace(part, limit=limit))
            else:
                parts.append(part)
        return parts

    def _result(self, parsed: Parsed) -> str:
        beginning = {"more": "more", "surprise": "surprise"}.get(parsed.query.intent)
        texts = [self._say(beginning)] if beginning else []
        if self.memory.state.parts:
            texts.append(self._now())
        return " ".join([*texts, self._unknown(parsed)]).strip()

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
        if parsed.problem == "no_field":
            return self._listed(parsed.query, self._say("no_price", field=parsed.of_problem), parsed)
        if parsed.problem == "no_value":
            item_id = self.memory.about or ""
            return self._listed(
                parsed.query, self._say("no_value", item=self.hearing.title(item_id), field=name), parsed
            )
        if parsed.problem == "which" and (
            options := values_on_the_screen(parsed, self.memory.state, self.memory.shown or (), self.hearing)
        ):
            texts = self._say("joint").join(option.text for option in options)
            return self._question(parsed, self._say("which", field=name, options=texts), options)
        return self._listed(parsed.query, self._say("no_item"), parsed)

    def _question(self, parsed: Parsed, text: str, options: Sequence[Option]) -> Answer:
        self.memory.options = tuple(options)
        question = Question(text, tuple(option.text for option in options))
        return replace(self._listed(parsed.query, text, parsed), question=question)

    # Words

    @property
    def sayings(self) -> Sayings:
        """The words of answers."""
        return Sayings(words(self.language), self.hearing.title)

    def _say(self, name: str, **slots: str) -> str:
        return self.sayings.say(name, **slots)

    def _now(self) -> str:
        parts = self.memory.state.parts
        return self._say("now", chips=self.sayings.chips(parts)) if parts else self._say("none_left")

    def _unknown(self, parsed: Parsed) -> str:
        if not parsed.not_understood:
            return ""
        return self._say("not_understood", words=self.sayings.quoted(parsed.not_understood))

    def _listed(self, query: Query, text: str, parsed: Parsed | None = None) -> Answer:
        items = self.lister(query_of(self.memory.state.parts), self.memory.state.hidden)
        chips = chips_of(self.memory.state.parts, self.sayings)
        return Answer(text, query, parsed.not_understood if parsed else (), chips, items)


def _named(title: str) -> Wish:
    return Wish(None, (title,))


def chips_of(parts: Parts, sayings: Sayings) -> tuple[Chip, ...]:
    """Return what counts, in words."""
    return tuple(Chip(str(part.id), sayings.chip(part), part.kind) for part in parts)
