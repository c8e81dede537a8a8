import re
from collections import Counter
from math import log, sqrt
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from tests.train.items.tiny_catalogue import encode
from train.items.blocks import Inputs
from train.items.hashed_text import hashed_text, principal_axes, squared_idf, weighted
from train.items.hashing import N_COLUMNS, PARTS_WEIGHT, hashed_counts

TEXTS = ["Rose soap soap", "Rose soaps, by Aster", "Steel hammer", "Steel hammers and nails", "x"]


def reference_features(text: str) -> dict[int, float]:
    """Compute signed feature hashing (Weinberger et al.): x_j = sum over f with h(f) = j of sign(f) weight(f)."""
    vector: dict[int, float] = {}
    words = re.findall(r"\w+", text.lower())
    parts = [f"<{w}>"[at : at + n] for w in words for n in (3, 4, 5) if n < len(w) + 2 for at in range(len(w) + 3 - n)]
    for features, prefix, weight in ((words, "w", 1.0), (parts, "p", PARTS_WEIGHT)):
        for feature, count in Counter(features).items():
            hashed = crc32((prefix + feature).encode())
            sign = -1 if hashed >= 2**31 else 1
            column = hashed % N_COLUMNS
            vector[column] = vector.get(column, 0.0) + sign * weight * (1 + log(count))
    return vector


def vectors_of(texts: Inputs[str], **settings: int) -> NDArray[np.float64]:
    result = encode(hashed_text(**settings), texts)
    return np.asarray([result[row] for row in range(len(texts))])


def test_hashed_counts_match_the_formula() -> None:
    matrix = hashed_counts(TEXTS)

    for row, text in enumerate(TEXTS):
        expected = reference_features(text)
        result = dict(zip(matrix[row].indices.tolist(), matrix[row].data.tolist(), strict=True))
        assert result == pytest.approx(expected)


def test_rows_are_tf_idf_with_squared_idf_at_unit_length() -> None:
    counts = hashed_counts(TEXTS)
    n_with = Counter(column for text in TEXTS for column in reference_features(text))

    result = weighted(counts, squared_idf(np.bincount(counts.indices, minlength=N_COLUMNS), len(TEXTS)))

    for row, text in enumerate(TEXTS):
        expected = {
            column: value * (log((1 + len(TEXTS)) / (1 + n_with[column])) + 1) ** 2
            for column, value in reference_features(text).items()
        }
        length = sqrt(sum(value**2 for value in expected.values()))
        for column, value in expected.items():
            assert result[row, column] == pytest.approx(value / length, rel=1e-4)


def test_axes_are_the_right_singular_vectors() -> None:
    random = np.random.default_rng(0)
    dense = (random.random((40, 60)) < 0.2) * random.standard_normal((40, 60))

    axes = principal_axes(sparse.csr_matrix(dense.astype(np.float32)), 5)

    expected = np.linalg.svd(dense)[2][:5]
    np.testing.assert_allclose(np.abs(np.diag(expected @ axes)), 1, atol=1e-3)
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-3)
    assert (axes.max(0) == np.abs(axes).max(0)).all()


def test_at_full_rank_the_angles_between_texts_are_preserved() -> None:
    counts = hashed_counts(TEXTS)
    before = weighted(counts, squared_idf(np.bincount(counts.indices, minlength=N_COLUMNS), len(TEXTS))).toarray()

    vectors = vectors_of(TEXTS)

    np.testing.assert_allclose(vectors @ vectors.T, before @ before.T, atol=1e-4)


def test_related_texts_are_near_even_without_a_common_word() -> None:
    vectors = vectors_of(["moisturizers", "moisturizing", "hammer", "hammock stand"])

    assert vectors[0] @ vectors[1] > 0.1 + vectors[0] @ vectors[2]


def test_vectors_have_unit_length_and_are_reproducible() -> None:
    first, second = vectors_of(TEXTS), vectors_of(TEXTS)

    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "texts", [["one"], ["same"] * 5, ["!!!", "???"], ["名前のない商品", "名前のある商品"], ["\ud800"]]
)
def test_unusual_catalogues_have_finite_vectors_of_unit_length(texts: list[str]) -> None:
    vectors = vectors_of(texts)

    assert vectors.shape == (len(texts), 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_an_empty_catalogue_has_no_vectors() -> None:
    assert encode(hashed_text(), []) == {}


def test_texts_outside_the_sample_are_encoded() -> None:
    texts = [f"{colour} {kind}" for colour in ("red", "blue", "green") for kind in ("soap", "comb", "balm", "nail")]

    vectors = vectors_of(texts, sample=6)

    assert (np.linalg.norm(vectors, axis=1) > 0.99).all()
    assert hashed_text(sample=6).name != hashed_text().name


def test_the_width_is_configurable_and_part_of_the_name() -> None:
    assert vectors_of(TEXTS, width=3).shape == (5, 3)
    assert hashed_text(width=3).name != hashed_text().name
