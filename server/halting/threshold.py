"""Whether refusals are more than noise: an exact one-sided binomial test."""

import math
from typing import Final

MIN_RECEIPTS: Final = 10
"""Receipts without which nothing is concluded."""
CONFIDENCE: Final = 0.95
_NEGLIGIBLE: Final = 1e-17


def is_exceeded(taken: int, refused: int, max_refused: float) -> bool:
    """Return whether the share of refusals is above the threshold, with :data:`CONFIDENCE`.

    That is, whether the lower Clopper-Pearson bound of the share is above ``max_refused``: if that were the true share,
    as many refusals or more would have a probability of less than 5 %.
    """
    n_receipts = taken + refused
    if n_receipts < MIN_RECEIPTS or refused == 0:
        return False
    return upper_tail(refused, n_receipts, max_refused) < 1.0 - CONFIDENCE


def upper_tail(least: int, n: int, share: float) -> float:
    """Return the probability of ``least`` or more successes in ``n`` trials of probability ``share``.

    It returns 1.0 up to the expected number of successes, where no exact value is needed; beyond it the terms decay,
    so that some sqrt(n) of them are enough.
    """
    if least <= n * share:
        return 1.0
    if share <= 0.0:
        return 0.0
    log_term = math.lgamma(n + 1) - math.lgamma(least + 1) - math.lgamma(n - least + 1)
    term = math.exp(log_term + least * math.log(share) + (n - least) * math.log1p(-share))
    total, at = 0.0, least
    while at <= n and term > _NEGLIGIBLE * max(total, 1e-300):
        total += term
        term *= (n - at) / (at + 1) * share / (1.0 - share)
        at += 1
    return min(total, 1.0)
