"""Metrics of a student: compared with its teacher, and with and without knowledge."""

from functools import partial
from typing import Any

import torch

from train.data.split import Targets
from train.distill.student_model import StudentModel
from train.metrics.knowledge_use import decide_by_history, ranking_by_use
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import summary


def compare(teacher: Ranker, student: Ranker, targets: Targets) -> dict[str, Any]:
    """Return the test metrics of teacher and student, the ratio of their NDCG@10, and metrics of the knowledge."""
    figures: dict[str, Any] = {
        name: summary(rank_split(model, targets)) for name, model in (("teacher", teacher), ("student", student))
    }
    student_ndcg, teacher_ndcg = (figures[name]["history_excluded"]["ndcg@10"] for name in ("student", "teacher"))
    figures |= {"ndcg@10_ratio": student_ndcg / teacher_ndcg if teacher_ndcg else 0.0}
    if isinstance(student, StudentModel) and student.knowledge is not None:
        figures["knowledge"] = _knowledge_metrics(student, targets)
    return figures


@torch.inference_mode()
def _knowledge_metrics(student: StudentModel, targets: Targets) -> dict[str, float]:
    """Return NDCG@10 without knowledge, with it, and with the device's choice for each user, and shares of users."""
    student.eval()
    table = student.item_vectors()
    histories = [targets.history(index) for index in range(len(targets))]
    newest = [rows[-student.max_length :] for rows in histories]
    decision = decide_by_history(newest, partial(student.both_states, table=table), table)
    return ranking_by_use(decision, histories, targets.rows, table) | {
        "share_judged": float(decision.known.mean()),
        "share_helped": float(decision.helped[decision.known].mean()) if decision.known.any() else 0.0,
    }
