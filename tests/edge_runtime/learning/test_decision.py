"""An adapter is used only if it helped on the events that it was tried on."""

import math

import numpy as np
import pytest

from edge_runtime.learning.decision import Trial, decide, trial_of

NONE = np.empty(0, dtype=np.int64)


def trials(*gains: float) -> list[Trial]:
    return [Trial(gain, 0.0) for gain in gains]


@pytest.mark.parametrize(
    ("found", "helps"),
    [
        (trials(0.3, 0.2, 0.4, 0.3), True),
        (trials(0.3, -0.2, 0.4, -0.3), True),
        (trials(0.3, -0.2, 0.2, -0.3), False),
        (trials(0.005, 0.015, 0.01, 0.009), False),
        (trials(-0.3, -0.2, -0.4, -0.3), False),
        (trials(0.0, 0.0, 0.0, 0.0), False),
        (trials(5.0), False),
        ([], False),
        (trials(math.nan, 1.0, 1.0), False),
        (trials(math.inf, 1.0, 1.0), False),
    ],
)
def test_the_events_must_be_more_likely_by_more_than_a_percent(found: list[Trial], helps: bool) -> None:
    assert decide(found).helps is helps


def test_the_mean_gain_is_told_with_its_standard_error() -> None:
    decision = decide(trials(0.1, 0.5, 0.3, 0.9))

    assert decision.n_tried == 4
    assert decision.gain == pytest.approx(0.45)
    assert decision.error == pytest.approx(np.std([0.1, 0.5, 0.3, 0.9], ddof=1) / 2)


def test_a_trial_has_the_gains_in_likelihood_and_in_ndcg() -> None:
    without = np.array([2.0, 1.0, 0.0], dtype=np.float32)
    with_adapter = np.array([1.0, 2.0, 0.0], dtype=np.float32)

    trial = trial_of(without, with_adapter, 1, NONE, temperature=2.0)

    total = math.log(math.exp(1.0) + math.exp(0.5) + 1.0)
    assert trial.log_gain == pytest.approx((1.0 - total) - (0.5 - total))
    assert trial.rank_gain == pytest.approx(1.0 - 1.0 / math.log2(3))


def test_items_that_a_list_would_not_have_do_not_count() -> None:
    scores = np.array([9.0, 1.0, 0.0], dtype=np.float32)

    assert trial_of(scores, scores, 1, np.array([0, 1]), 1.0).rank_gain == 0.0
    hidden = trial_of(np.array([1.0, 1.0, 0.0], dtype=np.float32), scores, 1, np.array([0]), 1.0)
    assert hidden == Trial(0.0, 0.0)


def test_of_equal_scores_the_lower_row_is_first() -> None:
    tied, first = np.zeros(3, dtype=np.float32), np.array([0.0, 1.0, 0.0], dtype=np.float32)

    assert trial_of(tied, first, 1, NONE, 1.0).rank_gain == pytest.approx(1.0 - 1.0 / math.log2(3))


def test_a_place_below_ten_counts_as_nothing() -> None:
    without = np.arange(12, 0, -1).astype(np.float32)
    with_adapter = without.copy()
    with_adapter[11] = 2.5

    assert trial_of(without, with_adapter, 11, NONE, 1.0).rank_gain == 0.0
