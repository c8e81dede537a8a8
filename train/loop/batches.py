"""Sequences as padded tensors.

Batches are drawn at random: sorting users into batches by length would give short histories a larger say in the mean
loss, and cost a tenth of NDCG@10 on Beauty. Instead each batch is cut into groups of similar length, so that little
padding is computed and the batch stays what was drawn.
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

# A batch is cut where lengths pass these: finer cuts save less padding than one more pass through the encoder costs.
# On an accelerator, where each pass costs the same whatever its size, it is not cut at all.
_GROUP_LENGTHS = (6, 12, 24)


class Group(NamedTuple):
    """Some users' sequences of similar length, oldest event first, padding in front.

    A named tuple, because Accelerate moves those to another device by itself.

    Attributes:
        rows: catalogue rows of the events, 0 where padded, int64 ``[batch, length]``.
        mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
        targets: the row that followed each event, -1 where there is none to predict, int64 ``[batch, length]``.
    """

    rows: Tensor
    mask: Tensor
    targets: Tensor


Batch = list[Group]


class TrainingSequences(TorchDataset[Rows]):
    """The newest ``max_length + 1`` events of each user who has at least two."""

    def __init__(self, histories: Sequence[Rows], max_length: int) -> None:
        self._histories = [rows[-max_length - 1 :] for rows in histories if len(rows) > 1]

    def __len__(self) -> int:
        return len(self._histories)

    def __getitem__(self, index: int) -> Rows:
        return self._histories[index]


class RandomBatches(Sampler[list[int]]):
    """Users in an order drawn anew for each epoch, from the seed and the epoch's number alone."""

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
    """Return the lengths after which a batch is cut into groups where models work on ``device``."""
    return _GROUP_LENGTHS if device.type == "cpu" else ()


def training_batch(histories: Sequence[Rows], cuts: Sequence[int] = _GROUP_LENGTHS) -> Batch:
    """Return inputs and the event that followed each of them, in groups of similar length, cut after ``cuts``."""
    bounds = np.searchsorted(cuts, [len(rows) - 1 for rows in histories])
    groups = ([rows for rows, bound in zip(histories, bounds, strict=True) if bound == b] for b in np.unique(bounds))
    return [_group(group) for group in groups]


def _group(histories: Sequence[Rows]) -> Group:
    rows, mask = pad([rows[:-1] for rows in histories])
    targets, _ = pad([rows[1:] for rows in histories], filler=-1)
    return Group(rows, mask, targets)


def pad(sequences: Sequence[Rows], filler: int = 0) -> tuple[Tensor, Tensor]:
    """Return the sequences padded in front, int64 ``[n, longest]``, and their mask, float32.

    An empty sequence becomes padding alone; the result is at least one position long.
    """
    length = max(1, *(len(rows) for rows in sequences))
    padded = np.full((len(sequences), length), filler, dtype=np.int64)
    mask = np.zeros((len(sequences), length), dtype=np.float32)
    for index, rows in enumerate(sequences):
        if len(rows):
            padded[index, -len(rows) :] = rows
            mask[index, -len(rows) :] = 1.0
    return torch.from_numpy(padded), torch.from_numpy(mask)
