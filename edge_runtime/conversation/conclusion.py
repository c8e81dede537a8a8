"""Makes a query of what was read in a sentence."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from edge_runtime.conversation.accidents import join_compounds, leave_out_accidents
from edge_runtime.conversation.alternatives import with_alternatives
from edge_runtime.conversation.contradictions import contradictions, ends_of, high_of, low_of, refused_or_wanted
from edge_runtime.conversation.naming import take_named_title
from edge_runtime.conversation.parsed import Parsed
from edge_runtime.conversation.query import Intent, Limit, Query, Wish
from edge_runtime.conversation.reading import Reading, Said

VARIETY: Final = 0.5
SURPRISE: Final = 0.8
_INTENTS: Final[tuple[Intent, ...]] = ("why", "surprise", "more", "list")
_ASKING: Final = (
    "not", "only", "prefer", "love", "want", "like", "unlike", "less", "dearer", "newer", "older", "varied", "instead",
    "suffix_not", "leave_out", "correction",
)  # fmt: skip

_NUMBERS: Final = frozenset({"price", "year"})
"""Facts that only a sentence asks for."""


def conclude(reading: Reading) -> Parsed:
    """Return what was understood, with an intent and without accidents."""
    join_compounds(reading)
    leave_out_accidents(reading)
    said = with_alternatives(reading.said, reading.lexicon)
    if reading.compared is not None and said and not (reading.limits or reading.similar or reading.unlike):
        reading.similar.append(reading.compared)
    must, must_not, prefer = _wishes(said)
    unlike = tuple(dict.fromkeys(reading.unlike))
    query = Query(
        must=must,
        must_not=must_not,
        prefer=prefer,
        limits=_limits(reading.limits),
        similar_to=tuple(item for item in dict.fromkeys(reading.similar) if item not in unlike),
        unlike=unlike,
        about=reading.item if reading.limits and not reading.similar else None,
        replaces=reading.has("instead"),
    )
    query, intent = _with_intent(reading, query)
    readings = contradictions(query, reading.said) if intent == "filter" else ()
    readings = readings or refused_or_wanted(query, reading.unclear)
    if readings:
        query, intent = Query(intent="nothing"), "nothing"
    problem = None if intent in ("undo", "reset") else reading.problem
    problem = None if intent in ("more", "surprise") and problem == "no_item" else problem
    problem = None if intent == "why" and problem != "no_item" else problem
    if problem == "no_value":
        query = _replaced(query, about=reading.item or reading.context.about)
    is_sentence = intent not in ("filter", "nothing") or _asks(reading)
    unknown = () if intent in ("undo", "reset", "why", "list") else tuple(dict.fromkeys(reading.unknown))
    return Parsed(
        query,
        unknown,
        problem,
        reading.of_problem,
        reading.excludes,
        is_sentence,
        readings,
        words=tuple({one.wish: one.words for one in reversed(said) if one.words}.items()),
        lacks=tuple(dict.fromkeys(reading.lacks)) if intent in ("filter", "nothing") else (),
    )


def mean_last(reading: Reading) -> None:
    """Take the item of the sentence, or the one that was talked about last, for "something similar"."""
    item = reading.item or take_named_title(reading) or reading.context.about
    if item is not None:
        reading.similar.append(item)
    elif not (reading.said or reading.limits or reading.similar):
        reading.problem = "no_item"


def _limits(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Return the limits; "cheaper" says nothing beside a number, and of "too modern, older" the last counts."""
    kept = [
        one
        for index, one in enumerate(limits)
        if one.than_shown is None
        or not any(
            other.field == one.field and (other.than_shown is None or place > index)
            for place, other in enumerate(limits)
        )
    ]
    return tuple(_with_both_ends(kept))


def _with_both_ends(limits: Sequence[Limit]) -> list[Limit]:
    """Return the limits with two as one that are the two ends of a range, as in "under 25, but not under 10"."""
    joined: list[Limit] = []
    for one in limits:
        before = joined[-1] if joined else None
        if before is not None and before.field == one.field and ends_of(before) + ends_of(one) in ("<>", "><"):
            low, high = (one, before) if ends_of(one) == ">" else (before, one)
            if low_of(low) <= high_of(high):
                joined[-1] = msgspec.structs.replace(low, at_most=high.at_most, below=high.below)
                continue
        joined.append(one)
    return joined


