"""Decides whether a bundle ranks worse than another model on the same users: a paired test of non-inferiority.

Why the rule is this one, and where the margins come from: ``docs/adr/0033-not-inferior-by-segment.md``. A difference is
judged by its paired bootstrap interval and the margin ``d``, the largest loss that is allowed:

- *not worse*: the whole interval is above ``-d``;
- *worse*: the whole interval is below 0 and the difference beyond ``-d``, or the interval is narrow, at most ``d``
  wide, and not above ``-d``;
- *undecided*: the interval is too wide for either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from export.segments import ALL, NEW, TAIL
from train.evaluation.significance import paired_bootstrap
from train.metrics.ranking import Ranks, ndcg, recall

Gains = NDArray[np.float64]
Reference = Literal["student", "full model", "baseline", "bundle"]

ERROR: Final = 0.05
"""Probability that an equally good bundle fails: for all users, and again for all segments together."""

SMALLEST_MARGIN: Final = 0.0005
"""Margins are no smaller than this, so that a metric of nearly 0 has one."""

MIN_CHANGED: Final = 10
"""With fewer users whose metric differs, all may differ in the same direction by chance."""

WIDTH: Final = 1.0
"""A narrow interval is at most this many margins wide: an equally good bundle then hardly ever reaches ``-d``."""


class Verdict(StrEnum):
    """Result of a comparison."""

    NOT_WORSE = "not worse"
    WORSE = "worse"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Largest allowed losses, relative to the reference: over all users, in a segment, and for rare items."""

    all_users: float
    segment: float
    rare_items: float

    def of(self, segment: str) -> float:
        """Return the margin of a segment."""
        if segment == ALL:
            return self.all_users
        return self.rare_items if segment in (TAIL, NEW) else self.segment


MARGINS: Final[Mapping[Reference, Margins]] = {
    # Export rounds weights to int8, which moves few items past each other.
    "student": Margins(all_users=0.01, segment=0.03, rare_items=0.05),
    # Distillation replaces the item table by codes, whose length falls with popularity.
    "full model": Margins(all_users=0.12, segment=0.25, rare_items=0.5),
    # Another release is trained anew; `pocketrec diff` only reports.
    "bundle": Margins(all_users=0.01, segment=0.03, rare_items=0.05),
    # What ships has to be better than no model.
    "baseline": Margins(all_users=0.0, segment=0.0, rare_items=0.0),
}


class Difference(Struct, frozen=True, kw_only=True):
    """A metric of two rankings of the same users.

    Attributes:
        metric: ``ndcg@10`` or ``recall@10``.
        ours: mean over users.
        theirs: mean of the reference.
        difference: ours minus theirs.
        low: lower end of the interval of the difference.
        high: upper end.
        margin: largest allowed loss, absolute.
        n_changed: number of users for whom the two differ.
        verdict: see the module.
    """

    metric: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    margin: float
    n_changed: int
    verdict: Verdict

    @property
    def is_finite(self) -> bool:
        """Whether every number is finite."""
        return bool(np.isfinite([self.ours, self.theirs, self.difference, self.low, self.high, self.margin]).all())


def gains_of(ranks: Ranks) -> dict[str, Gains]:
    """Return each user's gain by metric from ranks, which count from 0."""
    return {"ndcg@10": ndcg(ranks, 10), "recall@10": recall(ranks, 10)}


def compare_segment(
    ours: Mapping[str, Gains], theirs: Mapping[str, Gains], *, segment: str, against: Reference, n_segments: int
) -> list[Difference]:
    """Compare each metric over the users of one segment.

    Args:
        ours: gain of each user by metric, ``[n]``.
        theirs: gains of the reference for the same users.
        segment: name of the segment.
        against: kind of the reference.
        n_segments: number of segments beside all users; their intervals hold together (Bonferroni).
    """
    n_comparisons = 1 if segment == ALL else n_segments * len(ours)
    margin = MARGINS[against].of(segment)
    return [
        compare_gains(gains, theirs[metric], metric=metric, margin=margin, error=ERROR / n_comparisons)
        for metric, gains in ours.items()
    ]


def compare_gains(ours: Gains, theirs: Gains, *, metric: str, margin: float, error: float = ERROR) -> Difference:
    """Compare the gains of the same users.

    Args:
        ours: gain of each user, ``[n]``.
        theirs: gains of the reference, ``[n]``.
        metric: name of the metric.
        margin: largest allowed loss, relative to the reference.
        error: probability that the interval does not contain the difference.
    """
    change = ours - theirs
    # Only the change matters, and users without one cost the bootstrap nothing.
    compared = paired_bootstrap(change[None], np.zeros_like(change)[None], confidence=1 - error)
    allowed = max(margin * float(theirs.mean()), SMALLEST_MARGIN)
    n_changed = int((change != 0).sum())
    return Difference(
        metric=metric,
        ours=float(ours.mean()),
        theirs=float(theirs.mean()),
        difference=compared.difference,
        low=compared.low,
        high=compared.high,
        margin=allowed,
        n_changed=n_changed,
        verdict=verdict_of(compared.difference, compared.low, compared.high, allowed, n_changed),
    )


def verdict_of(difference: float, low: float, high: float, margin: float, n_changed: int) -> Verdict:
    """Return the verdict on a difference, as the module defines it; a number that is not finite is no proof."""
    if not np.isfinite([difference, low, high, margin]).all():
        return Verdict.WORSE
    if low > -margin:
        return Verdict.NOT_WORSE
    is_narrow = high - low <= WIDTH * margin
    is_certain = high < 0 and difference < -margin
    return Verdict.WORSE if n_changed >= MIN_CHANGED and (is_narrow or is_certain) else Verdict.UNDECIDED


def losses(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences that fail: worse, or not finite."""
    return [one for one in differences if one.verdict is Verdict.WORSE or not one.is_finite]
