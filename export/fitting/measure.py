"""Measures points on validation users, with the weights of transitions chosen anew for each, and the chosen on test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.fitting.material import Made, Material, user_states
from export.fitting.points import Encoder, Point
from train.data.split import Targets
from train.distill.device_transitions import SIMILARITIES, DeviceSettings, DeviceTransitions
from train.metrics.histories import select_targets
from train.metrics.ranking import BATCH_USERS, excluded_ranks, metrics, ndcg
from train.transitions.expert import Queries, TransitionsExpert
from train.transitions.mixing import WEIGHTS, ndcg_by_weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measured point.

    Attributes:
        ndcg: NDCG@10 on the validation users, history excluded.
        settings: the settings of its transitions; None without.
    """

    ndcg: float
    settings: DeviceSettings | None


class Scorer:
    """Scores of an encoder over an item table for the users of some targets; states are computed once."""

    def __init__(self, material: Material, made: Made, targets: Targets) -> None:
        self._table = torch.from_numpy(made.table.vectors)
        self._states = user_states(material.student, made.encoder, made.table.vectors, targets)

    def __call__(self, users: NDArray[np.int64]) -> torch.Tensor:
        """Return the scores of all items, ``[users, n_items]``."""
        return self._states[torch.from_numpy(users)] @ self._table.T


_WEIGHTS = [weight for weight in WEIGHTS if 0.0 < weight <= 2.0]
# Users that a similarity is chosen on; weight and NDCG@10 are then those of all. It makes a point twice as fast.
_USERS_OF_A_SIMILARITY = 1000
# Numbers of half precision need no scale.
_HALF = 16


def measure(material: Material, point: Point, valid: Targets) -> Measured:
    """Return NDCG@10 of a point on validation users; its transitions get the best weights there."""
    made = material.made(point)
    score, vectors = Scorer(material, made, valid), made.table.vectors
    start = material.settings(point)
    if start is None:
        return Measured(ndcg=float(np.mean(ndcg(_ranks(score, None, 0.0, valid), 10))), settings=None)
    compared = material.texts(point.text_codes).vectors if point.text_codes else vectors

    def measured(similarity: float, targets: Targets, users: NDArray[np.int64]) -> Measured:
        """Return the best of the weights for a similarity, on some of the users."""
        settings = replace(start, similarity=similarity)
        expert = _expert(material, settings, compared, point.followers)
        found = ndcg_by_weight(expert, lambda some: score(users[some]), targets, _WEIGHTS)
        index = int(np.argmax(found))
        return Measured(ndcg=found[index], settings=replace(settings, weight=_WEIGHTS[index]))

    everyone = np.arange(len(valid))
    few = everyone[:: max(1, len(valid) // _USERS_OF_A_SIMILARITY)]
    some = select_targets(valid, np.isin(everyone, few))
    similarity = _climb(start.similarity, lambda value: measured(value, some, few).ndcg)
    return measured(similarity, valid, everyone)


def _climb(start: float, value: Callable[[float], float]) -> float:
    """Return the similarity that is reached from neighbour to neighbour as long as that is better."""
    best, highest, tried = start, value(start), {start}
    frontier = _neighbours(start)
    while frontier:
        similarity = frontier.pop(0)
        tried.add(similarity)
        found = value(similarity)
        if found > highest:
            best, highest = similarity, found
            frontier = [each for each in _neighbours(similarity) if each not in tried]
    return best


def measure_test(material: Material, point: Point, settings: DeviceSettings | None, test: Targets) -> dict[str, Any]:
    """Return the metrics of a point on the test users, history excluded."""
    made = material.made(point)
    score, vectors = Scorer(material, made, test), made.table.vectors
    if settings is None:
        return metrics(_ranks(score, None, 0.0, test))
    compared = material.texts(point.text_codes).vectors if point.text_codes else vectors
    expert = _expert(material, settings, compared, point.followers)
    return metrics(_ranks(score, expert, settings.weight, test))


def _expert(
    material: Material, settings: DeviceSettings, vectors: NDArray[np.float32], followers: int
) -> TransitionsExpert:
    transitions = material.student.transitions
    if transitions is None:
        raise ValueError("expected a student with transitions")
    return DeviceTransitions(transitions.counts, settings).expert(vectors, followers)


def _neighbours(similarity: float) -> list[float]:
    below = [each for each in SIMILARITIES if each < similarity]
    above = [each for each in SIMILARITIES if each > similarity]
    return [*below[-1:], *above[:1]]


def _ranks(score: Scorer, expert: TransitionsExpert | None, weight: float, targets: Targets) -> NDArray[np.int64]:
    ranks = np.empty(len(targets), dtype=np.int64)
    with torch.inference_mode():
        for start in range(0, len(targets), BATCH_USERS):
            users = np.arange(start, min(start + BATCH_USERS, len(targets)))
            histories = [targets.history(int(user)) for user in users]
            scores = score(users)
            if expert is not None:
                added = torch.from_numpy(expert.log_scores(Queries.of(histories)))
                scores = torch.add(scores, added, alpha=weight)
            ranks[users] = excluded_ranks(scores, histories, targets.rows[users])
    return ranks


def reduced_rows(vectors: NDArray[np.float32], n_bits: int, width: int) -> NDArray[np.float32]:
    """Return the item vectors as ``n_bits`` a number with a scale per item, of their ``width`` principal components.

    This is what post-hoc quantization of rows and a truncated width leave in the bytes of a point's codes. It is a
    baseline: the bundle format has no such table.

    Args:
        vectors: ``[n_items, dim]``.
        n_bits: 4, 8, or 16 for half precision, which is a truncated width alone.
        width: number of components, 1 to ``dim``.

    Returns:
        The decoded vectors, ``[n_items, dim]``.
    """
    mean = vectors.mean(axis=0)
    _, _, components = np.linalg.svd(vectors - mean, full_matrices=False)
    reduced = (vectors - mean) @ components[:width].T
    rounded = reduced.astype(np.float16) if n_bits == _HALF else _rounded(reduced, n_bits)
    decoded: NDArray[np.float32] = (rounded @ components[:width] + mean).astype(np.float32)
    return decoded


def _rounded(rows: NDArray[np.float32], n_bits: int) -> NDArray[np.float32]:
    levels = 2 ** (n_bits - 1) - 1
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / levels
    rounded: NDArray[np.float32] = np.round(rows / scale) * scale
    return rounded


def row_bytes(width: int, n_bits: int) -> int:
    """Return the bytes of an item's row; one of integers has a scale of two bytes."""
    return -(-width * n_bits // 8) + (0 if n_bits == _HALF else 2)


def widest_rows(n_bytes: int, n_items: int, dim: int, n_bits: int) -> int:
    """Return how many numbers of ``n_bits`` an item may have in ``n_bytes``, 0 to ``dim``."""
    return max(0, min(dim, (n_bytes // n_items - row_bytes(0, n_bits)) * 8 // n_bits))


def measure_rows(material: Material, encoder: Encoder, n_bits: int, width: int, valid: Targets) -> float:
    """Return NDCG@10 on validation users with the trained vectors as reduced rows, see :func:`reduced_rows`."""
    vectors = reduced_rows(material.student.item_vectors(), n_bits, width)
    made = Made(material.encoder(encoder), replace(material.table(None), vectors=vectors))
    score = Scorer(material, made, valid)
    return float(np.mean(ndcg(_ranks(score, None, 0.0, valid), 10)))


def settings_of(fields: Mapping[str, Any] | None) -> DeviceSettings | None:
    """Return the settings saved as JSON."""
    return None if fields is None else DeviceSettings(**fields)
