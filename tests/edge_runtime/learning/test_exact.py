"""Arithmetic that gives the same bytes in whichever order, and as accurate as float32."""

from fractions import Fraction

import numpy as np
import pytest

from edge_runtime.learning.exact import Doubles, exact_product, exact_sum, exp, log, softmax


def normal(seed: int, *shape: int) -> Doubles:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_a_product_is_as_accurate_as_that_of_float32(scale: float) -> None:
    x, y = scale * normal(0, 20, 64), normal(1, 64, 30)
    most = np.abs(x).max(axis=1, keepdims=True) * np.abs(y).max(axis=0)

    np.testing.assert_array_less(np.abs(exact_product(x, y) - x @ y), 64 * 2.0**-22 * most)


def test_products_and_sums_have_the_same_bytes_in_any_order_of_their_terms() -> None:
    x, y = normal(0, 8, 500), normal(1, 500, 6)
    order = np.random.default_rng(2).permutation(500)

    assert exact_product(x[:, order], y[order]).tobytes() == exact_product(x, y).tobytes()
    assert exact_sum(x[:, order]) == exact_sum(x)
    assert (x[:, order] @ y[order]).tobytes() != (x @ y).tobytes()  # which is why this module is there


def test_a_product_is_the_sum_of_the_rounded_operands_without_any_error() -> None:
    x, y = normal(3, 1, 40), normal(4, 40, 1)
    step = 2.0 ** (2 - 23)  # all numbers are below 4 in magnitude, and 40 terms leave 23 bits
    assert 2 <= np.abs(x).max() < 4
    assert 2 <= np.abs(y).max() < 4
    rounded = [[Fraction(float(np.rint(value / step) * step)) for value in each.ravel()] for each in (x, y)]

    assert Fraction(float(exact_product(x, y)[0, 0])) == sum(a * b for a, b in zip(*rounded, strict=True))


def test_the_largest_operands_are_not_rounded_in_their_sum() -> None:
    largest = np.full((1, 2**14), 2.0 - 2.0**-52)

    assert exact_product(largest, largest.T)[0, 0] == 4.0 * 2**14


def test_a_row_of_tiny_numbers_keeps_its_digits_beside_one_of_large_numbers() -> None:
    x = np.array([[1e20, -1e20], [3e-20, 1e-20]])

    np.testing.assert_allclose(exact_product(x, np.ones((2, 1))), [[0.0], [4e-20]], rtol=1e-7)


def test_zeros_and_numbers_below_the_grid_give_zero() -> None:
    nothing = exact_product(np.array([[0.0, -0.0], [1e-300, -5e-324]]), np.ones((2, 2)))

    assert nothing.tobytes() == np.zeros((2, 2)).tobytes()
    assert exact_sum(np.zeros(0)) == 0.0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e100])
def test_what_is_not_finite_or_too_large_is_refused(wrong: float) -> None:
    numbers = np.array([[1.0, wrong]])

    with pytest.raises(ValueError, match="finite numbers below"):
        exact_product(numbers, np.ones((2, 1)))
    with pytest.raises(ValueError, match="finite numbers below"):
        exact_sum(numbers)


@pytest.mark.parametrize(("x", "y"), [((2, 3), (2, 3)), ((3,), (3, 1)), ((2, 0), (0, 2))])
def test_matrices_that_do_not_fit_are_refused(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected matrices"):
        exact_product(np.ones(x), np.ones(y))


def test_exp_and_log_are_right_to_two_units_in_the_last_place() -> None:
    below = -np.concatenate([np.linspace(0, 700, 5001), np.geomspace(1e-20, 700, 5001)])
    above = np.concatenate([np.linspace(1, 2, 5001), np.geomspace(1, 1e300, 5001)])

    np.testing.assert_array_max_ulp(exp(below), np.exp(below), 2)
    np.testing.assert_array_max_ulp(log(above), np.log(above), 2)
    assert exp(np.array([0.0, -701.0, -1e9])).tolist() == [1.0, 0.0, 0.0]
    assert log(np.array([1.0])).tolist() == [0.0]


def test_a_softmax_is_that_of_its_definition_and_its_bytes_do_not_depend_on_the_order() -> None:
    rows = 10 * normal(5, 4, 300)
    order = np.random.default_rng(6).permutation(300)

    shares, logarithms = softmax(rows)
    moved, same = softmax(rows[:, order])

    terms = np.exp(rows - rows.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares, terms / terms.sum(axis=1, keepdims=True), rtol=0, atol=1e-12)
    np.testing.assert_allclose(logarithms, np.log(np.exp(rows).sum(axis=1)), rtol=1e-12)
    assert moved.tobytes() == shares[:, order].tobytes()
    assert same.tobytes() == logarithms.tobytes()


def test_a_softmax_of_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        softmax(np.array([[0.0, np.nan]]))
