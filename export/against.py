"""Compares a bundle's ranking with the models that it was made from, on the same people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from msgspec import Struct, field
from numpy.typing import NDArray

from export.measure import Users
from export.provenance import FIGURES
from train.data.dataset import Dataset
from train.distill.distillation import check_same_data
from train.distill.student import STUDENT_FILE, Student, load_student
from train.errors import RunError
from train.full_model.training import load_model
from train.loop.batches import Rows, pad
from train.loop.runs import RunFolder
from train.metrics.ranker import scorer
from train.metrics.ranking import Ranked, Score, rank_targets, summary


class Comparison(Struct, kw_only=True):
    """The bundle's first engine against a model it was made from.

    Attributes:
        against: ``student``, ``teacher``, or the folder of a run.
        measured: whether the other's figures were measured now, on the same people; else they are the manifest's.
        ndcg_10: of the other.
        ratio: the bundle's over the other's.
    """

    against: str
    measured: bool
    ndcg_10: float = field(name="ndcg@10")
    ratio: float


def compare(
    ours: float, provenance: Mapping[str, str], run: Path | None, people: Users, dataset: Dataset
) -> list[Comparison]:
    """Compare the NDCG@10 of a bundle with what its manifest says of its makers, and with a run measured now.

    Args:
        ours: NDCG@10 of the bundle, history excluded.
        provenance: the manifest's.
        run: a student's or a teacher's folder, or None.
        people: on whom ``ours`` was measured.
        dataset: that they are from.

    Raises:
        RunError: the run cannot be used, or has another catalogue.
    """
    told = {who: provenance.get(f"{who}_{FIGURES['ndcg@10']}") for who in ("student", "teacher")}
    found = [(who, float(value), False) for who, value in told.items() if value]
    if run is not None:
        theirs = summary(rank_run(run, people, dataset))["history_excluded"]["ndcg@10"]
        found.append((run.name, theirs, True))
    return [
        Comparison(against=who, measured=measured, ndcg_10=theirs, ratio=ours / theirs if theirs else 0.0)
        for who, theirs, measured in found
    ]


def rank_run(run: Path, people: Users, dataset: Dataset) -> Ranked:
    """Rank everyone's true next item with the float32 model of a student's or a teacher's folder.

    Raises:
        RunError: it is neither, was trained on other data, or does not know the rows of these people.
    """
    if (run / STUDENT_FILE).is_file():
        student = load_student(run)
        n_items, score = student.sizes.n_items, _student_scorer(student, people.histories)
    else:
        teacher = RunFolder(run)
        check_same_data(teacher, dataset)
        model = load_model(teacher, dataset)
        with torch.no_grad():
            table = model.item_vectors()
        n_items, score = len(table), scorer(model, table, people.histories)
    largest = max(int(people.targets.max()), max(int(rows.max()) for rows in people.histories))
    if largest >= n_items:
        raise RunError(f"{run}: knows {n_items:,} items, the data has more. Give the run that the bundle came from.")
    with torch.inference_mode():
        return rank_targets(score, people.histories, people.targets, n_items)


def _student_scorer(student: Student, histories: Sequence[Rows]) -> Score:
    table = torch.from_numpy(student.item_vectors())
    longest = student.encoder.config.max_length
    arrays = (student.prompts["prompts"], student.prompts["knowledge"], student.adapter["a"], student.adapter["b"])
    small = [torch.from_numpy(array.copy()) for array in arrays]

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        rows, mask = pad([histories[user][-longest:] for user in users])
        scores: NDArray[np.float32] = (student.encoder(F.embedding(rows, table), mask, *small) @ table.T).numpy()
        return scores

    return score
