"""The privacy loss equals that of Google's accountant, at every epsilon, and of discrete noise."""

import math
from importlib import import_module

import pytest

from edge_runtime.rounds.accountant import delta_of, epsilon_of, mu_of, privacy_statement, sigma_for
from edge_runtime.rounds.plan import MIN_NOISE
from tests.tiny_round import plan_with

DELTA = 1e-6
EPSILONS = [0.1, 0.3, 1.0, 2.0, 5.0, 8.0, 14.0, 20.0]


@pytest.mark.parametrize("participations", [1, 2, 7, 50, 400])
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_epsilon_is_that_of_the_exact_accountant_within_one_per_cent(epsilon: float, participations: int) -> None:
    pld = import_module("dp_accounting.pld.privacy_loss_distribution")
    sigma = sigma_for(epsilon, DELTA, 2.0, participations)
    one = pld.from_gaussian_mechanism(sigma, sensitivity=2.0, value_discretization_interval=epsilon * 1e-4)

    exact = one.self_compose(participations).get_epsilon_for_delta(DELTA)

    assert epsilon_of(DELTA, mu_of(2.0, sigma, participations)) == pytest.approx(exact, rel=0.01)
    assert exact == pytest.approx(epsilon, rel=0.01)


@pytest.mark.parametrize("participations", [1, 12, 100])
@pytest.mark.parametrize("sigma", [0.7, 4.0, 30.0])
def test_epsilon_is_below_the_bound_of_renyi_privacy_and_near_it(sigma: float, participations: int) -> None:
    dp = import_module("dp_accounting")
    accountant = import_module("dp_accounting.rdp.rdp_privacy_accountant").RdpAccountant()
    accountant.compose(dp.GaussianDpEvent(sigma), participations)

    bound = accountant.get_epsilon(DELTA)

    assert 0.9 * bound < epsilon_of(DELTA, mu_of(1.0, sigma, participations)) < 1.01 * bound


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_textbook_formula_gives_too_little_noise_at_large_epsilons(epsilon: float) -> None:
    textbook = math.sqrt(2.0 * math.log(1.25 / DELTA)) / epsilon

    is_enough = delta_of(epsilon, mu_of(1.0, textbook)) <= DELTA

    assert is_enough == (epsilon <= 8.0)
    assert delta_of(epsilon, mu_of(1.0, sigma_for(epsilon, DELTA, 1.0))) <= DELTA


@pytest.mark.parametrize("epsilon", [1e-3, *EPSILONS, 100.0])
@pytest.mark.parametrize("delta", [1e-12, 1e-6, 1e-2])
def test_sigma_and_epsilon_are_inverse_and_err_on_the_safe_side(epsilon: float, delta: float) -> None:
    sigma = sigma_for(epsilon, delta, 3.0, 5)

    assert epsilon_of(delta, mu_of(3.0, sigma, 5)) == pytest.approx(epsilon, rel=1e-6)
    assert delta_of(epsilon_of(delta, mu_of(3.0, sigma, 5)), mu_of(3.0, sigma, 5)) <= delta


def test_known_values_of_the_loss_are_reproduced() -> None:
    assert delta_of(0.0, 1.0) == pytest.approx(math.erf(0.5 / math.sqrt(2.0)))
    assert delta_of(1.0, 1.0) == pytest.approx(0.126936737507, rel=1e-9)


def test_the_loss_never_jumps_where_its_formula_changes() -> None:
    for mu in (0.05, 1.0, 4.0):
        deltas = [delta_of(mu * mu / 2.0 * step / 100.0, mu) for step in range(400)]
        assert deltas == sorted(deltas, reverse=True)
    assert delta_of(5.0, 1.0 / 1.9) == pytest.approx(delta_of(5.0 + 1e-9, 1.0 / 1.9), rel=1e-6)


def test_many_participations_count_as_the_root_of_their_number() -> None:
    assert mu_of(1.0, 2.0, 9) == 3.0 * mu_of(1.0, 2.0)
    assert sigma_for(1.0, DELTA, 1.0, 9) == pytest.approx(3.0 * sigma_for(1.0, DELTA, 1.0))


def test_without_noise_nothing_is_private() -> None:
    assert mu_of(1.0, 0.0) == math.inf
    assert delta_of(50.0, math.inf) == 1.0
    assert epsilon_of(DELTA, math.inf) == math.inf
    assert privacy_statement(plan_with(sigma=0.0)).operator == math.inf


def test_so_much_noise_that_delta_suffices_needs_no_epsilon() -> None:
    assert epsilon_of(0.5, mu_of(1.0, 100.0)) == 0.0


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0, math.nan])
def test_a_delta_that_is_no_probability_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        epsilon_of(delta, 1.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        sigma_for(1.0, delta, 1.0)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_an_epsilon_that_no_noise_reaches_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        sigma_for(epsilon, DELTA, 1.0)


def test_the_operator_learns_more_than_the_readers() -> None:
    statement = privacy_statement(plan_with(sigma=3.0, scale=1024, min_updates=100))

    assert statement.operator == epsilon_of(DELTA, mu_of(2.0, 3.0, 4))
    assert statement.readers == pytest.approx(epsilon_of(DELTA, mu_of(2.0, 30.0, 4)))
    assert (statement.participations, statement.period_days, statement.delta) == (4, 30, DELTA)


def test_updates_that_may_be_late_hide_others_less() -> None:
    at_once, late = (
        privacy_statement(plan_with(sigma=3.0, scale=1024, min_updates=101, max_updates=101, max_staleness=staleness))
        for staleness in (0, 3)
    )

    assert late.operator == at_once.operator
    # 100 updates with half the weight have the noise of 25 with the whole one.
    assert late.readers == pytest.approx(epsilon_of(DELTA, mu_of(2.0, 3.0 * math.sqrt(26.0), 4)))


def exact_delta(epsilon: float, shift: int, sigma: float) -> float:
    """Return the delta of discrete Gaussian noise on one number that may move by ``shift``, summed exactly."""
    reach = range(-int(14 * sigma) - shift, int(14 * sigma) + 1)
    weights = [(math.exp(-x * x / (2 * sigma**2)), math.exp(-((x + shift) ** 2) / (2 * sigma**2))) for x in reach]
    excess = math.fsum(max(0.0, p - math.exp(epsilon) * q) for p, q in weights)
    return excess / math.fsum(p for p, _ in weights)


@pytest.mark.parametrize("mu", [0.25, 1.0, 4.0])
def test_the_coarsest_discrete_noise_of_a_plan_is_as_private_as_continuous_noise(mu: float) -> None:
    epsilon = epsilon_of(DELTA, mu)
    shift = round(mu * MIN_NOISE)

    assert exact_delta(epsilon * 1.001, shift, MIN_NOISE) < DELTA < exact_delta(epsilon * 0.999, shift, MIN_NOISE)
