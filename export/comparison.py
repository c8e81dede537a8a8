"""Compares the ranking of a bundle with the models that it was made from, on the same users."""

from collections.abc import Mapping
from pathlib import Path

import torch
from msgspec import Struct, field

from export.measure import TestUsers
from export.provenance import FIGURES
from train.data.dataset import Dataset
from train.distill.distillation import check_same_data
from train.distill.student import STUDENT_FILE, load_student, ranking_model
from train.errors import RunError
from train.full_model.training import load_model
from train.loop.runs import RunFolder
from train.metrics.ranker import scorer
from train.metrics.ranking import Ranked, rank_targets, summary


class Comparison(Struct, kw_only=True):
    """Comparison of the bundle's first working engine with a model that the bundle was made from.

    Attributes:
        against: ``student``, ``teacher``, or the name of a run's folder.
        measured: True if the model was measured now, on the same users; False if its metric is from the manifest.
        ndcg_10: NDCG@10 of the model.
        ratio: NDCG@10 of the bundle divided by that of the model.
    """

    against: str
    measured: bool
    ndcg_10: float = field(name="ndcg@10")
    ratio: float


def compare_models(
    bundle_ndcg: float, provenance: Mapping[str, str], run: Path | None, users: TestUsers, dataset: Dataset
) -> list[Comparison]:
    """Compare the NDCG@10 of a bundle with that of its models in the manifest, and with a run measured now.

    Args:
        bundle_ndcg: NDCG@10 of the bundle, history excluded.
        provenance: provenance entries of the manifest.
        run: folder of a student or a teacher, or None.
        users: the users of ``bundle_ndcg``.
        dataset: the data of these users.

    Raises:
        RunError: the run cannot be used, or has another catalogue.
    """
    recorded = {model: provenance.get(f"{model}_{FIGURES['ndcg@10']}") for model in ("student", "teacher")}
    models = [(model, float(value), False) for model, value in recorded.items() if value]
    if run is not None:
        models.append((run.name, summary(rank_run(run, users, dataset))["history_excluded"]["ndcg@10"], True))
    return [
        Comparison(against=model, measured=measured, ndcg_10=ndcg, ratio=bundle_ndcg / ndcg if ndcg else 0.0)
        for model, ndcg, measured in models
    ]


def rank_run(run: Path, users: TestUsers, dataset: Dataset) -> Ranked:
    """Rank the true next item of every user with the float32 model in a student's or a teacher's folder.

    Raises:
        RunError: the folder has neither, was trained on other data, or lacks items of these users.
    """
    if (run / STUDENT_FILE).is_file():
        student = load_student(run)
        ranker = ranking_model(student)
        n_items, score = student.sizes.n_items, scorer(ranker, ranker.item_vectors(), users.histories)
    else:
        teacher = RunFolder(run)
        check_same_data(teacher, dataset)
        model = load_model(teacher, dataset)
        with torch.no_grad():
            table = model.item_vectors()
        n_items, score = len(table), scorer(model, table, users.histories)
    largest = max(int(users.targets.max()), max(int(rows.max()) for rows in users.histories))
    if largest >= n_items:
        raise RunError(f"{run}: has {n_items:,} items, the data has more. Give the run that the bundle was made from.")
    with torch.inference_mode():
        return rank_targets(score, users.histories, users.targets, n_items)
