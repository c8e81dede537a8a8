r"""The transitions expert: scores of all items from the transition graph and from similarities, without training.

.. math::
    \log g(j \mid h) = \log\!\Big(1 + \frac{[w_h T + b \, w_h T^2]_j}{\epsilon}\Big)
    + \sum_m \lambda_m \cos\!\big(\textstyle\sum_i w_{h,i} x^m_i, \; x^m_j\big)

with :math:`T` the transition counts with rows that sum to 1, :math:`w_h` the newest events of the history weighted by
:math:`\gamma^{age}`, and :math:`x^m` the vectors of texts and pictures, centred and of unit length. The constant
:math:`\log \epsilon` is left out, so that an item without transitions has its similarities alone. A new item gets
transitions of the items with the nearest texts (:mod:`train.transitions.new_items`). An item-transition
graph re-weighted by the similarity of features is the heuristic of https://arxiv.org/abs/2605.07125; the second hop,
the recency weights and the smoothing are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from train.transitions.graph import GraphConfig, own_transitions
from train.transitions.new_items import with_new_items

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

# Below this, the counts that are left without a user's own are rounding errors: the smallest count is larger.
_NOTHING_LEFT = 1e-4
_MIN_LENGTH = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertConfig:
    """Settings of the expert.

    Attributes:
        graph: settings of the transition graph.
        newest: number of newest events of a history that are used.
        recency: weight of an event relative to the next newer one, in (0, 1].
        second_hop: weight of two steps in the graph relative to one, at least 0.
        smoothing: sum over the graph at which its logarithm starts to grow, above 0.
        text: weight of the similarity of texts, at least 0.
        image: weight of the similarity of pictures, at least 0.
        new_items: how often an item without transitions follows others, relative to the items like it, in [0, 1].
    """

    graph: GraphConfig = field(default_factory=GraphConfig)
    newest: int = 5
    recency: float = 0.6
    second_hop: float = 1.0
    smoothing: float = 3e-4
    text: float = 4.0
    image: float = 0.0
    new_items: float = 0.25

    def __post_init__(self) -> None:
        if self.newest < 1:
            raise ValueError(f"newest must be at least 1, got {self.newest}")
        if not 0.0 < self.recency <= 1.0:
            raise ValueError(f"recency must be in (0, 1], got {self.recency}")
        if not self.smoothing > 0.0:
            raise ValueError(f"smoothing must be above 0, got {self.smoothing}")
        for name in ("second_hop", "text", "image"):
            if not 0.0 <= getattr(self, name) <= 100.0:
                raise ValueError(f"{name} must be in [0, 100], got {getattr(self, name)}")
        if not 0.0 <= self.new_items <= 1.0:
            raise ValueError(f"new_items must be in [0, 1], got {self.new_items}")


class Queries(NamedTuple):
    """The histories to score items for: ``Q`` ranges of a list of events.

    Attributes:
        events: catalogue rows, int64 ``[E]``.
        start, end: the history of query ``q`` is ``events[start[q]:end[q]]``, oldest first, int64 ``[Q]``.
    """

    events: Rows
    start: Rows
    end: Rows

    @classmethod
    def of(cls, histories: Sequence[NDArray[np.integer]]) -> "Queries":
        """Return one query for each history."""
        lengths = np.array([len(rows) for rows in histories], dtype=np.int64)
        end = np.cumsum(lengths)
        return cls(np.concatenate([*histories, np.empty(0, np.int64)]).astype(np.int64), end - lengths, end)


class OwnEvents(NamedTuple):
    """Training events of the queries' users. Their transitions are left out of the counts that score these users.

    Attributes:
        rows: catalogue rows, oldest first for each user, int64 ``[E]``.
        users: user of each event, int64 ``[E]``, ascending.
        user_of: user of each query, int64 ``[Q]``.
    """

    rows: Rows
    users: Rows
    user_of: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Similarities:
    """Unit vectors that items are compared by, zeros for items without; None if the catalogue has none.

    Attributes:
        text: of the items' texts, float32 ``[n_items, W]``.
        image: of their pictures, float32 ``[n_items, W]``.
    """

    text: Floats | None = None
    image: Floats | None = None

    @property
    def compared(self) -> Floats | None:
        """The vectors that neighbours of new items are found by: texts if there are any, else pictures."""
        return self.image if self.text is None else self.text


class TransitionsExpert:
    """Scores items for histories.

    Args:
        counts: transition counts of the training events, ``[n_items, n_items]``, computed with ``config.graph``.
        config: settings.
        similar: vectors that items are compared by.

    Attributes:
        counts: those counts, with transitions of new items.
    """

    def __init__(self, counts: csr_array, config: ExpertConfig, similar: Similarities) -> None:
        self.config = config
        self.similar = similar
        self.n_items = int(counts.shape[0])
        self._known, self._known_total = counts, _row_sums(counts)
        self._keys = _rows_of(counts) * self.n_items + counts.indices
        if config.new_items > 0.0 and similar.compared is not None:
            counts = with_new_items(counts, similar.compared, config.new_items, config.graph.followers)
        self.counts = counts
        shares = counts.data / _row_sums(counts)[_rows_of(counts)]
        self.probabilities = csr_array((shares, counts.indices, counts.indptr), counts.shape)
        weighted = ((config.text, similar.text), (config.image, similar.image))
        self._similar = [(weight, vectors) for weight, vectors in weighted if weight > 0.0 and vectors is not None]

    def log_scores(self, queries: Queries, own: OwnEvents | None = None) -> Floats:
        """Return the log-scores of all items, ``[Q, n_items]``; zeros for an empty history.

        Without the queries' users' own events, transitions of new items are left out too: they are made of those of
        known items, and a user who is trained on has no new items.
        """
        weights = recency_weights(queries, self.n_items, self.config)
        similarity = np.zeros(weights.shape, dtype=np.float32)
        for weight, vectors in self._similar:
            similarity += weight * cosines(weights, vectors)
        first, second = self.steps(weights, own)
        return combine(similarity, first, second, self.config)

    def steps(self, weights: csr_array, own: OwnEvents | None = None) -> tuple[csr_array, csr_array | None]:
        """Return what one and two steps in the graph reach from ``weights``, sparse ``[Q, n_items]``.

        The second is None if the settings give it no weight.
        """
        step = self._step if own is None else self._step_without(own)
        first = step(weights)
        return first, step(first) if self.config.second_hop > 0.0 else None

    def _step(self, weights: csr_array) -> csr_array:
        return csr_array(weights @ self.probabilities)

    def _step_without(self, own: OwnEvents) -> "_StepWithout":
        user, first, second, weight = own_transitions(own.rows, own.users, self.config.graph)
        key = first * self.n_items + second
        _, kept = _find(self._keys, key)
        mine = (user[kept], first[kept], second[kept], weight[kept])
        return _StepWithout(self._known, self._known_total, mine, own.user_of)


def _row_sums(counts: csr_array) -> Floats:
    return np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()


def _rows_of(counts: csr_array) -> Rows:
    """Return the row of each entry, ``[E]``."""
    return np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))


def recency_weights(queries: Queries, n_items: int, config: ExpertConfig) -> csr_array:
    """Return the weight of each item in each history, sparse float32 ``[Q, n_items]``."""
    lengths = np.minimum(queries.end - queries.start, config.newest)
    query = np.repeat(np.arange(len(lengths)), lengths)
    age = np.arange(len(query)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = queries.events[queries.end[query] - 1 - age]
    weights = (config.recency**age).astype(np.float32)
    matrix = csr_array((weights, (query, items)), shape=(len(lengths), n_items))
    matrix.sum_duplicates()
    return matrix


def cosines(weights: csr_array, vectors: Floats) -> Floats:
    """Return the cosine of each item's vector with the weighted mean of a history's, ``[Q, n_items]``.

    Args:
        weights: result of :func:`recency_weights`, ``[Q, n_items]``.
        vectors: unit vectors, ``[n_items, W]``, or zeros.
    """
    centre = weights @ vectors
    length = np.linalg.norm(centre, axis=1, keepdims=True)
    np.divide(centre, length, out=centre, where=length > _MIN_LENGTH)
    result: Floats = centre @ vectors.T
    return result


def combine(similarity: Floats, first: csr_array, second: csr_array | None, config: ExpertConfig) -> Floats:
    """Return the log-scores: ``similarity`` ``[Q, n_items]`` plus the logarithm of the graph's part, in place."""
    return add_graph(similarity, reached(first, second, config.second_hop), config.smoothing)


