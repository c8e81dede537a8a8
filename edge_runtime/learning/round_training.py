"""The training of a round on a device: some steps on the newest events of its history, from the shared adapter.

It has the settings of learning for oneself, if the bundle has them. What differs is that nothing is held out, that all
devices start from one B, and that its steps and rates are those of the plan.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.contents import Contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.errors import RoundError
from edge_runtime.learning.adamw import MAX_NUMBERS, AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.adapter_step import EXCLUDED, Batch, adapter_step
from edge_runtime.learning.exact import Doubles
from edge_runtime.learning.random32 import Random32
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import Vector

MAX_EXAMPLES: Final = 1024
"""The most events that settings let a device learn from."""
MAX_TRAINING_S: Final = 60.0
"""Seconds after which a training ends with the steps that it has made, whatever the plan asks for."""
DEFAULT_SETTINGS: Final = LearningSettings(
    temperature=1.0,
    learning_rate=0.0,
    factor_rate=0.0,
    epsilon=0.05,
    weight_decay=0.0,
    beta1=0.9,
    beta2=0.99,
    updates=1,
    examples=256,
    candidates=1024,
)
"""For bundles without settings. Rates and steps are the plan's. With the usual epsilon of 1e-8, all numbers move alike
from the first steps on, however little a short history says about them, and the mean of many devices is noise."""


Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RoundTraining:
    """Trains B for a round; see :data:`edge_runtime.rounds.participate.Train`.

    Attributes:
        contents: the bundle in use.
        engines: its engines.
        sequence: catalogue rows of the interactions, oldest first.
        seed: 32 bits, from which the drawn items and the order of the examples follow.
        clock: monotonic clock, in seconds.
    """

    contents: Contents
    engines: EngineCandidates
    sequence: Rows
    seed: int
    clock: Callable[[], float] = time.monotonic

    def __call__(self, plan: RoundPlan, adapter: Adapter) -> Vector:
        """Return by how much the steps of a plan change the first rows of B, at most as many as the optimizer holds.

        Raises:
            RoundError: there is no usable engine, or only one event.
        """
        return trained(self.examples(), self._settings, plan, adapter, self.seed, self.clock)

    @property
    def _settings(self) -> LearningSettings:
        return self.contents.folder.manifest.learning or DEFAULT_SETTINGS

    def examples(self) -> Batch:
        """Return one example for each event, with candidates that all of them share."""
        settings, n_events = self._settings, len(self.sequence)
        ends = range(max(1, n_events - settings.examples), n_events)
        if not ends:
            raise RoundError("the history has fewer than two interactions with items of this catalogue.")
        longest = self.contents.folder.manifest.encoder.max_length
        prefixes = [self.sequence[max(0, end - longest) : end] for end in ends]
        targets, (candidates, weights) = self.sequence[ends.start :], self._candidates(settings.candidates)
        chosen = np.searchsorted(candidates, targets)
        offsets = np.repeat(weights[None, :], len(ends), axis=0)
        offsets[np.arange(len(ends)), chosen] = 0.0
        return Batch(
            states=self._states(prefixes),
            vectors=self.contents.codes.decode(candidates).astype(np.float64) / settings.temperature,
            following=self._following(prefixes, candidates) / settings.temperature,
            offsets=offsets,
            chosen=chosen,
            weights=np.ones(len(ends)),
        )

    def _candidates(self, n_drawn: int) -> tuple[Rows, Doubles]:
        """Return the candidates of all examples, ascending, and the offsets of their scores.

        The user's own items and retired ones are no negatives; each drawn one stands for others that were not.
        """
        random, n_items = Random32(self.seed), self.contents.folder.manifest.catalogue.n_items
        own = np.unique(self.sequence)
        excluded = np.union1d(own, self.contents.retired)
        drawn = np.unique([random.below(n_items) for _ in range(n_drawn)])
        candidates = np.union1d(own, drawn)
        is_excluded = np.isin(candidates, excluded)
        n_counted = max(1, int((~is_excluded).sum()))
        weight = math.log(max(1, n_items - len(excluded)) / n_counted)
        return candidates, np.where(is_excluded, EXCLUDED, weight)

    def _states(self, prefixes: list[Rows]) -> NDArray[np.float32]:
        """Return the state after each prefix without the adapter, ``[n, dim]``."""
        small = self.contents.small
        without = replace(small, adapter_b=np.zeros_like(small.adapter_b))
        states = [self.engines.encode(self.contents.codes.decode(prefix), without) for prefix in prefixes]
        usable = [state for state in states if state is not None]
        if len(usable) < len(states):
            raise RoundError("no engine of this bundle can be used here, so that there is nothing to train.")
        return np.stack(usable)

    def _following(self, prefixes: list[Rows], candidates: Rows) -> NDArray[np.float64]:
        """Return what transitions add to each candidate's score after each prefix, ``[n, m]``."""
        transitions = self.engines.transitions
        if transitions is None:
            return np.zeros((len(prefixes), len(candidates)))
        return np.stack([transitions.scores(prefix)[candidates].astype(np.float64) for prefix in prefixes])


def trained(
    examples: Batch,
    settings: LearningSettings,
    plan: RoundPlan,
    adapter: Adapter,
    seed: int,
    clock: Callable[[], float] = time.monotonic,
) -> Vector:
    """Return by how much the steps of a plan change the first rows of B; equal arguments give equal bytes."""
    rank = min(plan.rank, MAX_NUMBERS // plan.dim)
    a, base = adapter.a.astype(np.float64), adapter.b.astype(np.float64)
    rates = AdamWSettings(plan.learning_rate, 0.0, settings.beta1, settings.beta2, settings.epsilon)
    start = base[:rank].reshape(-1)
    state = AdamWState.start(start)
    end = clock() + MAX_TRAINING_S
    for number in range(plan.steps):
        if clock() > end:
            break
        random = Random32(seed, number + 1)
        chosen = random.sample(range(len(examples.states)), min(plan.batch, len(examples.states)))
        b = np.concatenate([state.values.reshape(rank, -1), base[rank:]])
        gradient = adapter_step(_part(examples, chosen), a, b).grad_b[:rank].reshape(-1)
        state = adamw_step(state, gradient, start, rates)
    return (state.values - start).reshape(rank, -1)


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