def _with_intent(reading: Reading, query: Query) -> tuple[Query, Intent]:
    intent: Intent
    if reading.has("varied"):
        query = _replaced(query, variety=VARIETY)
    for name in ("reset", "undo"):
        if _means(reading, name) and _is_loose(reading, query):
            intent = "reset" if name == "reset" else "undo"
            return Query(intent=intent), intent
    intent = _intent_of(reading, query)
    if intent == "why":
        return Query(intent="why", about=reading.item or reading.context.about), intent
    if intent == "surprise":
        return _replaced(query, intent="surprise", variety=SURPRISE), intent
    if intent == "filter" and _is_talk(reading, query):
        return Query(intent="nothing"), "nothing"
    if intent == "list" and _is_loose(reading, query):
        return Query(intent="list"), intent
    if intent == "list":
        intent = "filter"  # "ran out of shampoo, show me what you have"
    return _replaced(query, intent=intent), intent


def _intent_of(reading: Reading, query: Query) -> Intent:
    found: Sequence[Intent] = [name for name in _INTENTS if _means(reading, name)]
    if not found or (found[0] == "why" and (query.must or query.must_not or query.prefer)):
        return "filter"
    if found[0] == "more" and (_refers(reading) or query.similar_to or _names_more(reading)):
        return "filter"  # "what else is there of that brand"
    return found[0]


def _is_talk(reading: Reading, query: Query) -> bool:
    """Return whether a sentence asks for nothing: it changes nothing, or only words of titles are in small talk."""
    if not query.changes_list:
        return True
    is_loose = _is_loose(reading, query) and not query.must_not
    return is_loose and bool(reading.said) and all(_in_talk(reading, one.at) for one in reading.said)


def _in_talk(reading: Reading, at: int) -> bool:
    """Return whether there is small talk or a question in the clause of an element, or if it has none, anywhere."""
    if at < 0:
        return reading.has("small_talk", "question")
    first, last = at, at + 1
    while first and not reading.elements[first].gap:
        first -= 1
    while last < len(reading.elements) and not reading.elements[last].gap:
        last += 1
    clause = reading.elements[first:last]
    return any(element.is_cue("small_talk", "question") and element.meaning is None for element in clause)


def _is_loose(reading: Reading, query: Query) -> bool:
    """Return whether nothing but words of titles is wanted, which may be there by accident."""
    has_values = any(wish.field is not None for wish in (*query.must, *query.must_not, *query.prefer))
    return not (has_values or query.limits or query.similar_to or query.unlike)


def _asks(reading: Reading) -> bool:
    """Return whether a sentence asks for something, or is small talk and nothing else, such as "thanks, bye"."""
    if reading.limits or not _NUMBERS.isdisjoint(reading.lacks) or _is_only(reading, "small_talk"):
        return True
    return any(
        element.is_cue(*_ASKING) or (element.cue is not None and element.cue.field is not None)
        for element in reading.elements
    )


def _means(reading: Reading, intent: str) -> bool:
    """Return whether a sentence has a phrase for an intent, or is nothing but a short one, such as "back"."""
    return reading.has(intent) or _is_only(reading, f"{intent}_alone")


def _is_only(reading: Reading, name: str) -> bool:
    """Return whether a sentence is nothing but a cue, beside words without meaning."""
    return reading.has(name) and all(element.is_skipped or element.is_cue(name) for element in reading.elements)


def _refers(reading: Reading) -> bool:
    """Return whether the value of an item is wanted, such as its brand."""
    return any(one.polarity == "want" and one.at < 0 for one in reading.said)


def _names_more(reading: Reading) -> bool:
    """Return whether a "more" goes with a name, as in "show me more tents"."""
    return any(
        one.at > 0 and not one.gap and reading.elements[one.at - 1].is_cue("more") and one.polarity == "want"
        for one in reading.said
    )


def _wishes(said: Sequence[Said]) -> tuple[tuple[Wish, ...], tuple[Wish, ...], tuple[Wish, ...]]:
    def those(polarity: str) -> tuple[Wish, ...]:
        return tuple(dict.fromkeys(one.wish for one in said if one.polarity == polarity))

    excluded = those("not")
    wanted, preferred = (  # "not the teal ones, I had teal before"
        tuple(wish for wish in those(polarity) if wish not in excluded) for polarity in ("want", "prefer")
    )
    refused = {value for wish in excluded for value in wish.values}
    required = {value for wish in wanted for value in wish.values}  # "sunscreen for the beach"
    preferred = tuple(kept for wish in preferred if (kept := _without(wish, refused)) is not None)
    return wanted, excluded, tuple(wish for wish in preferred if required.isdisjoint(wish.values))


def _without(wish: Wish, refused: Collection[str]) -> Wish | None:
    """Return a wish without values that are not wanted, as in "for the winter, but no wool"."""
    values = tuple(value for value in wish.values if value not in refused)
    return Wish(wish.field, values) if values else None


def _replaced(query: Query, **changes: object) -> Query:
    return msgspec.structs.replace(query, **changes)
