"""What a student is worth: against its teacher, and with and without knowledge."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.data.split import Targets
from train.evaluation.ranking import ndcg, rank_targets, summary
from train.knowledge_use import judge_by_past
from train.model import Model
from train.ranker import rank_split
from train.student_model import StudentModel


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
    histories = [targets.history(index)[-student.max_length :] for index in range(len(targets))]
    judged = judge_by_past(histories, partial(student.both_states, table=table), table)

    def score(states: Tensor) -> float:
        ranked = rank_targets(
            lambda users: states[torch.from_numpy(users).to(states.device)] @ table.T,
            [targets.history(index) for index in range(len(targets))],
            targets.rows,
            len(table),
        )
        return float(np.mean(ndcg(ranked.excluded, 10)))

    return {
        "ndcg@10_without": score(judged.without),
        "ndcg@10_with": score(judged.aligned),
        "ndcg@10_decided": score(judged.chosen()),
        "share_judged": float(judged.known.mean()),
        "share_helped": float(judged.helped[judged.known].mean()) if judged.known.any() else 0.0,
    }
