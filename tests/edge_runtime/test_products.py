"""Products of item vectors are exact, so that cosines that nearly tie give the same list in Python and in the page."""

import json

import numpy as np
import pytest

from edge_runtime.bundle.codes import read_codes
from edge_runtime.products import ItemProducts
from tests.golden_near_ties import N_ITEMS, PATH, QUERIES, best_by_float32, make_all, make_codes

SIZES, ARRAYS = make_codes()
CODES = read_codes(ARRAYS, SIZES)
VECTORS = CODES.decode(np.arange(N_ITEMS)).astype(np.float64)


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5, 0.0])
def test_products_and_lengths_are_those_of_the_decoded_vectors(scale: float) -> None:
    vector = scale * np.random.default_rng(0).normal(size=VECTORS.shape[1:])
    largest = np.linalg.norm(VECTORS, axis=1).max() * np.linalg.norm(vector)

    products = ItemProducts(CODES)

    np.testing.assert_allclose(products.of(vector), VECTORS @ vector, rtol=0, atol=1e-6 * largest)
    np.testing.assert_allclose(products.lengths(), np.linalg.norm(VECTORS, axis=1), rtol=1e-7)


def test_sums_of_a_table_are_the_same_in_any_order() -> None:
    parts = CODES.tiers[0].codebook.shape[0]
    vector = np.random.default_rng(1).normal(size=VECTORS.shape[1:])
    reordered = np.random.default_rng(2).permutation(parts)
    arrays = ARRAYS | {"codes.0": ARRAYS["codes.0"][:, reordered]}

    moved = ItemProducts(read_codes(arrays, SIZES)).of(vector.reshape(parts, -1)[reordered].reshape(-1))

    first = np.flatnonzero(CODES.tier_of == 0)
    np.testing.assert_array_equal(moved[first], ItemProducts(CODES).of(vector)[first])


def test_the_shared_cases_are_up_to_date() -> None:
    assert json.loads(PATH.read_text("utf-8")) == make_all()


def test_the_shared_cases_are_near_ties_which_float32_would_order_by_rounding() -> None:
    cases = {case["row"]: case["best"] for case in make_all()["cases"]}

    differing = [row for row in QUERIES if best_by_float32(CODES, row).tolist() != cases[row]]

    assert len(differing) >= 3
    permuted = [row for row in cases[0] if CODES.tier_of[row] == 0]
    assert permuted == sorted(permuted)
    assert len(permuted) > 50
