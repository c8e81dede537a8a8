"""A language model as a parser: it decides which names of the catalogue are meant, and how; rules read the rest.

The names, numbers and items of the list are found as for the rules, so that the model can only choose among what the
sentence and the catalogue have (:mod:`edge_runtime.conversation.decisions`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from edge_runtime.conversation.conclusion import SURPRISE, VARIETY, conclude
from edge_runtime.conversation.decisions import Asked, Decision, is_doubtful, names_of
from edge_runtime.conversation.evidence import weighed, without_doubtful
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.parsed import Context, Parsed, Parser
from edge_runtime.conversation.query import Limit, Query
from edge_runtime.conversation.reading import Reading
from edge_runtime.conversation.rules import read
from edge_runtime.conversation.scanning import Element, scan
from edge_runtime.conversation.tokens import tokens_of

Decide = Callable[[Sequence[Element], Lexicon], Decision | None]
"""Returns what a model decides about a sentence; None if it decides nothing."""

_RELATIVE: Final[dict[Asked, Limit]] = {
    "cheaper": Limit("price", than_shown="less"), "dearer": Limit("price", than_shown="more"),
    "older": Limit("year", than_shown="less"), "newer": Limit("year", than_shown="more"),
}  # fmt: skip


class ModelParser:
    """Parses with a language model; where it decides nothing, with the rules.

    Args:
        lexicon: of the catalogue and the language.
        item_id: of all items, by row.
        decide: asks the model.
        rules: the parser of the rules.
    """

    def __init__(self, lexicon: Lexicon, item_id: Sequence[str], decide: Decide, rules: Parser) -> None:
        self._lexicon = lexicon
        self._item_id = item_id
        self._decide = decide
        self._rules = rules

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        elements = scan(tokens_of(text), self._lexicon)
        decision = self._decide(elements, self._lexicon) if elements else None
        return self._rules.parse(text, context) if decision is None else self._decided(elements, decision, context)

    def _decided(self, elements: Sequence[Element], decision: Decision, context: Context) -> Parsed:
        role_of = dict(zip(names_of(elements), decision.roles, strict=True))
        meant = _without_talk(elements, decision, elements, lambda one: True)
        reading = read(meant, self._lexicon, self._item_id, context)
        for said in reading.said:
            role = role_of.get(said.at)
            if role is not None and role != "talk":
                said.polarity = "prefer" if role == "want" and said.is_related else role
        return _with_asked(conclude(reading), decision.asked, reading)


class SecondOpinion:
    """Parses with the rules; names that may be accidents are talk if the model says so, and that nothing is asked for.

    Arguments are those of :class:`ModelParser`.
    """

    def __init__(self, lexicon: Lexicon, item_id: Sequence[str], decide: Decide, rules: Parser) -> None:
        self._lexicon = lexicon
        self._item_id = item_id
        self._decide = decide
        self._rules = rules

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        parsed = self._rules.parse(text, context)
        elements = scan(tokens_of(text), self._lexicon)
        sure = without_doubtful(weighed(elements, self._lexicon))
        if not any(is_doubtful(element, self._lexicon) for element in sure):
            return parsed
        decision = self._decide(elements, self._lexicon)
        if decision is None or decision.asked != "nothing":
            return parsed
        meant = _without_talk(elements, decision, sure, lambda one: is_doubtful(one, self._lexicon))
        return parsed if meant == sure else conclude(read(meant, self._lexicon, self._item_id, context))


def _without_talk(
    elements: Sequence[Element], decision: Decision, kept: Sequence[Element], which: Callable[[Element], bool]
) -> list[Element]:
    """Return elements without the meanings of the names that were decided to be talk.

    Args:
        elements: of the sentence, as the model was asked about them.
        decision: about these.
        kept: the same elements, some of them without a meaning by now.
        which: returns whether a name may be taken for talk.
    """
    talk = {index for index, role in zip(names_of(elements), decision.roles, strict=True) if role == "talk"}
    return [Element(one.tokens) if index in talk and which(one) else one for index, one in enumerate(kept)]


def _with_asked(parsed: Parsed, asked: Asked, reading: Reading) -> Parsed:
    """Return what was parsed with the intent that the model decided."""
    query = parsed.query
    if asked in ("nothing", "undo", "reset"):
        unknown = parsed.not_understood if asked == "nothing" else ()
        return Parsed(Query(intent=asked), unknown, is_sentence=asked != "nothing")
    if asked == "why":
        return Parsed(Query(intent="why", about=reading.item or reading.context.about), is_sentence=True)
    if asked in ("surprise", "more", "list"):
        query = msgspec.structs.replace(query, intent=asked, variety=SURPRISE if asked == "surprise" else query.variety)
    elif asked == "varied":
        query = msgspec.structs.replace(query, intent="filter", variety=VARIETY)
    elif asked in _RELATIVE:
        query = _relative(query, _RELATIVE[asked], reading.lexicon)
    elif query.intent != "filter":
        query = msgspec.structs.replace(query, intent="filter")
    if query.intent == "filter" and not query.changes_list:
        query = Query(intent="nothing")
    return replace(parsed, query=query)


def _relative(query: Query, limit: Limit, lexicon: Lexicon) -> Query:
    is_said = limit.field not in lexicon.numeric or any(one.field == limit.field for one in query.limits)
    limits = query.limits if is_said else (*query.limits, limit)
    return msgspec.structs.replace(query, intent="filter", limits=limits)
