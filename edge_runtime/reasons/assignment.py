"""Gives each item of a list a claim and a wording, so that no two sound alike.

Items choose in the order of the list, each what is cheapest after what the items before it have said. All costs are
integers, and ties are broken by the order of the claims, so that every runtime chooses the same.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.wordings import Speaker, Wording

WORDING_AGAIN: Final = 100
CITED_OFTEN: Final = 12
OPENING_AGAIN: Final = 2
FACT_AGAIN: Final = 2
GROUP_AGAIN: Final = 1
FREE_CITATIONS: Final = 2
N_NATURAL: Final = 5
"""The first wordings of a relation are the most natural ones; the others are for lists that would repeat these."""


class Assigner:
    """Chooses wordings one item after the other; remembers what was said."""

    def __init__(self) -> None:
        self._skeletons: Counter[str] = Counter()
        self._openings: Counter[str] = Counter()
        self._facts: Counter[tuple[str, str, str]] = Counter()
        self._groups: Counter[str] = Counter()
        self._cited: Counter[int] = Counter()

    def choices(self, speaker: Speaker, row: int, claims: Sequence[Claim]) -> list[Wording]:
        """Return the wordings of the cheapest claim that were said least often, the best one first.

        Args:
            speaker: says the claims.
            row: the item; it decides with which wording to begin.
            claims: what may be said, best first; may be empty.

        Returns:
            Wordings, none of which may be said if the list is empty.
        """
        best: tuple[int, list[Wording]] | None = None
        for claim in claims:
            cost, wordings = self._fresh(speaker, row, claim)
            if best is None or cost < best[0]:
                best = cost, wordings
        if best is None or (claims[0].fact.kind == "popular" and best[0] >= WORDING_AGAIN):
            return []  # said once too often, popularity tells nothing
        return best[1]

    def say(self, wording: Wording) -> None:
        """Remember that a wording was chosen."""
        first = wording.facts[0]
        self._skeletons[wording.skeleton] += 1
        self._openings[wording.opening] += 1
        self._facts[first.kind, first.field, first.value] += 1
        self._groups[first.group] += 1
        if first.history_row is not None:
            self._cited[first.history_row] += 1

    def _fresh(self, speaker: Speaker, row: int, claim: Claim) -> tuple[int, list[Wording]]:
        """Return the cost of a claim, and its wordings that were said least often, by what they begin with."""
        wordings = speaker.wordings(claim)
        natural, others = wordings[:N_NATURAL], wordings[N_NATURAL:]
        least = min(self._skeletons[wording.skeleton] for wording in wordings)
        start = row % len(natural)
        fresh = self._said(least, [*natural[start:], *natural[:start]]) or self._said(least, others)
        begun = min(self._openings[wording.opening] for wording in fresh)
        fact = claim.fact
        cited = 0 if fact.history_row is None else self._cited[fact.history_row]
        cost = (
            4 * claim.cost
            + WORDING_AGAIN * least
            + OPENING_AGAIN * begun
            + FACT_AGAIN * self._facts[fact.kind, fact.field, fact.value]
            + GROUP_AGAIN * self._groups[fact.group]
            + CITED_OFTEN * max(0, cited - FREE_CITATIONS + 1)
        )
        return cost, [wording for wording in fresh if self._openings[wording.opening] == begun]

    def _said(self, times: int, wordings: Sequence[Wording]) -> list[Wording]:
        return [wording for wording in wordings if self._skeletons[wording.skeleton] == times]
