"""Compares the rankings of a bundle with its models and with baselines, by segment and for cold users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from edge_runtime.contents import Contents
from export.comparison import Comparison, compare_rankings, compare_segments, recorded, same_rankings
from export.engine_reports import EngineMeasurements, rank_users_by
from export.rankings import Ranking, RememberedTransitions
from export.references import ReferenceModel
from export.segments import COLD_USER_EVENTS, COLD_USERS, MAX_COLD_USERS, Mask, segments
from export.users import TestUsers
from export.worst_lists import WorstList, worst_lists
from train.data.dataset import Dataset
from train.data.split import leave_one_out

STUDENT: Final = "student"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a bundle ranks compared with other models.

    Attributes:
        compared: comparisons with the models that the bundle was made from.
        baselines: comparisons of the first working engine with baselines.
        worst: the lists of the first working engine that are worst compared with the first run's.
    """

    compared: list[Comparison] = field(default_factory=list)
    baselines: list[Comparison] = field(default_factory=list)
    worst: list[WorstList] = field(default_factory=list)


def measure_quality(
    contents: Contents,
    measured: EngineMeasurements,
    references: Sequence[ReferenceModel],
    users: TestUsers,
    dataset: Dataset,
    transitions: RememberedTransitions | None = None,
) -> Quality:
    """Compare the engines that ranked with other models; without any, there is nothing to compare.

    Args:
        contents: the bundle.
        measured: its engines and the rankings of ``references``.
        references: the models to compare with.
        users: the users of all rankings.
        dataset: their data.
        transitions: those of the bundle.
    """
    first = measured.first
    if first is None:
        return Quality()
    comparer = _Comparer.of(contents, measured, references, users, dataset, transitions)
    ours, models = measured.rankings[first], [one for one in references if one.kind != "baseline"]
    compared = recorded(first, float(ours.figures["history_excluded"]["ndcg@10"]), contents.folder.manifest.provenance)
    for group in same_rankings(measured.rankings).values():
        compared += [comparer.compare(group, model) for model in models]
    compared += comparer.distillation(models)
    return Quality(
        compared,
        [comparer.compare([first], one) for one in references if one.kind == "baseline"],
        _worst(ours, measured, models, users, dataset),
    )


@dataclass(frozen=True, slots=True)
class _Comparer:
    """Rankings by name, of all users and of newcomers, and the users of each segment."""

    rankings: Mapping[str, Ranking]
    cold: Mapping[str, Ranking]
    masks: Mapping[str, Mask]

    @classmethod
    def of(
        cls,
        contents: Contents,
        measured: EngineMeasurements,
        references: Sequence[ReferenceModel],
        users: TestUsers,
        dataset: Dataset,
        transitions: RememberedTransitions | None,
    ) -> "_Comparer":
        """Rank newcomers by the first engine and the references."""
        newcomers = users.newcomers(COLD_USER_EVENTS, MAX_COLD_USERS)
        first = measured.first or ""
        others = {one.name: one.scorer for one in references}
        found = rank_users_by(contents, {first: measured.opened[first]}, newcomers, others, transitions)
        return cls(
            {**measured.others, **measured.rankings},
            {name: ranking for name, ranking in found.items() if isinstance(ranking, Ranking)},
            segments(users, leave_one_out(dataset.sequences).train.rows, len(dataset.catalogue)),
        )

    def compare(self, group: Sequence[str], reference: ReferenceModel, subject: str = "") -> Comparison:
        """Compare models that rank alike with a reference, with the cold users as the last segment if they were ranked.

        Args:
            group: names of the models.
            reference: the reference.
            subject: what the models are called [default: their names].
        """
        name, kind = group[0], reference.kind
        ours, theirs = self.rankings[name], self.rankings[reference.name]
        found = compare_rankings(subject or ", ".join(group), ours, reference.name, kind, theirs, self.masks)
        if name not in self.cold:
            return found
        ours, theirs = self.cold[name], self.cold[reference.name]
        everyone = {COLD_USERS: np.ones(len(ours.ranks), dtype=np.bool_)}
        last = compare_segments(ours, theirs, everyone, against=kind, n_segments=len(self.masks))
        return msgspec.structs.replace(found, segments=[*found.segments, *last])

    def distillation(self, models: Sequence[ReferenceModel]) -> list[Comparison]:
        """Compare each student with each full model, which shows how much of a loss is from before the export."""
        students = [one for one in models if one.kind == STUDENT]
        teachers = [one for one in models if one.kind == "full model"]
        return [self.compare([one.name], teacher, STUDENT) for one in students for teacher in teachers]


def _worst(
    ours: Ranking, measured: EngineMeasurements, models: Sequence[ReferenceModel], users: TestUsers, dataset: Dataset
) -> list[WorstList]:
    """Return the worst lists compared with the first run, none without one."""
    if not models:
        return []
    theirs = measured.others[models[0].name]
    return worst_lists(ours, theirs, users, dataset.sequences.user_ids, dataset.catalogue.item_ids)
