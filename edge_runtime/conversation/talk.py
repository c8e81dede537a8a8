"""A conversation: what was said so far, kept in memory only, and the answers to what is said next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from edge_runtime.conversation.answers import Sayings
from edge_runtime.conversation.compose import Composed, compose, than_shown
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.parts import Kind, Part, Parts, parts_of, query_of
from edge_runtime.conversation.query import MAX_PARTS, Query, Wish
from edge_runtime.conversation.rules import Context, Parsed
from edge_runtime.conversation.tokens import phrase_of, texts_of
from edge_runtime.conversation.words import Language, Phrases, phrases, words
from edge_runtime.recommendation import Recommendation

MAX_UNDO: Final = 50
_MAX_OPTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that was said, to be shown with a button that removes it.

    Attributes:
        id: for :meth:`Recommender.remove_chip`.
        text: in words.
        kind: what it does.
    """

    id: str
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Question:
    """A contradiction or an unclear reference that only the person can decide.

    Attributes:
        text: the question.
        options: the answers; say one of them, or "the first".
    """

    text: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a sentence.

    Attributes:
        text: in words.
        understood: what the sentence asked for.
        not_understood: the words that were not understood, as written; they changed nothing.
        chips: all that counts now.
        items: the list.
        question: what is to be decided before the sentence counts, or None.
        is_sentence: whether the text asks for something, unlike words to search for.
    """

    text: str
    understood: Query
    not_understood: tuple[str, ...]
    chips: tuple[Chip, ...]
    items: list[Recommendation]
    question: Question | None = None
    is_sentence: bool = True


class Lister(Protocol):
    """Makes the list of a query."""

    def __call__(self, query: Query, hidden: Sequence[str]) -> list[Recommendation]:
        """Return the best items by a query without some item ids."""
        ...


@dataclass(frozen=True, slots=True)
class _State:
    parts: Parts = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Option:
    text: str
    state: _State


class Conversation:
    """What was said so far. Not thread-safe."""

    def __init__(self) -> None:
        self._state = _State()
        self._past: list[_State] = []
        self._n_chips = 0
        self._options: tuple[_Option, ...] = ()
        self._shown: tuple[str, ...] | None = None
        self._about: str | None = None
        self._language: Language = "en"

    @property
    def query(self) -> Query:
        """What counts now."""
        return query_of(self._state.parts)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Item ids that were shown before "something else"."""
        return self._state.hidden

    def chips(self, hearing: Hearing) -> tuple[Chip, ...]:
        """Return what counts now, in words of the language of the last sentence."""
        sayings = Sayings(words(self._language), hearing.title)
        return tuple(Chip(str(part.id), sayings.chip(part), part.kind) for part in self._state.parts)

    def remove(self, chip_id: str) -> bool:
        """Remove a chip; return whether there was one. It can be undone."""
        parts = tuple(part for part in self._state.parts if str(part.id) != chip_id)
        if len(parts) == len(self._state.parts):
            return False
        self._go(_State(parts))
        return True

    def asks(self, text: str, language: Language, hearing: Hearing) -> bool:
        """Return whether a text replies to the question, or asks for something, unlike words to search for."""
        if _chosen(self._options, text, language) is not None:
            return True
        context = Context(self._shown or (), self._about, hearing.facts)
        return hearing.parse(text, language, context).is_sentence

    def say(
        self,
        text: str,
        language: Language,
        hearing: Hearing,
        lister: Lister,
        explain: Callable[[str], str],
        *,
        shown: Sequence[str] | None = None,
        about: str | None = None,
    ) -> Answer:
        """Return the answer to a sentence.

        Args:
            text: the sentence.
            language: its language.
            hearing: understands sentences about the release in use.
            lister: makes lists.
            explain: returns the reason of an item by its id.
            shown: item ids on the screen; None for those of the last answer.
            about: id of the item that "this" means; None for the one that was talked about last.
        """
        self._language = language
        turn = _Turn(self, language, hearing, lister, explain)
        if shown is not None:
            self._shown = tuple(shown)
        if self._shown is None:
            self._shown = tuple(item.item_id for item in lister(self.query, self.hidden))
        if about is not None:
            self._about = about
        answer = turn.answer(text)
        self._shown = tuple(item.item_id for item in answer.items)
        return answer

    def _go(self, state: _State) -> None:
        """Go over to another state, so that it can be undone."""
        self._past = [*self._past, self._state][-MAX_UNDO:]
        self._state = self._numbered(state)
        self._options = ()

    def _numbered(self, state: _State) -> _State:
        parts = []
        for part in state.parts:
            if not part.id:
                self._n_chips += 1
            parts.append(part if part.id else replace(part, id=self._n_chips))
        return _State(tuple(parts), state.hidden)


