"""Sequences as padded tensors: users of a batch have similar lengths, so that little padding is computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

Rows = NDArray[np.int32]

# Users are shuffled, then sorted by length within pools of this many batches: order stays random, padding small.
POOL_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Some users' sequences, oldest event first, padding in front.

    Attributes:
        rows: catalogue rows of the events, 0 where padded, int64 ``[batch, length]``.
        mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
        targets: the row that followed each event, -1 where there is none to predict, int64 ``[batch, length]``.
    """

    rows: Tensor
    mask: Tensor
    targets: Tensor


class TrainingSequences(TorchDataset[Rows]):
    """The newest ``max_length + 1`` events of each user who has at least two."""

    def __init__(self, histories: Sequence[Rows], max_length: int) -> None:
        self._histories = [rows[-max_length - 1 :] for rows in histories if len(rows) > 1]

    def __len__(self) -> int:
        return len(self._histories)

    def __getitem__(self, index: int) -> Rows:
        return self._histories[index]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return how many events each sequence has."""
        return np.array([len(rows) for rows in self._histories], dtype=np.int64)


class LengthGroupedBatches(Sampler[list[int]]):
    """Batches of users of similar length, in an order drawn anew for each epoch from the seed alone."""

    def __init__(self, lengths: NDArray[np.int64], batch_users: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_users = batch_users
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._batch_users)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((self._seed, self.epoch))
        order = random.permutation(len(self._lengths))
        pool = self._batch_users * POOL_BATCHES
        batches = []
        for start in range(0, len(order), pool):
            users = order[start : start + pool]
            users = users[np.argsort(self._lengths[users], kind="stable")]
            batches += [users[at : at + self._batch_users] for at in range(0, len(users), self._batch_users)]
        for index in random.permutation(len(batches)):
            yield [int(user) for user in batches[index]]


def training_batch(histories: Sequence[Rows]) -> Batch:
    """Return inputs and the event that followed each of them."""
    rows, mask = pad([rows[:-1] for rows in histories])
    targets, _ = pad([rows[1:] for rows in histories], filler=-1)
    return Batch(rows, mask, targets)


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
