"""Sparse text vectors by hashing of words and character n-grams, without a vocabulary.

Source: Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature Hashing for Large Scale Multitask Learning",
ICML 2009, https://arxiv.org/abs/0902.2206: ``x_j = sum over features f with h(f) = j of sign(f) * weight(f)``. With the
random sign, collisions cancel out on average.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

N_COLUMNS = 2**16
# Character n-grams make "moisturiser" and "moisturizing" similar, and replace words in scripts without spaces. Since a
# word has many of them, they get a lower weight, or they would dominate the words.
PARTS_WEIGHT = 0.25
_PARTS = (3, 4, 5)
_WORD = re.compile(r"\w+")


def hashed_counts(texts: Sequence[str]) -> sparse.csr_matrix:
    """Return ``weight * (1 + ln(count))`` of each text's features, signed, float32 ``[n, N_COLUMNS]``.

    Words have weight 1, their n-grams of 3 to 5 characters, with word boundaries, ``PARTS_WEIGHT``. A text without
    letters and digits counts as one word.
    """
    words = [_WORD.findall(text.casefold()) or [text] for text in texts]
    of_words = _counts(np.asarray([_hash("w" + word) for word in each], dtype=np.uint32) for each in words)
    of_parts = _counts(np.concatenate([_parts(word) for word in each]) for each in words)
    return (of_words + PARTS_WEIGHT * of_parts).tocsr().astype(np.float32)


def _counts(features: Iterable[NDArray[np.uint32]]) -> sparse.csr_matrix:
    columns, values, bounds = [], [], [0]
    for each in features:
        hashes, counts = np.unique(each, return_counts=True)
        columns.append((hashes % N_COLUMNS).astype(np.int32))
        values.append(np.where(hashes >> 31, -1.0, 1.0) * (1.0 + np.log(counts)))
        bounds.append(bounds[-1] + len(hashes))
    matrix = sparse.csr_matrix(
        (np.concatenate([*values, []]), np.concatenate([*columns, np.zeros(0, np.int32)]), np.asarray(bounds)),
        shape=(len(bounds) - 1, N_COLUMNS),
    )
    matrix.sum_duplicates()
    return matrix


@lru_cache(maxsize=2**16)
def _parts(word: str) -> NDArray[np.uint32]:
    marked = f"<{word}>"
    parts = [marked[at : at + n] for n in _PARTS if n < len(marked) for at in range(len(marked) - n + 1)]
    return np.asarray([_hash("p" + part) for part in parts], dtype=np.uint32)


def _hash(feature: str) -> int:
    return crc32(feature.encode("utf-8", "surrogatepass"))