@dataclass(slots=True)
class _Turn:
    """The answer to one sentence."""

    talk: Conversation
    language: Language
    hearing: Hearing
    lister: Lister
    explain: Callable[[str], str]

    def answer(self, text: str) -> Answer:
        """Return the answer to a sentence."""
        option = _chosen(self.talk._options, text, self.language)
        if option is not None and not self.lister(query_of(option.state.parts), option.state.hidden):
            self.talk._options = ()
            return self._listed(Query(), self._say("empty_alone", new=option.text))
        if option is not None:
            self.talk._go(option.state)
            return self._listed(Query(), self._now())
        self.talk._options = ()
        shown = self.talk._shown or ()
        parsed = self.hearing.parse(text, self.language, Context(shown, self.talk._about, self.hearing.facts))
        if parsed.problem is not None:
            return self._problem(parsed)
        actions = {
            "undo": self._undo, "reset": self._reset, "why": self._why, "nothing": self._nothing, "list": self._list,
        }  # fmt: skip
        action = actions.get(parsed.query.intent)
        return self._filter(parsed) if action is None else action(parsed)

    # Intents

    def _undo(self, parsed: Parsed) -> Answer:
        if not self.talk._past:
            return self._listed(parsed.query, self._say("nothing_to_undo"))
        self.talk._state = self.talk._past.pop()
        return self._listed(parsed.query, f"{self._say('undone')} {self._now()}")

    def _reset(self, parsed: Parsed) -> Answer:
        if self.talk._state != _State():
            self.talk._go(_State())
        return self._listed(parsed.query, self._say("none_left"))

    def _why(self, parsed: Parsed) -> Answer:
        shown = self.talk._shown or ()
        item_id = parsed.query.about or (shown[0] if shown else None)
        if item_id is None:
            return self._listed(parsed.query, self._say("no_item"))
        self.talk._about = item_id
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
        composed = compose(self.talk._state.parts, said, lexicon.single, replaces=parsed.query.replaces)
        if len(composed.parts) > MAX_PARTS:
            return self._listed(parsed.query, self._say("too_many"), parsed)
        hidden: tuple[str, ...] = ()
        if parsed.query.intent in ("more", "surprise"):
            hidden = tuple(dict.fromkeys([*self.talk.hidden, *(self.talk._shown or ())]))
        state = _State(composed.parts, hidden)
        if composed.conflict is not None:
            return self._ask(parsed, composed, hidden)
        if parsed.query.intent == "surprise" and not self.lister(query_of(state.parts), hidden):
            state, hidden = _State(composed.parts), ()
        if not self.lister(query_of(state.parts), hidden):
            return self._empty(parsed, state, said)
        if state.parts != self.talk._state.parts or hidden != self.talk.hidden:
            self.talk._go(state)
        return self._listed(parsed.query, self._result(parsed), parsed)

    def _with_numbers(self, parsed: Parsed) -> list[Part] | str:
        """Return the parts of a sentence with numbers for "cheaper", or a sentence that says why there are none."""
        parts = []
        about = parsed.query.about or self.talk._about
        base = parsed.query.similar_to or ((about,) if about else ()) or self.talk._shown or ()
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
        if self.talk._state.parts:
            texts.append(self._now())
        return " ".join([*texts, self._unknown(parsed)]).strip()

    # Questions

    def _ask(self, parsed: Parsed, composed: Composed, hidden: tuple[str, ...]) -> Answer:
        """Ask which of two parts counts; nothing changes before that."""
        if composed.old is None or composed.new is None:
            raise ValueError("a conflict has two parts")
        old, new = self.sayings.chip(composed.old), self.sayings.chip(composed.new)
        options = [_Option(self._say("take", new=new), _State(composed.parts, hidden))]
        if composed.both is not None:
            options = [
                _Option(self._say("instead", new=new), _State(composed.parts, hidden)),
                _Option(self._say("both"), _State(composed.both, hidden)),
            ]
        else:
            options.append(_Option(self._say("keep", old=old), _State(composed.kept, self.talk.hidden)))
        text = "two_values" if composed.both is not None else "both_not"
        return self._question(parsed, self._say(text, old=old, new=new), options)

    def _empty(self, parsed: Parsed, state: _State, said: Sequence[Part]) -> Answer:
        """Ask what to leave out if nothing is left."""
        if parsed.query.intent == "more" and not said:
            return self._listed(parsed.query, self._say("no_more"), parsed)
        new = self.sayings.chips(said)
        if not self.lister(query_of(said), ()):
            return self._listed(parsed.query, self._say("empty_alone", new=new), parsed)
        contents = {part.content for part in said}
        olds = [part for part in state.parts if part.content not in contents]
        for index in range(len(olds) - 1, -1, -1):
            without = tuple(part for part in state.parts if part not in olds[index:])
            if self.lister(query_of(without), ()):
                old = self.sayings.chips(olds[index:])
                options = [
                    _Option(self._say("take", new=new), _State(without)),
                    _Option(self._say("keep", old=old), self.talk._state),
                ]
                return self._question(parsed, self._say("empty", new=new, old=old), options)
        return self._listed(parsed.query, self._say("empty_alone", new=new), parsed)

    def _problem(self, parsed: Parsed) -> Answer:
        name = self.sayings.field(parsed.of_problem)
        if parsed.problem == "no_field":
            return self._listed(parsed.query, self._say("no_price", field=parsed.of_problem), parsed)
        if parsed.problem == "no_value":
            item_id = self.talk._about or ""
            return self._listed(
                parsed.query, self._say("no_value", item=self.hearing.title(item_id), field=name), parsed
            )
        if parsed.problem == "which" and (options := self._which(parsed)):
            texts = self._say("joint").join(option.text for option in options)
            return self._question(parsed, self._say("which", field=name, options=texts), options)
        return self._listed(parsed.query, self._say("no_item"), parsed)

    def _which(self, parsed: Parsed) -> list[_Option]:
        """Return the values of a fact that the first items of the list have, as options."""
        options: dict[str, _Option] = {}
        said = parts_of(parsed.query)
        kind: Kind = "must_not" if parsed.excludes else "must"
        for item_id in self.talk._shown or ():
            for value in self.hearing.facts(item_id).get(parsed.of_problem, [])[:1]:
                part = Part(kind, wish=Wish(parsed.of_problem, (value,)))
                composed = compose(self.talk._state.parts, [*said, part], (), replaces=True)
                options.setdefault(value, _Option(value, _State(composed.parts)))
        return list(options.values())[:_MAX_OPTIONS]

    def _question(self, parsed: Parsed, text: str, options: Sequence[_Option]) -> Answer:
        self.talk._options = tuple(options)
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
        parts = self.talk._state.parts
        return self._say("now", chips=self.sayings.chips(parts)) if parts else self._say("none_left")

    def _unknown(self, parsed: Parsed) -> str:
        if not parsed.not_understood:
            return ""
        return self._say("not_understood", words=self.sayings.quoted(parsed.not_understood))

    def _listed(self, query: Query, text: str, parsed: Parsed | None = None) -> Answer:
        items = self.lister(self.talk.query, self.talk.hidden)
        chips = self.talk.chips(self.hearing)
        return Answer(text, query, parsed.not_understood if parsed else (), chips, items)


