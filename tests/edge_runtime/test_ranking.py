"""Table look-up scores equal those of the decoded vectors, and the top k equals that of a full sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.bundle.codes import MIN_PAIRED, ProductCodes, TierCodes, read_codes
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.ranking import BLOCK, best_rows, score_all
from tests.tiny_bundle import tiny_codes


def made_codes(*tiers: Tier, dim: int = 16, n_codewords: int = 16) -> ProductCodes:
    n_items = sum(tier.n_items for tier in tiers)
    sizes = Catalogue(n_items, dim, n_codewords, tiers)
    rng = np.random.default_rng(n_items)
    return read_codes(tiny_codes(sizes, rng.random(n_items), rng), sizes)


@pytest.mark.parametrize(
    "codes",
    [
        made_codes(Tier(3, 8), Tier(10, 4), Tier(27, 2)),
        made_codes(Tier(3, 8, 8), Tier(10, 4, 2), Tier(27, 2)),
        made_codes(Tier(5, 16)),
        made_codes(Tier(5, 1), Tier(0, 2), Tier(1, 4), Tier(3, 8)),
        made_codes(Tier(2 * BLOCK + 3, 4), Tier(BLOCK, 2)),
        made_codes(Tier(50, 512), dim=512, n_codewords=256),
        made_codes(Tier(MIN_PAIRED, 2), Tier(5, 4), n_codewords=256),
        made_codes(Tier(MIN_PAIRED, 1), n_codewords=256),
    ],
    ids=[
        "three tiers",
        "codebooks of their own",
        "one tier",
        "an empty tier",
        "several blocks",
        "offsets beyond 16 bits",
        "pairs of codes",
        "an odd number of codes",
    ],
)
def test_scores_are_those_of_the_decoded_vectors(codes: ProductCodes) -> None:
    n_items = len(codes.tier_of)
    vectors = codes.decode(np.arange(n_items))
    state = np.random.default_rng(1).normal(size=(vectors.shape[1],)).astype(np.float32)

    scores = score_all(codes, state)

    np.testing.assert_allclose(scores, vectors @ state.astype(np.float64), rtol=1e-4, atol=1e-4)


def test_decoding_keeps_the_requested_order() -> None:
    codes = made_codes(Tier(3, 8), Tier(10, 4), Tier(27, 2))
    rows = np.array([39, 0, 7, 7, 12])

    np.testing.assert_array_equal(codes.decode(rows), codes.decode(np.arange(40))[rows])


@pytest.mark.parametrize(
    ("n_items", "m", "width"), [(100, 4, 1), (70_000, 2, 1), (MIN_PAIRED, 3, 1), (MIN_PAIRED, 2, 2)]
)
def test_codes_are_as_given_in_each_layout(n_items: int, m: int, width: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (n_items, m), dtype=np.uint8)

    tier = TierCodes.of(np.arange(n_items), codes, np.zeros((m, 256, 4), dtype=np.float32))

    assert tier.columns.dtype.itemsize == width
    np.testing.assert_array_equal(tier.codes, codes)
    np.testing.assert_array_equal(tier.codes_of(np.array([7, 3, 7])), codes[[7, 3, 7]])


def test_a_vector_consists_of_its_codewords() -> None:
    codes = made_codes(Tier(4, 2), dim=4)
    tier = codes.tiers[0]

    vector = codes.decode(np.array([2]))[0]

    np.testing.assert_array_equal(vector, np.concatenate([tier.codebook[m, tier.codes[2, m]] for m in range(2)]))


def test_parts_share_codebooks_evenly() -> None:
    shared, halves, own = made_codes(Tier(3, 4, 1), Tier(3, 4, 2), Tier(3, 4, 4)).tiers

    def equal(tier: TierCodes, one: int, other: int) -> bool:
        # Subvectors with the same codebook differ only by their centres.
        difference = tier.codebook[one] - tier.codebook[other]
        return bool(np.allclose(difference, difference[0], atol=1e-6))

    assert equal(shared, 0, 1)
    assert equal(shared, 0, 3)
    assert equal(halves, 0, 1)
    assert equal(halves, 2, 3)
    assert not equal(halves, 1, 2)
    assert not equal(own, 0, 1)


def test_ties_are_broken_by_the_lower_row() -> None:
    scores = np.array([1, 3, 2, 3, 3, 0], dtype=np.float32)

    assert best_rows(scores, 4).tolist() == [1, 3, 4, 2]


def test_items_with_the_same_codes_tie_and_the_lower_row_wins() -> None:
    sizes = Catalogue(600, 8, 4, (Tier(600, 2),))
    rng = np.random.default_rng(0)
    codes = read_codes(tiny_codes(sizes, rng.random(600), rng), sizes)
    scores = score_all(codes, rng.normal(size=8).astype(np.float32))

    best = best_rows(scores, 50)

    assert len(np.unique(scores)) <= 16
    assert best.tolist() == np.lexsort((np.arange(600), -scores))[:50].tolist()


def test_excluded_rows_are_left_out_and_the_rest_moves_up() -> None:
    scores = np.array([5, 4, 3, 2, 1], dtype=np.float32)

    assert best_rows(scores, 3, np.array([0, 2, 0])).tolist() == [1, 3, 4]
    assert scores.tolist() == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(("k", "excluded", "left"), [(10, [], 3), (10, [1], 2), (2, [0, 1, 2], 0), (0, [], 0)])
def test_a_small_catalogue_gives_fewer_rows(k: int, excluded: list[int], left: int) -> None:
    assert len(best_rows(np.zeros(3, dtype=np.float32), k, np.array(excluded, dtype=np.int64))) == left


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_top_k_equals_that_of_a_full_sort(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 400))
    levels = data.draw(st.integers(1, 12))
    k = data.draw(st.integers(1, 30))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    scores = rng.integers(0, levels, n).astype(np.float32)
    excluded = rng.choice(n, size=int(rng.integers(0, n + 1)), replace=False)

    best = best_rows(scores, k, excluded)

    allowed = np.setdiff1d(np.arange(n), excluded)
    expected = allowed[np.argsort(-scores[allowed], kind="stable")][:k]
    assert best.tolist() == expected.tolist()
