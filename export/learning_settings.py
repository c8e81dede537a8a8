r"""The settings with which devices learn from a bundle (SPEC section 5).

Scores are made for ranking and are no calibrated logits, so the loss of learning divides them by a temperature: the one
that makes the students' validation events most likely,

.. math::
    T = \arg\min_T -\frac1n \sum_i \log \mathrm{softmax}(s_i / T)_{y_i}

which is convex in ``1 / T`` (Guo et al., 2017). The other settings were chosen on users of MovieLens-1M that no model
was trained on (``python -m benchmarks.personal``, docs/learning.md).
"""

from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from edge_runtime.bundle.manifest import LearningSettings
from train.data.split import Targets
from train.distill.student import Compared, Student, ranking_model
from train.metrics.histories import histories_of, select_targets
from train.metrics.ranker import Ranker, scorer

RANGE: Final = (0.05, 50.0)
"""Temperatures that are tried."""
_USERS, _BATCH = 1000, 100


def learning_settings(student: Student, transitions: Compared | None, valid: Targets) -> LearningSettings | None:
    """Return the settings of a bundle; None for one whose items are ranked by transitions alone, or without users.

    Args:
        student: the student.
        transitions: what the bundle's transitions compare items by; None without transitions.
        valid: validation targets.
    """
    if student.encoder is None or not len(valid):
        return None
    return LearningSettings(
        temperature=float(f"{temperature(ranking_model(student, transitions=transitions), valid):.3g}"),
        learning_rate=0.015,
        factor_rate=0.0,  # a factor other than 1 makes events more likely, but lists no better
        epsilon=0.07,
        weight_decay=0.006,
        beta1=0.9,
        beta2=0.99,
        updates=10,
        examples=128,
        candidates=512,
    )


def temperature(model: Ranker, valid: Targets) -> float:
    """Return the temperature in :data:`RANGE` that makes the targets of a sample of users most likely.

    Items of the history are not counted, as in a list.
    """
    sample = select_targets(valid, np.random.default_rng(0).permutation(len(valid)) < _USERS)
    histories = histories_of(sample)
    score = scorer(model, model.item_vectors(), histories)
    inverse = (1 / RANGE[1], 1 / RANGE[0])
    with torch.inference_mode():
        batches: list[tuple[Tensor, Tensor]] = []
        for start in range(0, len(sample), _BATCH):
            users = np.arange(start, min(start + _BATCH, len(sample)))
            scores = torch.as_tensor(score(users))
            targets = torch.from_numpy(sample.rows[users].astype(np.int64))
            own = scores.gather(1, targets[:, None])
            for index, user in enumerate(users):
                scores[index, torch.from_numpy(histories[user].astype(np.int64))] = -torch.inf
            batches.append((scores.scatter(1, targets[:, None], own), own[:, 0]))

        def loss(factor: float) -> float:
            return sum(float((torch.logsumexp(s * factor, 1) - own * factor).sum()) for s, own in batches)

        return 1 / float(minimize_scalar(loss, bounds=inverse, method="bounded").x)