def _named(title: str) -> Wish:
    return Wish(None, (title,))


def _chosen(options: Sequence[_Option], text: str, language: Language) -> _Option | None:
    """Return the option that a reply names: its text or a part of it, its position, yes, no or both."""
    said = phrase_of(text)
    if not options or not said:
        return None
    spoken = phrases(language)
    position = _position(text, spoken)
    if position is not None and (position == -1 or position <= len(options)):
        return options[position if position < 0 else position - 1]
    both = phrase_of(spoken.words.answers["both"])
    for name, index in (("yes", 0), ("no", -1), ("both", 1)):
        if said in map(phrase_of, spoken.words.replies[name]):
            return options[index] if name != "both" or phrase_of(options[1].text) == both else None
    exact = [option for option in options if phrase_of(option.text) == said]
    part = [option for option in options if set(said) <= set(phrase_of(option.text))]
    return exact[0] if exact else part[0] if len(part) == 1 else None


def _position(text: str, spoken: Phrases) -> int | None:
    """Return the position that a reply such as "the first one" names."""
    found = [spoken.cues.get((word,)) for word in texts_of(text)]
    positions = [cue.position for cue in found if cue is not None and cue.position is not None]
    is_all = all(cue is not None and (cue.position is not None or "skip" in cue.names) for cue in found)
    return positions[0] if len(positions) == 1 and is_all else None
