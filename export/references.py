"""The models that a bundle is compared with: those that it was made from, in float32, and baselines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.transitions import TransitionScores
from export.inferiority import Reference
from export.users import TestUsers
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.distill.distillation import check_same_data
from train.distill.student import STUDENT_FILE, load_student, ranking_model
from train.errors import RunError
from train.evaluation.baselines import TRANSITIONS, expert_scores, popularity, validated_expert
from train.evaluation.context import evaluation_context
from train.full_model.training import load_model
from train.loop.runs import RunFolder
from train.metrics.ranker import Ranker, scorer
from train.metrics.ranking import Score

POPULARITY = "popularity"
Scorer = Callable[[TestUsers], Score]


@dataclass(frozen=True, slots=True)
class ReferenceModel:
    """A model to compare with.

    Attributes:
        name: name of a run's folder, or of a baseline.
        kind: what it is, which decides the margin.
        scorer: returns the score function for some users.
    """

    name: str
    kind: Reference
    scorer: Scorer


def run_models(runs: Sequence[Path], dataset: Dataset, transitions: TransitionScores | None) -> list[ReferenceModel]:
    """Return the float32 models in the folders of students and full models.

    A student with an encoder is compared together with the bundle's own transitions: without them it ranks worse than
    the bundle, and would hide a loss of the encoder or of the item codes.

    Args:
        runs: the folders.
        dataset: the data.
        transitions: those of the bundle.

    Raises:
        RunError: a folder has neither, or the model was made from other data.
    """
    return [_run_model(run, dataset, transitions) for run in runs]


def baseline_models(dataset: Dataset) -> list[ReferenceModel]:
    """Return popularity, and transitions times texts with settings by validation."""
    split, n_items = leave_one_out(dataset.sequences), len(dataset.catalogue)
    vectors = evaluation_context(dataset).vectors

    expert = cache(lambda: validated_expert(split, vectors))  # all users and newcomers share the search for settings

    def by_transitions(users: TestUsers) -> Score:
        return expert_scores(expert(), users.histories)

    return [
        ReferenceModel(POPULARITY, "baseline", lambda _: popularity(split.train.rows, n_items)),
        ReferenceModel(TRANSITIONS, "baseline", by_transitions),
    ]


def _run_model(run: Path, dataset: Dataset, transitions: TransitionScores | None) -> ReferenceModel:
    if (run / STUDENT_FILE).is_file():
        student = load_student(run)
        _check_size(run, student.sizes.n_items, dataset)
        added = transitions if student.encoder is not None else None
        return ReferenceModel(run.name, "student", _float_scorer(ranking_model(student), added))
    teacher = RunFolder(run)
    check_same_data(teacher, dataset)
    return ReferenceModel(run.name, "full model", _float_scorer(load_model(teacher, dataset)))


def _float_scorer(model: Ranker, transitions: TransitionScores | None = None) -> Scorer:
    with torch.inference_mode():
        table = model.item_vectors()

    def scorer_of(users: TestUsers) -> Score:
        by_model = scorer(model, table, users.histories)

        def score(batch: NDArray[np.int64]) -> NDArray[np.float32]:
            with torch.inference_mode():
                scores: NDArray[np.float32] = torch.as_tensor(by_model(batch)).float().cpu().numpy()
            if transitions is not None:
                for index, user in enumerate(batch):
                    newest = users.histories[user][-model.max_length :].astype(np.int64)
                    scores[index] += transitions.scores(newest)
            return scores

        return score

    return scorer_of


def _check_size(run: Path, n_items: int, dataset: Dataset) -> None:
    if n_items != len(dataset.catalogue):
        raise RunError(
            f"{run}: has {n_items:,} items, the data has {len(dataset.catalogue):,}. Give the run that the bundle was "
            "made from."
        )
