r"""How much a device's updates can reveal: the exact privacy loss of Gaussian noise, and two statements of it.

The analytic Gaussian mechanism (Balle and Wang 2018, Theorem 8) holds for every epsilon; the textbook formula
``sigma = sensitivity * sqrt(2 * ln(1.25 / delta)) / epsilon`` holds below 1 only. With ``mu = sensitivity / sigma``:

.. math::
    \delta(\varepsilon) = \Phi(\mu/2 - \varepsilon/\mu) - e^\varepsilon\,\Phi(-\mu/2 - \varepsilon/\mu)

``k`` participations of one device compose to exactly one with ``sqrt(k)`` times the sensitivity (Dong, Roth and Su,
2019, Corollary 3.3). What counts is the cap of one device, not the number of rounds. No amplification by sampling is
claimed, because an operator knows who took part.

Devices add discrete noise to integers. From the standard deviation :data:`~edge_runtime.rounds.plan.MIN_NOISE` on, the
loss is that of continuous noise within a thousandth, and so is that of the sum (Kairouz, Liu and Steinke 2021). No IO.
"""

import math
from dataclasses import dataclass
from typing import Final

from edge_runtime.rounds.plan import RoundPlan

_STEPS: Final = 200
"""Halvings of an interval of doubles: more than it has digits."""
_FRACTION_FROM: Final = 10.0
_FRACTION_TERMS: Final = 60


@dataclass(frozen=True, slots=True)
class PrivacyStatement:
    """What the updates of one device reveal in ``period_days`` at most, as epsilons for one delta.

    Neighbours are two histories of one device, with any differences: the unit is the person's whole history there.

    Attributes:
        delta: the delta.
        operator: against who reads the uploads of this device: only the noise that it added itself counts.
        readers: against who sees published adapters only: the noise of all devices of the smallest allowed sum counts,
            if they are honest.
        participations: how often this device takes part at most.
        period_days: in how many days.
    """

    delta: float
    operator: float
    readers: float
    participations: int
    period_days: int


def privacy_statement(plan: RoundPlan) -> PrivacyStatement:
    """Return what taking part in rounds of such plans reveals.

    One update replaced by any other moves the sum by ``2 * clip``. Late updates weigh less, so that their noise counts
    less: of ``n`` updates with one new and all others as late as allowed, the noise is that of ``1 + (n - 1) / (1 +
    max_staleness)``.
    """
    own = mu_of(2.0 * plan.clip, plan.sigma, plan.participations)
    in_sum = 1.0 + (plan.min_updates - 1) / (1 + plan.max_staleness)
    return PrivacyStatement(
        delta=plan.delta,
        operator=epsilon_of(plan.delta, own),
        readers=epsilon_of(plan.delta, own / math.sqrt(in_sum)),
        participations=plan.participations,
        period_days=plan.period_days,
    )


def mu_of(sensitivity: float, sigma: float, participations: int = 1) -> float:
    """Return the signal-to-noise ratio ``mu`` of all participations together; infinite without noise."""
    return math.sqrt(participations) * sensitivity / sigma if sigma > 0.0 else math.inf


def delta_of(epsilon: float, mu: float) -> float:
    """Return the smallest delta with which noise of the ratio ``mu`` is (epsilon, delta)-private."""
    if mu == math.inf:
        return 1.0
    if mu == 0.0:  # a clip so small beside the noise that the ratio is 0 in float64
        return 0.0
    upper = mu / 2.0 - epsilon / mu
    density = math.exp(-upper * upper / 2.0) / math.sqrt(2.0 * math.pi)
    # exp(epsilon) times the density at the lower bound is the density at the upper one: nothing overflows.
    lower_part = density * _mills(mu / 2.0 + epsilon / mu)
    if upper > 0.0:
        return max(0.0, math.erfc(-upper / math.sqrt(2.0)) / 2.0 - lower_part)
    return max(0.0, density * _mills(-upper) - lower_part)


def epsilon_of(delta: float, mu: float) -> float:
    """Return the smallest epsilon for a delta, rounded up; 0 if any is enough, infinite without noise.

    Raises:
        ValueError: delta is not between 0 and 1.
    """
    _check_delta(delta)
    if mu == math.inf:
        return math.inf
    if delta_of(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of(high, mu) > delta:
        low, high = high, 2.0 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if delta_of(middle, mu) > delta else (low, middle)
    return high


def sigma_for(epsilon: float, delta: float, sensitivity: float, participations: int = 1) -> float:
    """Return the smallest standard deviation with which all participations together are (epsilon, delta)-private.

    Raises:
        ValueError: epsilon is not positive, or delta is not between 0 and 1.
    """
    _check_delta(delta)
    if not 0.0 < epsilon < math.inf:
        raise ValueError(f"found the epsilon {epsilon}, expected a positive number")
    low, high = 0.0, 1.0
    while delta_of(epsilon, high) <= delta:
        low, high = high, 2.0 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if middle > 0.0 and delta_of(epsilon, middle) <= delta else (low, middle)
    return math.sqrt(participations) * sensitivity / low


def _check_delta(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise ValueError(f"found the delta {delta}, expected a number between 0 and 1")


def _mills(x: float) -> float:
    """Return the ratio of the normal distribution's upper tail to its density at ``x >= 0``."""
    if x < _FRACTION_FROM:
        return math.sqrt(math.pi / 2.0) * math.exp(x * x / 2.0) * math.erfc(x / math.sqrt(2.0))
    value = x  # Laplace's continued fraction, from the inside
    for term in range(_FRACTION_TERMS, 0, -1):
        value = x + term / value
    return 1.0 / value
