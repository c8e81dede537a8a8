"""Golden vectors: outputs of the trained model for sequences that are no user's history (SPEC section 8).

The sequences are random walks over item-to-item transitions in the data. Each transition is from another user than the
one before, so the walks are realistic inputs and disclose no history: no three consecutive events are of one user.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.bundle.golden import TOP, Golden
from edge_runtime.transitions import TransitionScores
from train.data.sequences import Sequences
from train.distill.student import DeviceEncoder

N_SEQUENCES = 32
_MAX_TRIES = 32
_BLOCK = 1 << 16

Rows = NDArray[np.int64]


def golden_sequences(
    sequences: Sequences,
    n_items: int,
    max_length: int,
    *,
    excluded: Sequences | None = None,
    n_sequences: int = N_SEQUENCES,
    seed: int = 0,
    earlier: Sequence[Rows] = (),
) -> tuple[Rows, ...]:
    """Return walks over catalogue rows with lengths from 1 to ``max_length``, except 2: a pair would be real events.

    Args:
        sequences: sequences whose transitions are followed.
        n_items: size of the catalogue; if no transition is allowed, a walk continues at a random row.
        max_length: maximum length of a walk.
        excluded: sequences whose triples of consecutive events must not occur; by default ``sequences``.
        n_sequences: number of walks.
        seed: random seed.
        earlier: walks of the release before, which are kept unless one has an excluded triple by now, so that a release
            changes less.
    """
    rng = np.random.default_rng(seed)
    lengths = np.unique(np.linspace(1, max_length, n_sequences).round().astype(int))
    lengths = np.resize(lengths[lengths != 2], n_sequences)
    transitions = _Transitions.of(sequences, sequences if excluded is None else excluded)
    before = earlier if len(earlier) == n_sequences else (np.empty(0, dtype=np.int64),) * n_sequences
    return tuple(
        walk if transitions.allow(walk, length, n_items) else _walk(transitions, n_items, length, rng)
        for length, walk in zip(lengths.tolist(), before, strict=True)
    )


def golden_vectors(
    encoder: DeviceEncoder | None,
    codes: ProductCodes,
    prompts: NDArray[np.float32],
    knowledge: NDArray[np.float32],
    adapter_a: NDArray[np.float32],
    adapter_b: NDArray[np.float32],
    sequences: Sequence[Rows],
    transitions: TransitionScores | None = None,
) -> Golden:
    """Return the outputs of PyTorch: the state of each sequence and its ten best rows, without its own rows.

    Scores are summed row by row in float64, so that items with equal codes tie exactly; then the lower row is first.
    Those of the transitions are the device's. Without an encoder the states are zeros.
    """
    matrices = [torch.from_numpy(array.copy()) for array in (prompts, knowledge, adapter_a, adapter_b)]
    states = []
    with torch.inference_mode():
        for rows in sequences:
            embeddings = torch.from_numpy(codes.decode(rows))[None]
            if encoder is None:
                states.append(np.zeros(embeddings.shape[2], dtype=np.float32))
            else:
                states.append(encoder(embeddings, torch.ones(1, len(rows)), *matrices)[0].numpy())
    return golden_of_states(codes, sequences, np.stack(states).astype(np.float32), transitions)


def golden_of_states(
    codes: ProductCodes,
    sequences: Sequence[Rows],
    states: NDArray[np.float32],
    transitions: TransitionScores | None = None,
) -> Golden:
    """Return the ten best rows of each sequence with its state, as :func:`golden_vectors` does."""
    top_rows = np.full((len(sequences), TOP), -1, dtype=np.int32)
    for index, (rows, state) in enumerate(zip(sequences, states, strict=True)):
        scores = _scores(codes, state)
        if transitions is not None:
            scores += transitions.scores(rows)
        scores[rows] = -np.inf
        best = np.argsort(-scores, kind="stable")[:TOP]
        best = best[np.isfinite(scores[best])]
        top_rows[index, : len(best)] = best
    return Golden(tuple(sequences), states, top_rows)


def _scores(codes: ProductCodes, state: NDArray[np.float32]) -> NDArray[np.float64]:
    n_items = len(codes.tier_of)
    blocks = (codes.decode(np.arange(start, min(start + _BLOCK, n_items))) for start in range(0, n_items, _BLOCK))
    state = state.astype(np.float64)
    return np.concatenate([(block.astype(np.float64) * state).sum(axis=1) for block in blocks])


@dataclass(frozen=True, slots=True)
class _Transitions:
    """All transitions of the data, sorted by source.

    Attributes:
        source, target: catalogue rows, int64 ``[T]``.
        user: user of each transition, int64 ``[T]``.
        triples: hashes of all excluded triples of consecutive events, sorted, uint64.
    """

    source: Rows
    target: Rows
    user: Rows
    triples: NDArray[np.uint64]

    @classmethod
    def of(cls, sequences: Sequences, excluded: Sequences) -> "_Transitions":
        rows, users = sequences.rows.astype(np.int64), sequences.users()
        same = users[1:] == users[:-1]
        order = np.argsort(rows[:-1][same], kind="stable")
        triples = _triples(excluded)
        return cls(rows[:-1][same][order], rows[1:][same][order], users[1:][same][order], triples)

    def from_row(self, row: int) -> slice:
        """Return the range of the transitions from ``row``."""
        return slice(*np.searchsorted(self.source, [row, row + 1]))

    def allow(self, walk: Rows, length: int, n_items: int) -> bool:
        """Return whether a walk of an earlier release has this length, known items, and no excluded triple."""
        events = walk.tolist()
        if len(events) != length or max(events) >= n_items:
            return False
        return not any(self.ends_in_triple(events[:stop]) for stop in range(3, length + 1))

    def ends_in_triple(self, walk: list[int]) -> bool:
        """Return whether the last three events of ``walk`` are an excluded triple."""
        if len(walk) < 3:
            return False
        key = _hash(*(np.array([row], dtype=np.int64) for row in walk[-3:]))
        index = int(np.searchsorted(self.triples, key)[0])
        return index < len(self.triples) and bool(self.triples[index] == key[0])


def _triples(sequences: Sequences) -> NDArray[np.uint64]:
    rows, users = sequences.rows.astype(np.int64), sequences.users()
    same = users[2:] == users[:-2]
    return np.unique(_hash(rows[:-2][same], rows[1:-1][same], rows[2:][same]))


def _hash(first: Rows, second: Rows, third: Rows) -> NDArray[np.uint64]:
    """Hash three rows; a collision only excludes a transition that would have been allowed."""
    mixed = first.astype(np.uint64)
    for part in (second, third):
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ part.astype(np.uint64)
    return mixed


def _walk(transitions: _Transitions, n_items: int, length: int, rng: np.random.Generator) -> Rows:
    source = transitions.source
    walk = [int(rng.choice(source)) if len(source) else int(rng.integers(n_items))]
    last_user = -1
    while len(walk) < length:
        row, last_user = _next(transitions, walk, last_user, n_items, rng)
        walk.append(row)
    return np.array(walk, dtype=np.int64)


def _next(
    transitions: _Transitions, walk: list[int], last_user: int, n_items: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Return the next row and the user of the transition; -1 for a random row."""
    choices = transitions.from_row(walk[-1])
    targets, users = transitions.target[choices], transitions.user[choices]
    for index in rng.permutation(len(targets))[:_MAX_TRIES]:
        row, user = int(targets[index]), int(users[index])
        if user != last_user and not transitions.ends_in_triple([*walk, row]):
            return row, user
    for _ in range(_MAX_TRIES):
        row = int(rng.integers(n_items))
        if not transitions.ends_in_triple([*walk, row]):
            break
    return row, -1
