"""The default text features: hashed n-grams with tf-idf weights, reduced by truncated singular value decomposition.

Sources: Deerwester, Dumais, Furnas, Landauer and Harshman, "Indexing by Latent Semantic Analysis", JASIS 1990, for the
method; Halko, Martinsson and Tropp, "Finding Structure with Randomness", SIAM Review 53(2), 2011,
https://arxiv.org/abs/0909.4061, for the decomposition.

scikit-learn's ``HashingVectorizer`` with ``TruncatedSVD`` is slower and worse on Beauty: an item's nearest texts reach
an NDCG@10 of 0.028 in 17 to 34 s, with these features 0.034 in 6 s (``benchmarks/hashed_text.py``).

Document frequencies and decomposition are those of the catalogue, or of its first items: another catalogue gives other
vectors, and weights that were trained on these are of no use for them.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from train.items.blocks import Block, EncodedInputs, Extractor, Inputs, batches, unit_length
from train.items.hashing import N_COLUMNS, hashed_counts

_BATCH = 2048
_SURPLUS = 32
_POWER_STEPS = 3
# Axes with a singular value below this share of the first one's are numerical noise.
_SMALLEST = 1e-4


def hashed_text(*, width: int = 256, sample: int = 32_768, fitted_items: int | None = None) -> Extractor[str]:
    """Return the extractor; its vectors have unit length, padded with zeros if the rank is lower than ``width``.

    Args:
        width: width of the vectors.
        sample: number of texts for the decomposition, evenly spaced, which bounds memory.
        fitted_items: number of texts from the front that frequencies and decomposition are those of; all if None.
    """
    name = f"hashed-2 width={width} sample={sample}" + (f" fitted={fitted_items}" if fitted_items else "")
    return Extractor(name, lambda texts: EncodedInputs(width, _blocks(texts, width, sample, fitted_items)))


def _blocks(texts: Inputs[str], width: int, n_sampled: int, n_fitted: int | None) -> Iterator[Block]:
    if not len(texts):
        return
    idf, sample = _survey(texts, min(n_fitted or len(texts), len(texts)), n_sampled)
    axes = principal_axes(weighted(sample, idf), width)
    for batch in batches(len(texts), _BATCH):
        counts = hashed_counts([texts[row] for row in batch])
        vectors = np.zeros((len(batch), width), dtype=np.float32)
        vectors[:, : axes.shape[1]] = weighted(counts, idf) @ axes
        yield Block(batch, unit_length(vectors))


def _survey(texts: Inputs[str], n_texts: int, n_sampled: int) -> tuple[NDArray[np.float32], sparse.csr_matrix]:
    """Return the weight of every column, ``[N_COLUMNS]``, and the counts of the sampled ones of the first texts."""
    sampled = np.linspace(0, n_texts - 1, min(n_sampled, n_texts)).astype(np.int64)
    n_texts_with = np.zeros(N_COLUMNS, dtype=np.int64)
    kept = []
    for batch in batches(n_texts, _BATCH):
        counts = hashed_counts([texts[row] for row in batch])
        n_texts_with += np.bincount(counts.indices, minlength=N_COLUMNS)
        kept.append(counts[np.isin(batch, sampled)])
    return squared_idf(n_texts_with, n_texts), sparse.vstack(kept, format="csr")


def squared_idf(n_texts_with: NDArray[np.int64], n_texts: int) -> NDArray[np.float32]:
    """Return the square of the inverse document frequency, ``(ln((1 + n) / (1 + n_with)) + 1)^2``.

    Smoothed as in scikit-learn. It is squared, because otherwise the first axes represent what almost all items share,
    such as the top category: as a recommender on Beauty, an item's nearest texts reach an NDCG@10 of 0.035 with the
    square and 0.031 without it; on MovieLens there is no difference.
    """
    return ((np.log((1 + n_texts) / (1 + n_texts_with)) + 1) ** 2).astype(np.float32)


def weighted(counts: sparse.csr_matrix, idf: NDArray[np.float32]) -> sparse.csr_matrix:
    """Return the rows of ``counts`` times the weight of each column, at unit length."""
    values = counts.data * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=counts.shape[0]))
    scaled = (values / np.where(lengths > 0, lengths, 1)[rows]).astype(np.float32)
    return sparse.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape)


def principal_axes(matrix: sparse.csr_matrix, width: int) -> NDArray[np.float32]:
    r"""Return the first right singular vectors of ``A = matrix [n, columns]``, float32 ``[columns, rank or width]``.

    Subspace iteration on the texts' side: :math:`Q = \mathrm{orth}((A A^\top)^q \Omega)` from a random
    :math:`\Omega`, then the eigenvectors :math:`U` of :math:`Q^\top A A^\top Q = U S^2 U^\top` give
    :math:`V = A^\top Q U S^{-1}`. The largest entry of each axis is made positive, which fixes its sign.
    """
    n = matrix.shape[0]
    start = np.random.default_rng(0).standard_normal((n, min(n, width + _SURPLUS)), dtype=np.float32)
    basis = np.linalg.qr(start)[0]
    for _ in range(_POWER_STEPS):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    projected = matrix.T @ basis
    squares, turns = np.linalg.eigh((projected.T @ projected).astype(np.float64))
    strengths = np.sqrt(np.maximum(squares[::-1], 0))[:width]
    kept = int((strengths > _SMALLEST * strengths[0]).sum())
    axes: NDArray[np.float32] = projected @ (turns[:, ::-1][:, :kept] / strengths[:kept]).astype(np.float32)
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(kept)])
    return axes
