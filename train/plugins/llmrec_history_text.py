r"""The text vectors of sampled histories: the events and the situation as text, read by the items' language model.

A training has a vector for some prefixes of each user's events, drawn once. The alignment losses use them in place of
the recency mean (:mod:`train.plugins.llmrec_history`), which stays for the other prefixes and for states, so a trained
model reads no texts of users, and neither does a device.

Batches know neither users nor times, so a prefix is found by its content. With ``r_1, r_2, ...`` its newest rows with a
text, the newest first, ``t`` the next item, and fixed odd numbers ``a_i``, its key is

.. math:: k = a_0 (t + 1) + \sum_{i=1}^{N} a_i (r_i + 1) \mod 2^{64}

Source: multilinear hashing, Carter and Wegman, "Universal Classes of Hash Functions", JCSS 18(2), 1979. Equal prefixes
of several users have one vector, with the situation of the first.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.data.sequences import Sequences
from train.items.features import PluginInputs
from train.items.language import history_text, situation_between
from train.loop.batches import pad

# Newest events of a history in its text; MiniLM reads about five of them.
NEWEST = 8
_FACTORS = torch.from_numpy(np.random.default_rng(0).integers(-(2**62), 2**62, NEWEST + 1) * 2 + 1)


class Prefix(NamedTuple):
    """The events of a user before position ``end`` of the training events, which is the next item."""

    user: int
    end: int


def drawn_prefixes(train: Sequences, described: NDArray[np.bool_], per_user: int, seed: int) -> list[Prefix]:
    """Return at most ``per_user`` prefixes of each user; each has an event with a text and a next item.

    Args:
        train: the training events.
        described: which items have a text, bool ``[n_items]``.
        per_user: number of prefixes.
        seed: random seed.
    """
    rng, found = np.random.default_rng(seed), []
    for user, rows in enumerate(train):
        known = np.flatnonzero(np.cumsum(described[rows])[:-1] > 0) + 1
        found += [Prefix(user, int(end)) for end in np.sort(rng.permutation(known)[:per_user])]
    return found


def prefix_keys(rows: Tensor, counts: Tensor, targets: Tensor) -> Tensor:
    """Return the key of each prefix, int64 ``[n]``.

    Args:
        rows: the events, int64 ``[n, length]``.
        counts: 1 for an event before the target that has a text, else 0, ``[n, length]``.
        targets: the next item, int64 ``[n]``.
    """
    counted = counts > 0
    age = counted.long().flip(1).cumsum(1).flip(1)
    factors = _FACTORS.to(rows.device)
    weights = factors[age.clamp(max=NEWEST)] * (counted & (age <= NEWEST))
    return factors[0] * (targets + 1) + (weights * (rows + 1)).sum(1)


class HistoryTexts:
    """The vectors of drawn prefixes, by key; not part of the model, and not saved with it."""

    def __init__(self, keys: Tensor, vectors: Tensor) -> None:
        """Keep ``vectors`` ``[n, width]`` by ``keys`` int64 ``[n]``."""
        order = keys.argsort(stable=True)
        self._keys, self._vectors = keys[order], vectors[order]

    def __len__(self) -> int:
        """Return the number of vectors."""
        return len(self._keys)

    def in_place_of(self, means: Tensor, rows: Tensor, counts: Tensor, targets: Tensor) -> Tensor:
        """Return ``means`` ``[n, width]`` with the vectors of the prefixes that were read instead, unit vectors."""
        if not len(self):
            return means
        keys = prefix_keys(rows, counts, targets)
        device = self._keys.device
        place = torch.searchsorted(self._keys, keys.to(device)).clamp(max=len(self) - 1)
        found = self._keys[place] == keys.to(device)
        return torch.where(found.to(means.device)[:, None], self._vectors[place].to(means.device), means)


def read_histories(
    inputs: PluginInputs,
    described: NDArray[np.bool_],
    per_user: int,
    read: Callable[[Sequence[str]], NDArray[np.float32]],
) -> HistoryTexts:
    """Return the vectors of prefixes that are drawn by the seed of ``inputs``, read as text.

    Args:
        inputs: the catalogue and the training events.
        described: which items have a text, bool ``[n_items]``.
        per_user: number of prefixes of each user.
        read: returns the vectors of texts, in the space of the items'.
    """
    train = inputs.train
    prefixes = drawn_prefixes(train, described, per_user, inputs.seed)
    if not prefixes:
        return HistoryTexts(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 0))
    histories = [rows[described[rows]][-NEWEST:] for rows in (train.of(user)[:end] for user, end in prefixes)]
    texts = []
    for (user, end), rows in zip(prefixes, histories, strict=True):
        times = train.times_of(user)
        texts.append(history_text(inputs.catalogue, rows, situation_between(int(times[end]), int(times[end - 1]))))
    padded, mask = pad(histories)
    targets = torch.tensor([int(train.of(user)[end]) for user, end in prefixes])
    return HistoryTexts(prefix_keys(padded, mask, targets), torch.from_numpy(np.array(read(texts))))
