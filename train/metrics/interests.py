"""Labels of items, and the distribution of a user's interests over them: categories of the catalogue, or clusters.

A label is a category of the catalogue. Categories of more than :data:`ROOT_SHARE` of the items (such as "Beauty" in a
beauty shop) do not distinguish users and are left out. If the catalogue has no categories, a cluster of each item is
used instead.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import IntArray, RowArray

ROOT_SHARE = 0.5
MIN_HALF = 4
N_SHUFFLES = 20
_BATCH = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Interests:
    """The labels of each item; an item may have several or none.

    Attributes:
        offsets: int64 ``[n_items + 1]``; item ``i`` has the labels ``offsets[i]:offsets[i + 1]``.
        labels: int64 ``[P]``, from 0 to ``n_labels - 1``.
        n_labels: number of labels.
    """

    offsets: IntArray
    labels: IntArray
    n_labels: int

    def pairs(self, rows: RowArray) -> tuple[IntArray, IntArray]:
        """Return every label of every event: the event's index in ``rows`` and the label, both ``[pairs]``."""
        counts = np.diff(self.offsets)[rows]
        event = np.repeat(np.arange(len(rows), dtype=np.int64), counts)
        within = np.arange(len(event), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
        return event, self.labels[np.repeat(self.offsets[rows], counts) + within]

    def distributions(self, histories: Sequence[RowArray]) -> NDArray[np.float64]:
        r"""Return the label distribution of each history, ``[len(histories), n_labels]``.

        .. math::
            p_u(c) = \frac{\sum_{i \in H_u} 1[c \in C_i] / |C_i|}{\sum_{i \in H_u} 1[C_i \neq \emptyset]}

        A history without labels is a row of zeros.
        """
        user = np.repeat(np.arange(len(histories)), [len(rows) for rows in histories])
        rows = _joined(histories)
        event, label = self.pairs(rows)
        weight = 1.0 / np.diff(self.offsets)[rows[event]]
        flat = np.bincount(user[event] * self.n_labels + label, weight, len(histories) * self.n_labels)
        # Without any pair bincount returns integers.
        mass = flat.astype(np.float64).reshape(len(histories), self.n_labels)
        total = mass.sum(axis=1, keepdims=True)
        spread: NDArray[np.float64] = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
        return spread


def category_interests(catalogue: Catalogue) -> Interests | None:
    """Return the categories of each item as labels, or None if the catalogue has none that distinguish items."""
    categories = catalogue.fields.get("categories", ())
    carried = Counter(name for names in categories for name in set(names))
    most = ROOT_SHARE * len(catalogue)
    number = {name: index for index, name in enumerate(sorted(name for name, n in carried.items() if n <= most))}
    if not number:
        return None
    return _interests(([number[name] for name in sorted({*names} & number.keys())] for names in categories), number)


def cluster_interests(clusters: IntArray) -> Interests:
    """Return one label for each item, its cluster, from 0; -1 is an item without one."""
    return _interests(([int(c)] if c >= 0 else [] for c in clusters), range(int(clusters.max(initial=-1)) + 1))


def jensen_shannon(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return the Jensen-Shannon divergence of each pair of distributions, in bits: 0 is equal, 1 disjoint.

    .. math::
        JS(p, q) = \tfrac12 KL(p \| m) + \tfrac12 KL(q \| m), \qquad m = \tfrac12 (p + q), \qquad 0 \log 0 = 0

    Source: Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory, 1991.

    Args:
        first: each row sums to 1, ``[n, labels]``.
        second: the same shape.
    """
    middle = (first + second) / 2
    return (_kullback_leibler(first, middle) + _kullback_leibler(second, middle)) / 2


def drift(histories: Sequence[RowArray], interests: Interests) -> NDArray[np.float64]:
    """Return the divergence between the labels of each history's first and second half, in bits, ``[n]``.

    With an odd number of events the newer half is longer. The result is NaN if a half has fewer than :data:`MIN_HALF`
    events, or no label, because a few events do not show an interest.
    """
    values = np.full(len(histories), np.nan)
    long = np.flatnonzero([len(rows) >= 2 * MIN_HALF for rows in histories])
    for users in _batches(long):
        older = interests.distributions([histories[user][: len(histories[user]) // 2] for user in users])
        newer = interests.distributions([histories[user][len(histories[user]) // 2 :] for user in users])
        valid = (older.sum(axis=1) > 0) & (newer.sum(axis=1) > 0)
        values[users[valid]] = jensen_shannon(older[valid], newer[valid])
    return values


def drift_by_chance(histories: Sequence[RowArray], interests: Interests, *, seed: int) -> NDArray[np.float64]:
    """Return the mean of :func:`drift` over :data:`N_SHUFFLES` shuffles of each history, ``[n]``.

    Two small samples of one constant taste differ, the more the smaller they are: on Beauty the divergence of a
    shuffled history is as large as that of the original, so a threshold on the plain divergence would select short
    histories.
    """
    random = np.random.default_rng(seed)
    by_chance = np.full(len(histories), np.nan)
    long = [user for user, rows in enumerate(histories) if len(rows) >= 2 * MIN_HALF]
    total = np.zeros(len(long))
    for _ in range(N_SHUFFLES):
        shuffled: list[RowArray] = [random.permutation(histories[user]) for user in long]
        total += drift(shuffled, interests)
    by_chance[long] = total / N_SHUFFLES
    return by_chance


def new_to_user(histories: Sequence[RowArray], targets: RowArray, interests: Interests) -> NDArray[np.bool_]:
    """Return whether each target has labels, none of which occurs in the history, bool ``[n]``."""
    values = np.zeros(len(targets), dtype=np.bool_)
    for users in _batches(np.arange(len(targets))):
        touched = interests.distributions([histories[user] for user in users]) > 0
        event, label = interests.pairs(targets[users])
        known = np.bincount(event, touched[event, label], len(users)) > 0
        values[users] = (np.bincount(event, minlength=len(users)) > 0) & ~known
    return values


def _interests(labels: Iterable[Sequence[int]], names: Iterable[object]) -> Interests:
    each = [np.asarray(values, dtype=np.int64) for values in labels]
    offsets = np.concatenate(([0], np.cumsum([len(values) for values in each]))).astype(np.int64)
    return Interests(offsets, np.concatenate([*each, np.empty(0, np.int64)]), sum(1 for _ in names))


def _joined(histories: Sequence[RowArray]) -> RowArray:
    return np.concatenate([*histories, np.empty(0, np.int32)])


def _kullback_leibler(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    divergence: NDArray[np.float64] = (p * np.log2(ratio)).sum(axis=1)
    return divergence


def _batches(users: IntArray) -> Iterator[IntArray]:
    for start in range(0, len(users), _BATCH):
        yield users[start : start + _BATCH]
