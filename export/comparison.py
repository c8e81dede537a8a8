"""Compares the ranking of a bundle with that of other models, on the same users and by segment."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, field

from export.inferiority import Difference, Reference, compare_segment, gains_of, losses
from export.lists import overlap, rank_biased_overlap
from export.provenance import FIGURES
from export.rankings import Ranking
from export.segments import ALL, Mask


class SegmentComparison(Struct, frozen=True, kw_only=True):
    """Comparison over the users of one segment.

    Attributes:
        segment: name of the segment (:mod:`export.segments`).
        n_users: number of its users.
        overlap: mean share of the reference's top ten that the bundle shows too.
        rbo: mean rank-biased overlap of the two lists.
        metrics: difference of each metric.
    """

    segment: str
    n_users: int
    overlap: float
    rbo: float
    metrics: list[Difference]


class Comparison(Struct, frozen=True, kw_only=True):
    """Comparison of a bundle with a model that it was made from, or with a baseline.

    Attributes:
        subject: the engines of the bundle that rank like this, or ``student`` for a student's float32 model.
        against: ``student``, ``teacher``, the name of a run's folder, or of a baseline.
        kind: ``student``, ``full model`` or ``baseline``, which decides the margins.
        measured: True if the model was measured now, on the same users; False if its metric is from the manifest.
        ndcg_10: NDCG@10 of the model.
        ratio: NDCG@10 of the bundle divided by that of the model.
        segments: comparisons by segment; none if not measured now.
    """

    subject: str
    against: str
    kind: Reference
    measured: bool
    ndcg_10: float = field(name="ndcg@10")
    ratio: float
    segments: list[SegmentComparison] = []

    @property
    def title(self) -> str:
        """What the bundle is compared with, such as "the full model teacher"."""
        return f"the {self.kind}" if self.against == self.kind else f"the {self.kind} {self.against}"

    @property
    def is_worse(self) -> bool:
        """Whether a metric of a segment is worse, or not finite."""
        return any(losses(part.metrics) for part in self.segments)

    def segment(self, name: str) -> SegmentComparison | None:
        """Return the comparison over a segment, None if it has no users."""
        return next((one for one in self.segments if one.segment == name), None)


def recorded(subject: str, bundle_ndcg: float, provenance: Mapping[str, str]) -> list[Comparison]:
    """Compare the NDCG@10 of a bundle over all users with the metrics of its models in the manifest."""
    kinds: dict[str, Reference] = {"student": "student", "teacher": "full model"}
    found = {model: provenance.get(f"{model}_{FIGURES['ndcg@10']}") for model in kinds}
    return [
        _comparison(subject, model, kinds[model], bundle_ndcg, float(value), None)
        for model, value in found.items()
        if value
    ]


def compare_rankings(
    subject: str, ours: Ranking, against: str, kind: Reference, theirs: Ranking, masks: Mapping[str, Mask]
) -> Comparison:
    """Compare two rankings of the same users in each segment.

    Args:
        subject: what ``ours`` is.
        ours: the bundle's ranking.
        against: name of the reference.
        kind: kind of the reference.
        theirs: the reference's ranking.
        masks: the users of each segment, bool ``[n]``.
    """
    mine, other = (float(one.figures["history_excluded"]["ndcg@10"]) for one in (ours, theirs))
    return _comparison(subject, against, kind, mine, other, compare_segments(ours, theirs, masks, against=kind))


def compare_segments(
    ours: Ranking, theirs: Ranking, masks: Mapping[str, Mask], *, against: Reference, n_segments: int | None = None
) -> list[SegmentComparison]:
    """Compare two rankings of the same users in each segment.

    Args:
        ours: the bundle's ranking.
        theirs: the reference's ranking.
        masks: the users of each segment, bool ``[n]``.
        against: kind of the reference.
        n_segments: number of segments whose intervals hold together; by default those of ``masks`` and the cold users.
    """
    shares = overlap(theirs.top_rows, ours.top_rows)
    biased = rank_biased_overlap(theirs.top_rows, ours.top_rows)
    our_gains, their_gains = gains_of(ours.ranks), gains_of(theirs.ranks)
    return [
        SegmentComparison(
            segment=name,
            n_users=int(mask.sum()),
            overlap=float(shares[mask].mean()),
            rbo=float(biased[mask].mean()),
            metrics=compare_segment(
                {metric: gains[mask] for metric, gains in our_gains.items()},
                {metric: gains[mask] for metric, gains in their_gains.items()},
                segment=name,
                against=against,
                n_segments=n_segments or len(masks.keys() - {ALL}) + 1,
            ),
        )
        for name, mask in masks.items()
    ]


def same_rankings(rankings: Mapping[str, Ranking]) -> dict[str, Sequence[str]]:
    """Group rankings that are equal: name of the first one to the names of all of its group."""
    groups: dict[str, list[str]] = {}
    for name, ranking in rankings.items():
        for first in groups:
            other = rankings[first]
            if np.array_equal(ranking.ranks, other.ranks) and np.array_equal(ranking.top_rows, other.top_rows):
                groups[first].append(name)
                break
        else:
            groups[name] = [name]
    return dict(groups)


def _comparison(
    subject: str, against: str, kind: Reference, ours: float, theirs: float, found: list[SegmentComparison] | None
) -> Comparison:
    return Comparison(
        subject=subject,
        against=against,
        kind=kind,
        measured=found is not None,
        ndcg_10=theirs,
        ratio=ours / theirs if theirs else 0.0,
        segments=found or [],
    )
