"""Finds what a sentence asks for and refuses at once, such as "a horror film without horror"."""

from collections.abc import Sequence

import msgspec

from edge_runtime.conversation.query import Limit, Query, Wish
from edge_runtime.conversation.reading import Said


def contradictions(query: Query, said: Sequence[Said]) -> tuple[Query, ...]:
    """Return the two queries that a sentence may mean which contradicts itself; nothing if it does not.

    What is refused first and named again is no contradiction: "not the teal ones, I had teal before".
    """
    wish = _refused_wish(said)
    if wish is not None:
        must_not = tuple(one for one in query.must_not if one != wish)
        must = tuple(one for one in query.must if one != wish)
        return (
            msgspec.structs.replace(query, must=(*must, wish), must_not=must_not),
            msgspec.structs.replace(query, must=must),
        )
    pair = _impossible_limits(query.limits)
    if pair is None:
        return ()
    return tuple(
        msgspec.structs.replace(query, limits=tuple(limit for limit in query.limits if limit is not one))
        for one in reversed(pair)
    )


def refused_or_wanted(query: Query, unclear: Sequence[Wish]) -> tuple[Query, ...]:
    """Return the two queries that a sentence may mean of which some wishes are wanted or refused, or nothing.

    "No coffee, I mean tea" may refuse tea.
    """
    values = {(wish.field, value) for wish in unclear for value in wish.values}
    taken, rest = (
        tuple(
            Wish(wish.field, kept)
            for wish in query.must
            if (kept := tuple(value for value in wish.values if ((wish.field, value) in values) == is_unclear))
        )
        for is_unclear in (True, False)
    )
    refusal = msgspec.structs.replace(query, must=rest, must_not=(*query.must_not, *taken))
    return (refusal, query) if taken else ()


def _refused_wish(said: Sequence[Said]) -> Wish | None:
    """Return the wish that is refused after it was said."""
    wanted: list[Wish] = []
    for one in said:
        if one.polarity == "want" and one.at >= 0:
            wanted.append(one.wish)
        elif one.polarity == "not" and one.wish in wanted:
            return one.wish
    return None


def _impossible_limits(limits: Sequence[Limit]) -> tuple[Limit, Limit] | None:
    """Return two limits of a number that nothing fulfils both of."""
    for index, one in enumerate(limits):
        for other in limits[index + 1 :]:
            if one.field == other.field and max(low_of(one), low_of(other)) > min(high_of(one), high_of(other)):
                return one, other
    return None


def low_of(limit: Limit) -> float:
    """Return the lower end of a limit."""
    return max((bound for bound in (limit.at_least, limit.above) if bound is not None), default=float("-inf"))


def high_of(limit: Limit) -> float:
    """Return the upper end of a limit."""
    return min((bound for bound in (limit.at_most, limit.below) if bound is not None), default=float("inf"))


def ends_of(limit: Limit) -> str:
    """Return at which ends something is limited: ``<``, ``>``, both or none."""
    return "<" * (high_of(limit) < float("inf")) + ">" * (low_of(limit) > float("-inf"))
