"""Our hashed text features against scikit-learn's vectorizer and decomposition, as a recommender by nearest texts.

Usage: python -m benchmarks.hashed_text --data DIR
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.evaluation.baselines import nearest_text
from train.items.hashed_text import hashed_text
from train.items.text import ItemTexts
from train.metrics.histories import histories_of
from train.metrics.ranking import metrics, rank_targets

WIDTH = 256
N_COLUMNS = 2**18

Vectors = NDArray[np.float32]


def main() -> None:
    """Print seconds and NDCG@10 of each kind of features."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="A data folder.")
    dataset = read_folder(parser.parse_args().data)
    item_texts = ItemTexts(dataset.catalogue)
    texts = [item_texts[row] for row in range(len(item_texts))]
    targets = leave_one_out(dataset.sequences).test
    histories = histories_of(targets)
    for name, encode in ENCODERS.items():
        start = perf_counter()
        vectors = encode(texts)
        seconds = perf_counter() - start
        ranked = rank_targets(nearest_text(histories, vectors), histories, targets.rows, len(texts))
        print(f"{name}: {seconds:.1f} s, NDCG@10 {metrics(ranked.excluded)['ndcg@10']:.4f}")


def _ours(texts: list[str]) -> Vectors:
    encoded = hashed_text(width=WIDTH).encode(texts)
    vectors = np.zeros((len(texts), encoded.width), dtype=np.float32)
    for block in encoded.blocks:
        vectors[block.which] = block.vectors
    return vectors


def _words(texts: list[str]) -> Vectors:
    return _reduced(HashingVectorizer(n_features=N_COLUMNS, alternate_sign=False, norm=None, ngram_range=(1, 2)), texts)


def _characters(texts: list[str]) -> Vectors:
    vectorizer = HashingVectorizer(
        n_features=N_COLUMNS, alternate_sign=False, norm=None, analyzer="char_wb", ngram_range=(3, 5)
    )
    return _reduced(vectorizer, texts)


def _reduced(vectorizer: HashingVectorizer, texts: list[str]) -> Vectors:
    weighted = TfidfTransformer().fit_transform(vectorizer.transform(texts))
    vectors: Vectors = normalize(TruncatedSVD(WIDTH, random_state=0).fit_transform(weighted)).astype(np.float32)
    return vectors


ENCODERS: dict[str, Callable[[list[str]], Vectors]] = {
    "ours": _ours,
    "scikit-learn, words and pairs of words": _words,
    "scikit-learn, 3 to 5 characters": _characters,
}

if __name__ == "__main__":
    main()
