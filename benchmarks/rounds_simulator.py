"""Simulated devices of a round: their examples are prepared once; all else is the code of clients and server.

Training, clipping, rounding, noise and the bytes of an upload are those of :mod:`edge_runtime`; clipping again and
exact sums are those of :mod:`server.rounds.folding`. Network, database and state file are not simulated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.contents import Contents
from edge_runtime.engines.candidates import EngineCandidates
from edge_runtime.learning.adamw import AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.adapter_step import Batch, adapter_step
from edge_runtime.learning.decision import trial_of
from edge_runtime.learning.round_training import RoundTraining, trained
from edge_runtime.rounds.participate import Adapter, contribution
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.update import Vector, decode
from server.rounds.folding import Sum, clipped_again, staleness_weight

TRIED: Final = 10
"""Newest events of a person that adapters are tried on."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Gains = NDArray[np.float64]
"""For each person the mean gain in log-likelihood and in NDCG@10, ``[n, 2]``."""


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """The newest events of a person: states without adapter, scores of transitions, targets, and what lists hide."""

    states: Floats
    following: Floats
    targets: Rows
    newest: Rows
    hidden: tuple[Rows, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What all simulated people have in common.

    Attributes:
        contents: the bundle.
        engines: its engines.
        vectors: of all items, ``[N, d]``.
        settings: of learning, which the manifest in ``contents`` has too.
    """

    contents: Contents
    engines: EngineCandidates
    vectors: Floats
    settings: LearningSettings

    def batch_of(self, rows: Rows, seed: int) -> Batch:
        """Return the examples of a device, as the settings of learning want them."""
        return RoundTraining(self.contents, self.engines, rows, seed).examples()

    def tried_of(self, rows: Rows) -> Tried:
        """Return the newest events of a person, on which adapters are tried."""
        ends = range(max(1, len(rows) - TRIED), len(rows))
        longest = self.contents.folder.manifest.encoder.max_length
        small = replace(self.contents.small, adapter_b=np.zeros_like(self.contents.small.adapter_b))
        decode_rows, transitions = self.contents.codes.decode, self.engines.transitions
        states = [self.engines.encode(decode_rows(rows[max(0, end - longest) : end]), small) for end in ends]
        none = np.zeros(len(self.vectors), np.float32)
        following = [none if transitions is None else transitions.scores(rows[:end]) for end in ends]
        hidden = tuple(np.unique(rows[:end]) for end in ends)
        newest = rows[ends.start - 1 : -1]
        return Tried(
            np.stack([s for s in states if s is not None]), np.stack(following), rows[ends.start :], newest, hidden
        )

    def scores(self, tried: Tried, adapter: Adapter) -> Floats:
        """Return the score of every item before each event, ``[n, N]``."""
        states = tried.states + (tried.states @ adapter.a) @ adapter.b
        result: Floats = (states @ self.vectors.T + tried.following).astype(np.float32)
        return result

    def gains(self, people: Sequence[Tried], adapter: Adapter) -> Gains:
        """Return what an adapter changes for each person, beside none."""
        none = replace(adapter, b=np.zeros_like(adapter.b))
        return np.array(
            [self.changes(person, self.scores(person, none), self.scores(person, adapter)) for person in people]
        )

    def changes(self, tried: Tried, without: Floats, with_it: Floats) -> tuple[float, float]:
        """Return the mean gains of a person from other scores."""
        events = zip(without, with_it, tried.targets.tolist(), tried.hidden, strict=True)
        trials = [
            trial_of(before, after, target, hidden, self.settings.temperature)
            for before, after, target, hidden in events
        ]
        log_gain, rank_gain = np.mean([(trial.log_gain, trial.rank_gain) for trial in trials], axis=0).tolist()
        return log_gain, rank_gain


def updates_of(
    devices: Sequence[Batch], settings: LearningSettings, plan: RoundPlan, adapter: Adapter, seed: int
) -> list[Vector]:
    """Return what training on each device changes, before it is clipped."""
    return [trained(batch, settings, plan, adapter, seed + number) for number, batch in enumerate(devices)]


def mean_of(updates: Sequence[Vector], plan: RoundPlan, staleness: Sequence[int] | None = None) -> Vector:
    """Return the mean that the server gets from the uploads of devices; each adds the noise of the plan itself.

    Args:
        updates: of the devices, before they are clipped.
        plan: the plan.
        staleness: by how many adapters each is late; None for none.
    """
    total, weights = Sum.zero(plan.size), 0
    for number, update in enumerate(updates):
        weight = staleness_weight(0 if staleness is None else staleness[number])
        values, _ = clipped_again(decode(contribution(update, plan), plan).values, plan)
        total.add(values, weight)
        weights += weight
    return total.mean(weights, plan.scale).reshape(plan.rank, plan.dim)


def moved(adapter: Adapter, change: Vector) -> Adapter:
    """Return an adapter whose first rows of B are changed."""
    b = adapter.b.astype(np.float64)
    b[: len(change)] += change
    return replace(adapter, b=b.astype(np.float32))


def best_rate(
    mean: Vector, adapter: Adapter, rates: Sequence[float], loss: Callable[[Adapter], float]
) -> tuple[float, Adapter]:
    """Return the server's rate with the least loss, and the adapter with it; 0, if none is better than no change."""
    tried = [(loss(moved(adapter, rate * mean)), rate) for rate in (0.0, *rates)]
    rate = min(tried)[1]
    return rate, moved(adapter, rate * mean)


def central(
    devices: Sequence[Batch], adapter: Adapter, steps: int, learning_rate: float, loss: Callable[[Adapter], float]
) -> Adapter:
    """Return the adapter that training on all data in one place gives, at the step with the least loss.

    A step has the mean of the gradients of all devices, each of which counts as much as any other.
    """
    settings = AdamWSettings(learning_rate=learning_rate, weight_decay=0.0)
    state, centre = AdamWState.start(adapter.b.astype(np.float64).reshape(-1)), np.zeros(adapter.b.size)
    best = (loss(adapter), 0, adapter)
    for number in range(1, steps + 1):
        b = state.values.reshape(adapter.b.shape)
        gradient = np.mean([adapter_step(batch, adapter.a, b).grad_b for batch in devices], axis=0)
        state = adamw_step(state, gradient.reshape(-1), centre, settings)
        new = replace(adapter, b=state.values.reshape(adapter.b.shape).astype(np.float32))
        best = min(best, (loss(new), number, new), key=lambda found: found[0])
    return best[2]
