"""The points of the search: what of a student is kept, chosen so that each point just fits its budget."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from train.distill.codes import CodePlan

MIN_POINTS = 12
"""Number of points that a search measures at least, if there are as many."""

# Shares of a budget that are filled too while there are fewer points: smaller points show what the bytes are worth.
_SMALLER = (0.85, 0.7, 0.55, 0.4)
# Shares of the budget that are kept free for transitions and text codes.
_RESERVES = (0.0, 0.25, 0.5, 0.7)
_TEXT_CODES = (0, 8, 16)
MAX_FOLLOWERS = 32
"""Largest number of followers that is tried: on Beauty, more of them do not help."""


@dataclass(frozen=True, slots=True, order=True)
class Encoder:
    """What is kept of an encoder.

    Attributes:
        n_blocks: number of its blocks.
        share: largest share of their bytes, of which less important heads and channels are cut out; 1 for all.
    """

    n_blocks: int
    share: float = 1.0

    def words(self) -> str:
        """Return it in words."""
        pruned = f" pruned to {self.share:.0%}" if self.share < 1.0 else ""
        return f"{self.n_blocks} block{'s' * (self.n_blocks > 1)}{pruned}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is kept of a student.

    Attributes:
        student: index of the student among those given.
        encoder: what is kept of the encoder.
        plan: numbers of codes; None for the codes as they were trained.
        followers: number of followers of an item; 0 for no transitions.
        text_codes: codes of an item's text; 0 for none.
    """

    student: int
    encoder: Encoder
    plan: CodePlan | None = None
    followers: int = 0
    text_codes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Bytes of the parts of a student.

    Attributes:
        encoder: bytes of the encoder by what is kept of it.
        matrices: bytes of prompts and adapter.
        trained: bytes of the codes as trained, and their mean per item.
        smallest_codes: bytes of the shortest codes.
        plan_within: the plan with the most codes for a number of bytes, or None if there is none.
        plan_bytes: bytes of the codes of a plan.
        followers: bytes of the transitions by number of followers; empty for a student without transitions.
        texts: bytes of text codes by their number; empty for a student without.
    """

    encoder: Mapping[Encoder, int]
    matrices: int
    trained: tuple[int, float]
    smallest_codes: int
    plan_within: Callable[[int], CodePlan | None]
    plan_bytes: Callable[[CodePlan], int]
    followers: Sequence[int]
    texts: dict[int, int]

    def of(self, point: Point) -> int:
        """Return the bytes of the files for ranking of a point."""
        codes = self.trained[0] if point.plan is None else self.plan_bytes(point.plan)
        added = self.followers[point.followers] if point.followers else 0
        texts = self.texts[point.text_codes] if point.text_codes else 0
        return self.encoder[point.encoder] + self.matrices + codes + added + texts

    def least(self) -> int:
        """Return the bytes of the smallest student without transitions, with codes as trained or shorter."""
        fixed = min(self.encoder.values()) + self.matrices
        return fixed + min(self.trained[0], self.smallest_codes)


def points_within(budget: int, weights: Sequence[Weights]) -> list[Point]:
    """Return the points to measure for a budget; each has as many followers as fit after codes and texts."""
    found: dict[Point, None] = {}
    for share in (1.0, *_SMALLER):
        if share < 1.0 and len(found) >= MIN_POINTS:
            break
        allowed = int(budget * share)
        found |= dict.fromkeys(
            point for index, each in enumerate(weights) for point in _of_student(allowed, index, each)
        )
    return list(found)


def _of_student(budget: int, student: int, weights: Weights) -> Iterator[Point]:
    for encoder, encoder_bytes in sorted(weights.encoder.items()):
        for reserve in _RESERVES:
            room = int(budget * (1.0 - reserve)) - encoder_bytes - weights.matrices
            plan = weights.plan_within(room)
            trained_fits = weights.trained[0] <= room
            if trained_fits:
                plan = None
            elif plan is None or plan.mean_codes >= weights.trained[1]:
                continue
            for text_codes in _TEXT_CODES:
                point = _filled(
                    budget, Point(student=student, encoder=encoder, plan=plan, text_codes=text_codes), weights
                )
                if point is not None:
                    yield point


def _filled(budget: int, point: Point, weights: Weights) -> Point | None:
    """Return the point with as many followers as fit; None if text codes have no room or no transitions to serve."""
    if point.text_codes and point.text_codes not in weights.texts:
        return None
    left = budget - weights.of(point)
    followers = max((n for n, size in enumerate(weights.followers) if n and size <= left), default=0)
    if left < 0 or (point.text_codes and not followers):
        return None
    return replace(point, followers=followers)
