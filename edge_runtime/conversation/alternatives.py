"""Joins the wishes of a sentence that are alternatives."""

from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.reading import Said


def with_alternatives(said: Sequence[Said], lexicon: Lexicon) -> list[Said]:
    """Return the wishes with alternatives joined: after "or", and values of a fact that no item has both of."""
    joined: list[Said] = []
    for one in reversed(_with_commas(_with_shared(said))):
        after = joined[-1] if joined else None
        if after is not None and one.polarity == after.polarity != "not" and _are_alternatives(one, after, lexicon):
            field = one.wish.field if one.wish.field == after.wish.field else None
            values = tuple(dict.fromkeys([*one.wish.values, *after.wish.values]))
            words = (*one.words, *after.words) if one.words and after.words else ()
            joined[-1] = Said(Wish(field, values), one.polarity, one.joined, words=words)
        else:
            joined.append(one)
    return joined[::-1]


def _are_alternatives(one: Said, after: Said, lexicon: Lexicon) -> bool:
    field = one.wish.field
    if after.joined == "or":
        return True
    if field is None or field != after.wish.field or one.polarity != "want":
        return False
    return field in lexicon.single or not lexicon.has_all([one.wish, after.wish])


def _with_shared(said: Sequence[Said]) -> list[Said]:
    """Return the wishes with what both alternatives share after both, as in "coconut oil or argan oil"."""
    result = [*said]
    for index in range(len(result) - 4, -1, -1):
        one, shared, other, again = result[index : index + 4]
        is_one_kind = len({each.polarity for each in (one, shared, other, again)}) == 1
        are_two = other.joined == "or" and again.wish == shared.wish and not (again.joined or shared.joined)
        if are_two and is_one_kind:
            result[index : index + 4] = [one, other, shared]
    return result


def _with_commas(said: Sequence[Said]) -> list[Said]:
    """Return the wishes of "a, b or c" as if all were joined by "or"."""
    result = [replace(one) for one in said]
    for index in range(len(result) - 1, 1, -1):
        first, before, one = result[index - 2 : index + 1]
        is_one_kind = first.wish.field == before.wish.field == one.wish.field  # not "a hair dryer, Aster or Birch"
        if one.joined == "or" and before.joined == "," and is_one_kind:
            before.joined = "or"
    return result
