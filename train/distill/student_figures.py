"""What a student is worth: against its teacher, and with and without knowledge."""

from functools import partial
from typing import Any

import torch

from train.data.split import Targets
from train.distill.student_model import StudentModel
from train.full_model.model import Model
from train.metrics.knowledge_use import judge_by_history, ranking_by_use
from train.metrics.ranker import rank_split
from train.metrics.ranking import summary


def compare(teacher: Model, student: StudentModel, targets: Targets) -> dict[str, Any]:
    """Return the test figures of both, the ratio that the student is judged by, and what its knowledge is worth."""
    figures: dict[str, Any] = {
        name: summary(rank_split(model, targets)) for name, model in (("teacher", teacher), ("student", student))
    }
    ours, theirs = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    figures |= {"ndcg@10_ratio": ours / theirs if theirs else 0.0}
    return figures | ({} if student.knowledge is None else {"knowledge": _knowledge_figures(student, targets)})


@torch.inference_mode()
def _knowledge_figures(student: StudentModel, targets: Targets) -> dict[str, float]:
    """Return NDCG@10 without knowledge, with it, and as a device decides for each person; and for how many it does."""
    student.eval()
    table = student.item_vectors()
    histories = [targets.history(index) for index in range(len(targets))]
    newest = [rows[-student.max_length :] for rows in histories]
    judged = judge_by_history(newest, partial(student.both_states, table=table), table)
    return ranking_by_use(judged, histories, targets.rows, table) | {
        "share_judged": float(judged.known.mean()),
        "share_helped": float(judged.helped[judged.known].mean()) if judged.known.any() else 0.0,
    }
