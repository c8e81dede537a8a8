"""Batches of sequences as padded tensors.

Batches are drawn at random: sorting users into batches by length would increase the weight of short histories in the
mean loss, and reduced NDCG@10 on Beauty by a tenth. Instead, each batch is split into groups of similar length, which
reduces padding without changing the batch.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

Rows = NDArray[np.int32]

# Upper bounds of lengths in a group. With more groups, another pass through the encoder costs more than padding does.
# On an accelerator, where a pass takes the same time at any size, batches are not split.
_GROUP_LENGTHS = (6, 12, 24)


class Group(NamedTuple):
    """Sequences of similar length, oldest event first, padded on the left.

    A named tuple, because Accelerate moves its tensors to the device.

    Attributes:
        rows: catalogue rows of the events, 0 where padded, int64 ``[batch, length]``.
        mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
        targets: row of the next event, -1 where there is no target, int64 ``[batch, length]``.
    """

    rows: Tensor
    mask: Tensor
    targets: Tensor


Batch = list[Group]


class TrainingSequences(TorchDataset[Rows]):
    """The newest ``max_length + 1`` events of each user with at least two."""

    def __init__(self, histories: Sequence[Rows], max_length: int) -> None:
        self._histories = [rows[-max_length - 1 :] for rows in histories if len(rows) > 1]

    def __len__(self) -> int:
        return len(self._histories)

    def __getitem__(self, index: int) -> Rows:
        return self._histories[index]


class RandomBatches(Sampler[list[int]]):
    """Batches of users in random order, which depends on the seed and the epoch number only."""

    def __init__(self, n_users: int, batch_users: int, seed: int) -> None:
        self._n_users = n_users
        self._batch_users = batch_users
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-self._n_users // self._batch_users)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng((self._seed, self.epoch)).permutation(self._n_users)
        for start in range(0, self._n_users, self._batch_users):
            yield [int(user) for user in order[start : start + self._batch_users]]


def group_lengths(device: torch.device) -> tuple[int, ...]:
    """Return the upper bounds of lengths at which batches are split on ``device``; empty for no splitting."""
    return _GROUP_LENGTHS if device.type == "cpu" else ()


def training_batch(histories: Sequence[Rows], cuts: Sequence[int] = _GROUP_LENGTHS) -> Batch:
    """Return input events and the next events as targets, in groups split by the length bounds ``cuts``."""
    bounds = np.searchsorted(cuts, [len(rows) - 1 for rows in histories])
    groups = ([rows for rows, bound in zip(histories, bounds, strict=True) if bound == b] for b in np.unique(bounds))
    return [_group(group) for group in groups]


def _group(histories: Sequence[Rows]) -> Group:
    rows, mask = pad([rows[:-1] for rows in histories])
    targets, _ = pad([rows[1:] for rows in histories], filler=-1)
    return Group(rows, mask, targets)


def pad(sequences: Sequence[Rows], filler: int = 0) -> tuple[Tensor, Tensor]:
    """Return the left-padded sequences, int64 ``[n, longest]``, and their mask, float32.

    The length is at least 1, also if all sequences are empty.
    """
    length = max(1, *(len(rows) for rows in sequences))
    padded = np.full((len(sequences), length), filler, dtype=np.int64)
    mask = np.zeros((len(sequences), length), dtype=np.float32)
    for index, rows in enumerate(sequences):
        if len(rows):
            padded[index, -len(rows) :] = rows
            mask[index, -len(rows) :] = 1.0
    return torch.from_numpy(padded), torch.from_numpy(mask)
