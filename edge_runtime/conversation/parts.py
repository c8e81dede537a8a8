"""What a conversation holds: the parts of all sentences so far, each of which is a chip that can be removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_runtime.conversation.query import Limit, Query, Wish

Kind = Literal["must", "must_not", "prefer", "limit", "similar", "unlike", "variety"]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was said.

    Attributes:
        kind: what it does.
        wish: of ``must``, ``must_not`` and ``prefer``.
        limit: of ``limit``.
        item_id: of ``similar`` and ``unlike``.
        variety: of ``variety``.
        id: number of the chip; 0 before it has one.
        said: the words of ``wish`` as they were said, of all alternatives; empty if it was not named.
    """

    kind: Kind
    wish: Wish | None = None
    limit: Limit | None = None
    item_id: str | None = None
    variety: float | None = None
    id: int = 0
    said: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[object, ...]:
        """What it does, to compare by."""
        return (self.kind, self.wish, self.limit, self.item_id, self.variety)


Parts = tuple[Part, ...]


def parts_of(query: Query, words: Sequence[tuple[Wish, tuple[str, ...]]] = ()) -> list[Part]:
    """Return the parts of a query, without numbers.

    Args:
        query: the query.
        words: of its wishes, as they were said.
    """
    said = dict(words)
    wishes: Sequence[tuple[Kind, Sequence[Wish]]] = (
        ("must", query.must), ("must_not", query.must_not), ("prefer", query.prefer),
    )  # fmt: skip
    parts = [Part(kind, wish=wish, said=said.get(wish, ())) for kind, listed in wishes for wish in listed]
    parts += [Part("limit", limit=limit) for limit in query.limits]
    parts += [Part("similar", item_id=item_id) for item_id in query.similar_to]
    parts += [Part("unlike", item_id=item_id) for item_id in query.unlike]
    if query.variety is not None:
        parts.append(Part("variety", variety=query.variety))
    return parts


def query_of(parts: Sequence[Part]) -> Query:
    """Return the query that all parts make together."""
    return Query(
        must=_wishes(parts, "must"),
        must_not=_wishes(parts, "must_not"),
        prefer=_wishes(parts, "prefer"),
        limits=tuple(part.limit for part in parts if part.limit is not None),
        similar_to=_items(parts, "similar"),
        unlike=_items(parts, "unlike"),
        variety=max((part.variety for part in parts if part.variety is not None), default=None),
    )


def _wishes(parts: Sequence[Part], kind: Kind) -> tuple[Wish, ...]:
    return tuple(part.wish for part in parts if part.kind == kind and part.wish is not None)


def _items(parts: Sequence[Part], kind: Kind) -> tuple[str, ...]:
    return tuple(part.item_id for part in parts if part.kind == kind and part.item_id is not None)
