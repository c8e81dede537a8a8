"""Composes the sentences of a conversation, and finds what contradicts what was said before."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edge_runtime.conversation.parts import Part, Parts
from edge_runtime.conversation.query import MAX_VALUES, Limit, Wish

Conflict = Literal["both_not", "two_values", "limits"]


@dataclass(frozen=True, slots=True)
class Composed:
    """The parts after a sentence.

    Attributes:
        parts: if nothing contradicts, or if what is new replaces what it contradicts.
        conflict: what contradicts, or None.
        kept: the parts if what was said before stays.
        both: the parts if both values of a fact are wanted; None if that is no way out.
        old: the part that is contradicted.
        new: the part that contradicts it.
    """

    parts: Parts
    conflict: Conflict | None = None
    kept: Parts = ()
    both: Parts | None = None
    old: Part | None = None
    new: Part | None = None


def compose(parts: Parts, said: Sequence[Part], single: Collection[str], *, replaces: bool) -> Composed:
    """Add the parts of a sentence to those of the conversation.

    Args:
        parts: what was said before.
        said: what is new; limits have numbers.
        single: facts of which an item has one value.
        replaces: whether new values of a fact take the place of others without a question.
    """
    known = {part.content for part in parts}
    new = [part for part in said if part.content not in known]
    taken, kept, both = parts, parts, parts
    first: tuple[Conflict, Part, Part] | None = None
    for part in new:
        found = _conflict(taken, part, single, replaces=replaces)
        if found is None:
            taken, kept, both = _add(taken, part), _add(kept, part), _add(both, part)
            continue
        conflict, old = found
        taken = _add(tuple(one for one in taken if one is not old), part)
        if conflict == "two_values":
            if not replaces:
                both = _joined(both, old, part)
            first = first or (None if replaces else (conflict, old, part))
        else:
            both = taken
            first = first or (conflict, old, part)
    if first is None:
        return Composed(taken)
    conflict, old, part = first
    return Composed(taken, conflict, kept, both if conflict == "two_values" else None, old, part)


def _conflict(parts: Parts, new: Part, single: Collection[str], *, replaces: bool) -> tuple[Conflict, Part] | None:
    for old in parts:
        if {old.kind, new.kind} in ({"must", "must_not"}, {"prefer", "must_not"}) and _overlap(old.wish, new.wish):
            return "both_not", old
        if old.kind == new.kind == "must" and old.wish is not None and new.wish is not None:
            field = new.wish.field
            if (
                field == old.wish.field
                and (replaces or field in single)
                and not set(old.wish.values) & set(new.wish.values)
            ):
                return "two_values", old
        merged = _merged(old, new)
        if merged is not None and _is_empty(merged):
            return "limits", old
    return None


def _overlap(a: Wish | None, b: Wish | None) -> bool:
    return a is not None and b is not None and a.field == b.field and bool(set(a.values) & set(b.values))


def _add(parts: Parts, new: Part) -> Parts:
    """Return the parts with one more; limits of one fact become one, and a newer variety replaces the older."""
    for index, old in enumerate(parts):
        if (merged := _merged(old, new)) is not None:
            return (*parts[:index], *parts[index + 1 :], replace(new, limit=merged))
        if old.kind == new.kind == "variety":
            return (*parts[:index], *parts[index + 1 :], new)
    return (*parts, new)


def _joined(parts: Parts, old: Part, new: Part) -> Parts:
    if old.wish is None or new.wish is None:
        return parts
    values = tuple(dict.fromkeys([*old.wish.values, *new.wish.values]))[:MAX_VALUES]
    wish = Wish(new.wish.field, values)
    said = (*old.said, *new.said) if old.said and new.said else ()
    return tuple(Part("must", wish=wish, said=said) if part is old else part for part in parts)


def _merged(old_part: Part, new_part: Part) -> Limit | None:
    """Return the new limit, with the other side of the old one if it has none itself; None if not of one fact."""
    old, new = old_part.limit, new_part.limit
    if old is None or new is None or old.field != new.field:
        return None
    low, high = _low(new) is not None, _high(new) is not None
    return Limit(
        new.field,
        at_least=new.at_least if low else old.at_least,
        above=new.above if low else old.above,
        at_most=new.at_most if high else old.at_most,
        below=new.below if high else old.below,
    )


def _is_empty(limit: Limit) -> bool:
    low, high = _low(limit), _high(limit)
    if low is None or high is None:
        return False
    return low > high or (low == high and (limit.above is not None or limit.below is not None))


def _low(limit: Limit) -> float | None:
    return limit.at_least if limit.at_least is not None else limit.above


def _high(limit: Limit) -> float | None:
    return limit.at_most if limit.at_most is not None else limit.below


def than_shown(limit: Limit, numbers: Sequence[float]) -> Limit | None:
    """Return a limit in place of "less" or "more" than what is shown: beyond the median; None without numbers.

    Args:
        limit: with ``than_shown``.
        numbers: of the items that are shown; the limit leaves half of an even number of them.
    """
    ordered = sorted(numbers)
    if not ordered or any(not math.isfinite(number) for number in ordered):
        return None
    if limit.than_shown == "less":
        return Limit(limit.field, below=ordered[len(ordered) // 2])
    return Limit(limit.field, above=ordered[(len(ordered) - 1) // 2])
