import numpy as np
import pytest

from train.evaluation import significance
from train.evaluation.significance import Gains, paired_bootstrap, spread


def gains(*, n_seeds: int, n_users: int, mean: float = 0.0, seed: int = 0) -> Gains:
    return mean + np.random.default_rng(seed).normal(size=(n_seeds, n_users))


def reference_differences(ours: Gains, theirs: Gains, n_resamples: int, seed: int, chunk: int) -> list[float]:
    """Resample user by user and seed by seed, with the same random draws."""
    random = np.random.default_rng(seed)
    n_users = ours.shape[1]
    active = [u for u in range(n_users) if any(ours[:, u]) or any(theirs[:, u])]
    result = []
    for start in range(0, n_resamples, chunk):
        n = min(chunk, n_resamples - start)
        n_active = random.binomial(n_users, len(active) / n_users, n)
        users = [[active[index] for index in random.integers(0, len(active), int(many))] for many in n_active]
        seeds = [random.integers(0, len(side), (n, len(side))) if len(side) > 1 else None for side in (ours, theirs)]
        for draw in range(n):
            means = []
            for side, drawn in zip((ours, theirs), seeds, strict=True):
                whole = sum(side[s, u] for s in range(len(side)) for u in users[draw]) / n_users / len(side)
                if drawn is None:
                    means.append(whole)
                    continue
                part = sum(side[s, u] for s in drawn[draw] for u in users[draw]) / n_users / len(side)
                means.append(whole + (len(side) / (len(side) - 1)) ** 0.5 * (part - whole))
            result.append(means[0] - means[1])
    return result


@pytest.mark.parametrize(("n_ours", "n_theirs"), [(1, 1), (3, 3), (2, 1)])
def test_the_bootstrap_matches_a_slow_loop(n_ours: int, n_theirs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = gains(n_seeds=n_ours, n_users=7, mean=0.3)
    theirs = gains(n_seeds=n_theirs, n_users=7, seed=1)
    # Two of nine users have zero gains everywhere; one of the others only in one of the systems.
    ours, theirs = (np.pad(side, ((0, 0), (1, 1))) for side in (ours, theirs))
    theirs[:, 3] = 0.0
    monkeypatch.setattr(significance, "_CHUNK_NUMBERS", 7 * 9)

    result = paired_bootstrap(ours, theirs, n_resamples=25, seed=5)

    slow = np.array(reference_differences(ours, theirs, 25, seed=5, chunk=9))
    assert result.low == pytest.approx(np.percentile(slow, 2.5))
    assert result.high == pytest.approx(np.percentile(slow, 97.5))
    assert result.p_value == pytest.approx(min(1.0, 2 * (1 + min((slow <= 0).sum(), (slow >= 0).sum())) / 26))
    assert result.difference == pytest.approx(ours.mean() - theirs.mean())


def test_a_system_does_not_differ_from_itself() -> None:
    ours = gains(n_seeds=1, n_users=50)

    result = paired_bootstrap(ours, ours, n_resamples=200)

    assert (result.difference, result.low, result.high, result.p_value, result.relative) == (0.0, 0.0, 0.0, 1.0, 0.0)


def test_users_with_zero_gains_widen_the_interval() -> None:
    ours = np.pad(np.ones((1, 30)), ((0, 0), (0, 70)))

    result = paired_bootstrap(ours, np.zeros((1, 100)), n_resamples=20_000)

    # The number drawn of the thirty is binomial (100, 0.3): its 2.5 and 97.5 % points are 21 and 39.
    assert (result.low, result.high) == pytest.approx((0.21, 0.39))


def test_all_zero_gains_are_handled() -> None:
    result = paired_bootstrap(np.zeros((2, 5)), np.zeros((2, 5)), n_resamples=20)

    assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_gain_of_every_user_is_significant_however_small() -> None:
    theirs = gains(n_seeds=1, n_users=50)

    result = paired_bootstrap(theirs + 1e-3, theirs, n_resamples=999)

    assert result.p_value == pytest.approx(2 / 1000)
    assert result.low == pytest.approx(1e-3)
    assert result.high == pytest.approx(1e-3)


def test_disagreeing_seeds_make_a_gain_insignificant() -> None:
    theirs = np.zeros((3, 400))
    agreeing, disagreeing = np.full((3, 400), 0.1), np.full((3, 400), 0.1) + np.array([[-0.3], [0.0], [0.3]])

    sure = paired_bootstrap(agreeing, theirs, n_resamples=500)
    unsure = paired_bootstrap(disagreeing, theirs, n_resamples=500)

    assert sure.p_value < 0.01
    assert unsure.p_value > 0.2
    assert unsure.difference == pytest.approx(sure.difference)


def test_the_spread_of_few_seeds_is_not_underestimated() -> None:
    # The mean of three seeds has the standard error deviation / sqrt(3), for any values.
    ours = np.repeat(np.array([[-1.0], [0.0], [1.0]]), 5, axis=1)

    result = paired_bootstrap(ours, np.zeros((1, 5)), n_resamples=20_000)

    # Of the 27 draws of three seeds the extreme one has probability 1 / 27 on either side, more than 2.5 %.
    assert result.high == pytest.approx(np.sqrt(3 / 2))


@pytest.mark.parametrize(("ours", "theirs"), [((1, 0), (1, 0)), ((0, 3), (1, 3)), ((1, 3), (1, 4)), ((3,), (3,))])
def test_gains_that_cannot_be_paired_are_refused(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="same users"):
        paired_bootstrap(np.zeros(ours), np.zeros(theirs))


def test_a_base_of_zero_has_no_relative_gain() -> None:
    assert paired_bootstrap(np.ones((1, 4)), np.zeros((1, 4)), n_resamples=10).relative is None


def test_a_deviation_needs_two_seeds() -> None:
    assert spread([0.5]).deviation is None
    assert spread([1.0, 2.0, 3.0]).mean == 2.0
    assert spread([1.0, 2.0, 3.0]).deviation == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at least one seed"):
        spread([])
