"""What may be said about the items of a list: facts that cite an event on which the item's score rests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_runtime.reasons.evidence import Evidence
from edge_runtime.reasons.facts import Fact, FactFinder
from edge_runtime.reasons.words import rules

ENOUGH_PERCENT: Final = 40
"""An event may be cited if its drop is at least this share of the largest drop of the item."""

_COMMON: Final = (20, 100, 250)
"""Shares of the catalogue, in thousandths, above each of which a shared value costs one more."""
FOLLOWS_COST: Final = 1
BECAUSE_COST: Final = 4
_MOST_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact that may be said about an item.

    Attributes:
        fact: the fact.
        cost: how little it tells; 0 is best.
        seconds: further facts that may be said beside it, best first.
    """

    fact: Fact
    cost: int
    seconds: tuple[Fact, ...]


def claims_about(
    finder: FactFinder, row: int, pasts: Sequence[int], drops: Sequence[int], nameable: frozenset[int]
) -> list[Claim]:
    """Return what may be said about an item, best first; ties are broken by the larger drop, then by the newer event.

    Args:
        finder: facts.
        row: the item.
        pasts: rows of the events, newest first.
        drops: by how much the item's score falls without each of them.
        nameable: rows that have a name.

    Returns:
        Claims that cite an event; if there is none, the popularity of the item, or nothing.
    """
    largest = max((drop for drop, past in zip(drops, pasts, strict=True) if past != row), default=0)
    enough = [
        (drop, past)
        for drop, past in zip(drops, pasts, strict=True)
        if largest > 0 and past != row and past in nameable and 100 * drop >= ENOUGH_PERCENT * largest
    ]
    ranked = [
        (claim.cost + 4 * (largest - drop) // largest, order, claim)
        for order, (drop, past) in enumerate(sorted(enough, key=lambda one: -one[0]))
        for claim in _claims_with(finder, row, past)
    ]
    claims = [claim for *_, claim in sorted(ranked, key=lambda one: one[:2])]
    popular = finder.popular(row)
    return claims or ([Claim(popular, 0, ())] if popular else [])


def claims_of_list(
    finder: FactFinder, rows: Sequence[int], evidence: Evidence, nameable: frozenset[int]
) -> list[list[Claim]]:
    """Return the claims about each item of a list, as :func:`claims_about` does."""
    return [
        claims_about(finder, row, evidence.pasts, drops, nameable)
        for row, drops in zip(rows, evidence.drops, strict=True)
    ]


def _claims_with(finder: FactFinder, row: int, past: int) -> list[Claim]:
    """Return the claims about an item that cite an event."""
    shared = finder.shared(row, past)
    strong = [(_cost(share), fact) for share, fact in shared if fact.field not in rules().weak]
    weak = [fact for _, fact in shared if fact.field in rules().weak]
    follows = finder.follows(row, past)
    firsts = [*strong, *([(FOLLOWS_COST, follows)] if follows else [])]
    because = (BECAUSE_COST, Fact("because", "", "", past))
    others = [*(fact for _, fact in firsts), *weak]
    return [
        Claim(fact, cost, tuple(other for other in others if other != fact and other.field != (fact.field or None)))
        for cost, fact in [*firsts, because]
    ]


def _cost(share: int) -> int:
    return sum(share > bound for bound in _COMMON)