def reached(first: csr_array, second: csr_array | None, second_hop: float) -> csr_array:
    """Return what one and two steps reach together, sparse ``[Q, n_items]``; ``second`` is None without a second."""
    return first if second is None else csr_array(first + second_hop * second)


def add_graph(similarity: Floats, graph: csr_array, smoothing: float) -> Floats:
    """Return ``similarity`` ``[Q, n_items]`` plus the logarithm of what the graph reaches, in place."""
    query = np.repeat(np.arange(len(similarity)), np.diff(graph.indptr))
    logarithm = np.log1p(np.maximum(graph.data, 0.0) / np.float32(smoothing))
    similarity.reshape(-1)[query * similarity.shape[1] + graph.indices] += logarithm
    return similarity


class _StepWithout:
    """A step in the graph without the transitions of each query's user.

    With ``C`` the counts of all users and ``D`` those of one user, it maps ``v`` to ``v' C - v' D`` with
    ``v'_i = v_i / (sum_j C_ij - sum_j D_ij)``. The second product has few entries.
    """

    def __init__(self, counts: csr_array, total: Floats, mine: tuple[Rows, Rows, Rows, Floats], user_of: Rows) -> None:
        user, first, second, weight = mine
        self._counts, self._total, self._user_of = counts, total, user_of
        # One row for each pair of a user and an item that they have a transition from.
        self._keys, row = np.unique(user * len(total) + first, return_inverse=True)
        self._mine = csr_array((weight, (row, second)), shape=(len(self._keys), len(total)))
        self._my_total = np.bincount(row, weight, minlength=len(self._keys)).astype(np.float32)

    def __call__(self, weights: csr_array) -> csr_array:
        query = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        key = self._user_of[query] * len(self._total) + weights.indices
        row, is_mine = _find(self._keys, key)
        total = self._total[weights.indices]
        total[is_mine] -= self._my_total[row[is_mine]]
        scaled = np.divide(weights.data, total, out=np.zeros_like(total), where=total > _NOTHING_LEFT)
        all_users = csr_array((scaled, weights.indices, weights.indptr), shape=weights.shape) @ self._counts
        mine = csr_array((scaled[is_mine], (query[is_mine], row[is_mine])), shape=(len(self._user_of), len(self._keys)))
        return csr_array(all_users - mine @ self._mine)


def _find(sorted_keys: Rows, keys: Rows) -> tuple[Rows, NDArray[np.bool_]]:
    """Return the index of each key in ``sorted_keys`` and whether it is there."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.bool_)
    index = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return index, sorted_keys[index] == keys
