"""The training of a round on a device: some steps on the newest events of its history, from the shared adapter."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.contents import Contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.errors import RoundError
from edge_runtime.learning.adamw import MAX_NUMBERS, AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.adapter_step import EXCLUDED, Batch, adapter_step
from edge_runtime.learning.random32 import Random32
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import Vector

MAX_EXAMPLES: Final = 256
"""Newest events that are learned from; older ones say little about the present."""
N_OTHERS: Final = 1024
"""Items of the catalogue, chosen at random, that each event's item is told apart from."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RoundTraining:
    """Trains B for a round; see :data:`edge_runtime.rounds.participate.Train`.

    Attributes:
        contents: the bundle in use.
        engines: its engines.
        sequence: catalogue rows of the interactions, oldest first.
        seed: 32 bits, from which the other items and the order of the examples follow.
    """

    contents: Contents
    engines: EngineCandidates
    sequence: Rows
    seed: int

    def __call__(self, plan: RoundPlan, adapter: Adapter) -> Vector:
        """Return by how much the steps of a plan change the first rows of B, at most as many as the optimizer holds.

        Raises:
            RoundError: there is no usable engine, or only one event.
        """
        rank = min(plan.rank, MAX_NUMBERS // plan.dim)
        a, base = adapter.a.astype(np.float64), adapter.b.astype(np.float64)
        examples = self._examples()
        settings = AdamWSettings(learning_rate=plan.learning_rate, weight_decay=0.0)
        start = base[:rank].reshape(-1)
        state = AdamWState.start(start)
        for number in range(plan.steps):
            random = Random32(self.seed, number + 1)
            chosen = random.sample(range(len(examples.states)), min(plan.batch, len(examples.states)))
            b = np.concatenate([state.values.reshape(rank, -1), base[rank:]])
            gradient = adapter_step(_part(examples, chosen), a, b).grad_b[:rank].reshape(-1)
            state = adamw_step(state, gradient, start, settings)
        return (state.values - start).reshape(rank, -1)

    def _examples(self) -> Batch:
        """Return one example for each event, with candidates that all of them share."""
        ends = range(max(1, len(self.sequence) - MAX_EXAMPLES), len(self.sequence))
        if not ends:
            raise RoundError("the history has fewer than two interactions with items of this catalogue.")
        longest = self.contents.folder.manifest.encoder.max_length
        prefixes = [self.sequence[max(0, end - longest) : end] for end in ends]
        own = np.unique(self.sequence)
        candidates = np.union1d(own, self._others())
        targets = self.sequence[ends.start :]
        offsets = np.where(np.isin(candidates, own), EXCLUDED, 0.0) * np.ones((len(ends), 1))
        chosen = np.searchsorted(candidates, targets)
        offsets[np.arange(len(ends)), chosen] = 0.0
        return Batch(
            states=self._states(prefixes),
            vectors=self.contents.codes.decode(candidates),
            following=self._following(prefixes, candidates),
            offsets=offsets,
            chosen=chosen,
            weights=np.ones(len(ends)),
        )

    def _others(self) -> Rows:
        random, n_items = Random32(self.seed), self.contents.folder.manifest.catalogue.n_items
        return np.array([random.below(n_items) for _ in range(N_OTHERS)], np.int64)

    def _states(self, prefixes: list[Rows]) -> NDArray[np.float32]:
        """Return the state after each prefix without the adapter, ``[n, dim]``."""
        small = self.contents.small
        without = replace(small, adapter_b=np.zeros_like(small.adapter_b))
        states = [self.engines.encode(self.contents.codes.decode(prefix), without) for prefix in prefixes]
        usable = [state for state in states if state is not None]
        if len(usable) < len(states):
            raise RoundError("no engine of this bundle can be used here, so that there is nothing to train.")
        return np.stack(usable)

    def _following(self, prefixes: list[Rows], candidates: Rows) -> NDArray[np.float32]:
        transitions = self.engines.transitions
        if transitions is None:
            return np.zeros((len(prefixes), len(candidates)), np.float32)
        return np.stack([transitions.scores(prefix)[candidates] for prefix in prefixes])


def _part(batch: Batch, rows: list[int]) -> Batch:
    """Return some of the examples of a batch."""
    return Batch(
        batch.states[rows],
        batch.vectors,
        batch.following[rows],
        batch.offsets[rows],
        batch.chosen[rows],
        batch.weights[rows],
    )
