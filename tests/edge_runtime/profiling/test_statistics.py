"""No percentile without samples enough, and intervals that hold what they promise."""

import json
from collections.abc import Callable, Iterator
from itertools import islice, repeat

import numpy as np
import pytest

from edge_runtime.profiling.statistics import (
    MIN_RUNS,
    Interval,
    drift,
    median,
    percentile,
    ratio_interval,
    round_levels,
    uncertainty,
)
from edge_runtime.profiling.steady import balanced_orders
from tests.golden_profile import PATH, make_golden


def test_the_page_is_tested_with_these_statistics() -> None:
    assert json.loads(PATH.read_text("utf-8")) == json.loads(json.dumps(make_golden()))


@pytest.mark.parametrize(("share", "runs"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662)])
def test_a_percentile_needs_the_runs_of_early_stopping(share: float, runs: int) -> None:
    times = [float(time) for time in range(1, runs + 1)]

    assert MIN_RUNS[share] == runs
    assert percentile(times[:-1], share) is None
    assert percentile(times, share) == np.ceil(share * runs)


def test_the_median_of_an_even_number_of_times_lies_between_the_two_in_the_middle() -> None:
    assert median([4.0, 1.0, 2.0, 9.0]) == 3.0
    assert median([4.0, 1.0, 2.0]) == 2.0


def test_the_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no value"):
        median([])


def test_twice_the_time_is_a_ratio_of_two_whatever_the_work() -> None:
    random = np.random.default_rng(1)
    rounds = [[2 * float(noise) for noise in random.lognormal(0, 0.05, 20)] for _ in range(8)]

    found = ratio_interval(rounds)

    assert found.low < 2 < found.high
    assert found.high - found.low < 0.1


def test_intervals_of_equal_variants_cover_one_at_least_as_often_as_they_promise() -> None:
    """Rounds differ by a lucky or unlucky place in memory, which a bootstrap of single pairs would not see."""
    random = np.random.default_rng(2)
    covering = 0
    for seed in range(200):
        luck = random.normal(0, 0.03, 12)
        rounds = [np.exp(one + random.normal(0, 0.1, 24)).tolist() for one in luck]
        found = ratio_interval(rounds, seed)
        covering += found.low <= 1 <= found.high

    assert covering >= 190


def intervals(orders: Callable[[np.random.Generator], Iterator[list[int]]], ratio: float) -> list[Interval]:
    """Return the intervals of 100 runs of two variants, where whoever is opened first is 3 % slower in that round."""
    random = np.random.default_rng(4)
    found = []
    for seed in range(100):
        rounds = []
        for order in islice(orders(random), 12):
            opened_first = 0.03 if order[0] == 0 else -0.03
            noise = random.normal(0, 0.01) + random.normal(0, 0.1, 24)
            rounds.append((ratio * np.exp(noise - opened_first)).tolist())
        found.append(ratio_interval(rounds, seed))
    return found


def test_being_opened_first_does_not_bias_the_ratio_of_equal_variants() -> None:
    found = intervals(lambda random: balanced_orders(2, random), 1.0)
    in_one_order = intervals(lambda _: repeat([0, 1]), 1.0)

    assert sum(one.low <= 1 <= one.high for one in found) >= 0.95 * len(found)
    assert np.mean([one.median for one in found]) == pytest.approx(1, abs=0.002)
    assert all(one.high - one.low < 0.1 for one in found)
    assert sum(one.low <= 1 <= one.high for one in in_one_order) < 0.5 * len(found)


def test_a_tenth_more_time_is_found_in_spite_of_the_order_of_opening() -> None:
    found = intervals(lambda random: balanced_orders(2, random), 1.1)

    assert all(one.low > 1 for one in found)
    assert sum(one.low <= 1.1 <= one.high for one in found) >= 0.95 * len(found)


def test_rounds_that_differ_widen_the_interval() -> None:
    same = [[0.99, 1.0, 1.01]] * 6
    differing = [[0.9] * 3, [1.1] * 3] * 3

    assert (ratio_interval(same).low, ratio_interval(same).high) == (0.99, 1.01)
    assert (ratio_interval(differing).low, ratio_interval(differing).high) == (0.9, 1.1)


def test_a_seed_gives_one_interval() -> None:
    rounds = np.random.default_rng(3).lognormal(0, 0.2, (4, 9)).tolist()

    assert ratio_interval(rounds, 5) == ratio_interval(rounds, 5)
    assert ratio_interval(rounds, 5) != ratio_interval(rounds, 6)


@pytest.mark.parametrize("rounds", [[], [[]], [[1.0], [1.0, 2.0]]])
def test_ratios_without_pairs_or_with_unequal_rounds_are_refused(rounds: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="one length above 0"):
        ratio_interval(rounds)


def test_the_level_of_a_round_does_not_depend_on_how_long_the_work_is() -> None:
    assert round_levels([[1.0, 10.0], [1.5, 15.0], [1.0, 10.0]]) == [1.0, 1.5, 1.0]


def test_the_median_of_equal_rounds_is_certain() -> None:
    assert uncertainty([2.0] * 5) == 0


def test_one_disturbed_round_leaves_the_median_as_it_is_and_a_slower_half_does_not() -> None:
    assert uncertainty([3.0] + [1.0] * 11) == 0
    assert uncertainty([1.0] * 6 + [1.5] * 6) == pytest.approx(0.25)  # the median is 1.25, or 1, or 1.5


def test_drift_is_how_much_slower_the_second_half_is() -> None:
    assert drift([1.0, 1.0, 1.2, 1.2]) == pytest.approx(0.2)
    assert drift([2.0, 1.0]) == pytest.approx(-0.5)
