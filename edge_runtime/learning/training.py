r"""Trains a personal adapter: some updates, each with the gradient of all examples (SPEC section 5).

What is trained is added to what the bundle has: ``B = B_bundle + B_personal``, with the bundle's ``A``. Scores are no
calibrated logits, so they are divided by a temperature. One update is one step of AdamW with the sum of the examples'
gradients, divided by :data:`EVIDENCE`: so few events, and events that agree little, move the adapter little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.learning.adamw import MAX_NUMBERS, AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.adapter_step import Batch, adapter_step
from edge_runtime.learning.exact import Doubles
from edge_runtime.transitions import FACTOR

Floats = NDArray[np.float32]

CHUNK: Final = 32
"""Examples of one call of :func:`edge_runtime.learning.adapter_step.adapter_step`."""
EVIDENCE: Final = 10.0
"""Number of examples whose gradients together count as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Personal:
    """What a person's device has learned: it is added to the bundle's adapter.

    Attributes:
        b: what is added to ``B``, float64 ``[r, d]``.
        factor: what the scores of transitions are multiplied with.
    """

    b: Doubles
    factor: float

    @classmethod
    def of(cls, state: AdamWState, rank: int, dim: int) -> Self:
        """Return what a state of the optimizer has; rows that were not trained are 0."""
        b = np.zeros((rank, dim))
        trained = state.values[:-1].reshape(-1, dim)
        b[: len(trained)] = trained
        return cls(b, float(state.values[-1]))

    def added_to(self, shared: Floats) -> Floats:
        """Return the bundle's ``B`` with this one, float32 ``[r, d]``."""
        return (shared.astype(np.float64) + self.b).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What stays the same in all updates of one session.

    Attributes:
        batches: the examples, with vectors and transitions divided by the temperature.
        a: the frozen half of the bundle's adapter, ``[d, r]``.
        shared: the other half, ``[r, d]``.
        settings: of the bundle.
    """

    batches: Sequence[Batch]
    a: Floats
    shared: Floats
    settings: LearningSettings

    def start(self) -> AdamWState:
        """Return the state before the first update: nothing learned."""
        return first_state(*self.shared.shape)

    def update(self, state: AdamWState) -> Iterator[AdamWState | None]:
        """Make one update: yield None after each chunk of examples but the last, and then the state after it."""
        personal = Personal.of(state, *self.shared.shape)
        b = self.shared.astype(np.float64) + personal.b
        gradient = np.zeros(len(state.values))
        for index, batch in enumerate(self.batches):
            step = adapter_step(batch, self.a, b, personal.factor)
            flat = np.append(step.grad_b.reshape(-1)[: len(gradient) - 1], step.grad_factor)
            gradient = gradient + float(len(batch.weights)) * flat
            if index < len(self.batches) - 1:
                yield None
        yield self._stepped(state, gradient / EVIDENCE)

    def _stepped(self, state: AdamWState, gradient: Doubles) -> AdamWState:
        """Return the state after one step of AdamW; the factor has a rate of its own."""
        centre = np.zeros(len(gradient))
        centre[-1] = FACTOR
        new, of_factor = (
            adamw_step(state, gradient, centre, self._rates(rate))
            for rate in (self.settings.learning_rate, self.settings.factor_rate)
        )
        values = new.values.copy()
        values[-1] = of_factor.values[-1]
        return replace(new, values=values)

    def _rates(self, rate: float) -> AdamWSettings:
        settings = self.settings
        return AdamWSettings(rate, settings.weight_decay, settings.beta1, settings.beta2, settings.epsilon)


def first_state(rank: int, dim: int) -> AdamWState:
    """Return the state before the first update; the first rows of ``B`` are trained, as many as its size allows."""
    n_rows = min(rank, (MAX_NUMBERS - 1) // dim)
    return AdamWState.start(np.append(np.zeros(n_rows * dim), FACTOR))


def batches_of(
    states: Floats, vectors: Floats, following: Floats, offsets: Doubles, chosen: NDArray[np.int64], temperature: float
) -> list[Batch]:
    """Return the examples in chunks of :data:`CHUNK`, all of the same weight.

    Args:
        states: of the examples, with ``B = 0``, ``[n, d]``.
        vectors: of the candidates, ``[m, d]``.
        following: scores of the transitions, ``[n, m]``.
        offsets: ``[n, m]``.
        chosen: index of each example's own candidate, ``[n]``.
        temperature: what scores are divided by.
    """
    cooled = vectors.astype(np.float64) / temperature
    added = following.astype(np.float64) / temperature
    return [
        Batch(states[part], cooled, added[part], offsets[part], chosen[part], np.ones(len(chosen[part])))
        for part in (slice(start, start + CHUNK) for start in range(0, len(chosen), CHUNK))
    ]
