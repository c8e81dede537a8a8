"""Golden vectors: what the trained model answers to sequences that nobody lived (SPEC section 8).

The sequences are walks over transitions seen in the data, each step taken from another person than the step before, so
that they look like real ones to an engine and tell nothing of anybody: no three events in a row are one person's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.bundle.golden import TOP, Golden
from train.data.sequences import Sequences
from train.distill.student import DeviceEncoder

N_SEQUENCES = 32
_TRIES = 32
_BLOCK = 1 << 16

Rows = NDArray[np.int64]


def golden_sequences(
    sequences: Sequences,
    n_items: int,
    max_length: int,
    *,
    lived: Sequences | None = None,
    n_sequences: int = N_SEQUENCES,
    seed: int = 0,
) -> tuple[Rows, ...]:
    """Return walks of catalogue rows with lengths from 1 to ``max_length``, 2 left out: a pair is somebody's.

    Args:
        sequences: whose transitions are followed.
        n_items: rows of the catalogue; where a walk cannot go on unseen, it goes on at any row.
        max_length: the longest walk.
        lived: whose three events in a row must not appear; by default ``sequences``.
        n_sequences: how many.
        seed: of the walk.
    """
    rng = np.random.default_rng(seed)
    lengths = np.unique(np.linspace(1, max_length, n_sequences).round().astype(int))
    lengths = np.resize(lengths[lengths != 2], n_sequences)
    steps = _Steps.of(sequences, sequences if lived is None else lived)
    return tuple(_walk(steps, n_items, int(length), rng) for length in lengths)


def golden_answers(
    encoder: DeviceEncoder,
    codes: ProductCodes,
    prompts: NDArray[np.float32],
    knowledge: NDArray[np.float32],
    adapter_a: NDArray[np.float32],
    adapter_b: NDArray[np.float32],
    sequences: Sequence[Rows],
) -> Golden:
    """Return what PyTorch answers: the state of each sequence, and its ten best rows, its own left out.

    Scores are summed row by row in float64: items with the same codes tie exactly, and the lower row wins.
    """
    small = [torch.from_numpy(array.copy()) for array in (prompts, knowledge, adapter_a, adapter_b)]
    states = []
    with torch.inference_mode():
        for rows in sequences:
            embeddings = torch.from_numpy(codes.decode(rows))[None]
            states.append(encoder(embeddings, torch.ones(1, len(rows)), *small)[0].numpy())
    top_rows = np.full((len(sequences), TOP), -1, dtype=np.int32)
    for index, (rows, state) in enumerate(zip(sequences, states, strict=True)):
        scores = _scores(codes, state)
        scores[rows] = -np.inf
        best = np.argsort(-scores, kind="stable")[:TOP]
        best = best[np.isfinite(scores[best])]
        top_rows[index, : len(best)] = best
    return Golden(tuple(sequences), np.stack(states).astype(np.float32), top_rows)


def _scores(codes: ProductCodes, state: NDArray[np.float32]) -> NDArray[np.float64]:
    n_items = len(codes.tier_of)
    blocks = (codes.decode(np.arange(at, min(at + _BLOCK, n_items))) for at in range(0, n_items, _BLOCK))
    wide = state.astype(np.float64)
    return np.concatenate([(block.astype(np.float64) * wide).sum(axis=1) for block in blocks])


@dataclass(frozen=True, slots=True)
class _Steps:
    """All transitions of the data, sorted by where they start.

    Attributes:
        source, target: rows, int64 ``[T]``.
        user: who made the step, int64 ``[T]``.
        triples: hashes of all three events in a row of one person, sorted, uint64.
    """

    source: Rows
    target: Rows
    user: Rows
    triples: NDArray[np.uint64]

    @classmethod
    def of(cls, sequences: Sequences, lived: Sequences) -> "_Steps":
        rows, users = sequences.rows.astype(np.int64), sequences.users()
        same = users[1:] == users[:-1]
        order = np.argsort(rows[:-1][same], kind="stable")
        triples = _triples(lived)
        return cls(rows[:-1][same][order], rows[1:][same][order], users[1:][same][order], triples)

    def from_row(self, row: int) -> slice:
        """Return where the steps that start at ``row`` stand."""
        return slice(*np.searchsorted(self.source, [row, row + 1]))

    def is_lived(self, walk: list[int]) -> bool:
        """Return whether the last three events of ``walk`` are three in a row of one person."""
        if len(walk) < 3:
            return False
        key = _hash(*(np.array([row], dtype=np.int64) for row in walk[-3:]))
        at = int(np.searchsorted(self.triples, key)[0])
        return at < len(self.triples) and bool(self.triples[at] == key[0])


def _triples(sequences: Sequences) -> NDArray[np.uint64]:
    rows, users = sequences.rows.astype(np.int64), sequences.users()
    same = users[2:] == users[:-2]
    return np.unique(_hash(rows[:-2][same], rows[1:-1][same], rows[2:][same]))


def _hash(first: Rows, second: Rows, third: Rows) -> NDArray[np.uint64]:
    """Mix three rows into one number; a collision only refuses a step that would have been allowed."""
    mixed = first.astype(np.uint64)
    for part in (second, third):
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ part.astype(np.uint64)
    return mixed


def _walk(steps: _Steps, n_items: int, length: int, rng: np.random.Generator) -> Rows:
    walk = [int(rng.choice(steps.source)) if len(steps.source) else int(rng.integers(n_items))]
    last_user = -1
    while len(walk) < length:
        row, last_user = _next(steps, walk, last_user, n_items, rng)
        walk.append(row)
    return np.array(walk, dtype=np.int64)


def _next(steps: _Steps, walk: list[int], last_user: int, n_items: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return the next row and whose step it was; -1 for nobody's."""
    here = steps.from_row(walk[-1])
    targets, users = steps.target[here], steps.user[here]
    for index in rng.permutation(len(targets))[:_TRIES]:
        row, user = int(targets[index]), int(users[index])
        if user != last_user and not steps.is_lived([*walk, row]):
            return row, user
    for _ in range(_TRIES):
        row = int(rng.integers(n_items))
        if not steps.is_lived([*walk, row]):
            break
    return row, -1
