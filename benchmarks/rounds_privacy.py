"""Prints the tables of docs/rounds-privacy.md: what rounds reveal, and what the noise costs.

python -m benchmarks.rounds_privacy
"""

import math
from collections.abc import Sequence

from edge_runtime.rounds.accountant import epsilon_of, mu_of, sigma_for

DELTA = 1e-6
CLIP = 1.0
SIZE = 8 * 64
COHORTS = (500, 10_000, 100_000)
STALENESS = 1


def by_operator() -> str:
    """Return the table for plans that bound what the operator learns."""
    rows = []
    for epsilon in (1.0, 2.0, 4.0, 8.0):
        for participations in (1, 4, 12):
            sigma = sigma_for(epsilon, DELTA, 2.0 * CLIP, participations)
            rows.append([f"{epsilon:g}", str(participations), f"{sigma:.2f}", *_readers(sigma, participations)])
    return _table(["operator, epsilon", "rounds", "sigma / clip", *_heads()], rows)


def by_readers() -> str:
    """Return the table for plans that bound what readers learn, with what the operator learns then."""
    rows = []
    for epsilon in (2.0, 8.0):
        for cohort in COHORTS:
            sigma = sigma_for(epsilon, DELTA, 2.0 * CLIP, 4) / math.sqrt(_counted(cohort))
            operator = epsilon_of(DELTA, mu_of(2.0 * CLIP, sigma, 4))
            rows.append([f"{epsilon:g}", f"{cohort:,}", f"{sigma:.3f}", f"{operator:,.0f}", _in_mean(sigma, cohort)])
    heads = ["readers, epsilon", "updates at least", "sigma / clip", "operator, epsilon", "noise in the mean / clip"]
    return _table(heads, rows)


def _readers(sigma: float, participations: int) -> list[str]:
    cells = []
    for cohort in COHORTS:
        mu = mu_of(2.0 * CLIP, sigma, participations) / math.sqrt(_counted(cohort))
        cells.append(f"{epsilon_of(DELTA, mu):.3f}; {_in_mean(sigma, cohort)}")
    return cells


def _heads() -> list[str]:
    return [f"{cohort:,} updates" for cohort in COHORTS]


def _counted(cohort: int) -> float:
    """Return of how many updates the noise counts, if all but one are as late as allowed."""
    return 1.0 + (cohort - 1) / (1 + STALENESS)


def _in_mean(sigma: float, cohort: int) -> str:
    """Return the expected norm of the noise in the mean of a cohort, in clips."""
    return f"{sigma * math.sqrt(SIZE / cohort):.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print both tables."""
    print(by_operator())
    print()
    print(by_readers())


if __name__ == "__main__":
    main()
