"""Compares history vectors: the embedding of the history as text, and means of its items' embeddings.

LLMRec is described with the user's history and situation as text. Training needs a vector for every prefix of every
history, and phones do not run a language model, so our implementation uses a mean with higher weights for newer events
(:mod:`train.plugins.llmrec_history`). This benchmark measures the loss: how well each vector retrieves the next item of
test users by cosine similarity, among the whole catalogue, history excluded. Nothing is trained.

Cosine similarities are computed with the original text embeddings (``plain``), and after the whitening that LLMRec's
maps start from (``whitened``). A language model truncates long texts (MiniLM at 256 tokens), so of long histories only
the newest events are used.

Usage: python -m benchmarks.history_text --data DIR [--text minilm] [--users 2000] [--seed 0] [--json]
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table
from torch import Tensor

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar
from train.data.dataset import Catalogue
from train.data.folder import read_folder
from train.data.split import Targets, leave_one_out
from train.evaluation.significance import paired_bootstrap
from train.full_model.recipes import FEATURES
from train.items.blocks import Block, EncodedInputs, Extractor, Inputs
from train.items.extractors import ExtractorConfig, plugin_inputs, text_extractor
from train.items.features import Features, text_space
from train.items.language import Situation, encode_texts, history_text, situation_at
from train.items.text import ItemTexts
from train.items.whitening import Whitening
from train.loop.batches import pad
from train.metrics.histories import histories_of, select_targets
from train.metrics.ranking import BATCH_USERS, ndcg, rank_targets, recall
from train.objectives.contrast import directions
from train.plugins.llmrec import LlmRecConfig
from train.plugins.llmrec_history import newest_means

AS_TEXT, WITH_SITUATION = "history as text", "history and situation"
MEAN, NEWEST = "recency mean of items", "newest item"
DEFAULTS = LlmRecConfig()

Row = Mapping[str, float | str]


def sample(test: Targets, n_users: int, seed: int) -> Targets:
    """Return the targets of a random sample of ``n_users`` users, or of all users if there are fewer."""
    chosen = np.random.default_rng(seed).permutation(len(test))[:n_users]
    return select_targets(test, np.isin(np.arange(len(test)), chosen))


def situations(test: Targets) -> list[Situation | None]:
    """Return the situation of each user at the time of the target, without the target itself."""
    last = test.sequences.offsets[test.users + 1] - 1
    before = test.sequences.keep(~np.isin(np.arange(test.sequences.n_events), last))
    times = test.sequences.timestamps[last]
    return [situation_at(before, int(user), int(now)) for user, now in zip(test.users, times, strict=True)]


def vectors_of(
    test: Targets, catalogue: Catalogue, extractor: Extractor[str], known: Features
) -> Iterator[tuple[str, Tensor]]:
    """Yield the name of each method and its history vectors ``[U, width]``, in the space of item vectors.

    Without timestamps users have no situation, and that method is skipped.
    """
    histories, items = histories_of(test), ItemTexts(catalogue)
    no_situations: list[Situation | None] = [None] * len(test)
    for name, of_users in {AS_TEXT: no_situations, WITH_SITUATION: situations(test)}.items():
        if name == AS_TEXT or any(of_users):
            texts = [history_text(catalogue, rows, one) for rows, one in zip(histories, of_users, strict=True)]
            yield name, torch.from_numpy(encode_texts(with_progress(extractor, name), texts, items, known))
    space = torch.from_numpy(text_space(known))
    yield MEAN, torch.cat(list(_means(histories, space)))
    yield NEWEST, space[[int(rows[-1]) for rows in histories]]


def _means(histories: Sequence[NDArray[np.int32]], space: Tensor) -> Iterator[Tensor]:
    has_text = (space != 0).any(1).float()
    for start in range(0, len(histories), BATCH_USERS):
        rows, mask = pad(histories[start : start + BATCH_USERS])
        yield newest_means(space, rows, mask * has_text[rows], DEFAULTS.decay)


def with_progress(extractor: Extractor[str], title: str) -> Extractor[str]:
    """Return an extractor with the same output that shows its progress and the total time on stderr."""
    console = Console(stderr=True)

    def encode(texts: Inputs[str]) -> EncodedInputs:
        encoded = extractor.encode(texts)
        return EncodedInputs(encoded.width, blocks(encoded, len(texts)))

    def blocks(encoded: EncodedInputs, n_texts: int) -> Iterator[Block]:
        started = time.perf_counter()
        with progress_bar(console, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
            task = bar.add_task(title, total=n_texts)
            for block in encoded.blocks:
                yield block
                bar.advance(task, len(block.which))
        if n_texts > 1:
            console.print(f"{title}: {n_texts:,} texts, {time.perf_counter() - started:.1f} s")

    return Extractor(extractor.name, encode)


def measure(test: Targets, catalogue: Catalogue, extractor: Extractor[str], known: Features) -> list[Row]:
    """Return the metrics of each method in each space, and their differences from the recency-weighted mean."""
    space = torch.from_numpy(text_space(known))
    has_text = (space != 0).any(1)
    whitening = Whitening(space[has_text], DEFAULTS.shrinkage)
    by_method = dict(vectors_of(test, catalogue, extractor, known))
    rows: list[Row] = []
    for name, items in {"plain": space, "whitened": directions(whitening(space)) * has_text[:, None]}.items():
        queries = {
            method: directions(vectors) if name == "plain" else directions(whitening(directions(vectors)))
            for method, vectors in by_method.items()
        }
        rows += compared(name, {method: ranks(vectors, items, test) for method, vectors in queries.items()})
    return rows


def ranks(queries: Tensor, items: Tensor, test: Targets) -> NDArray[np.int64]:
    """Return the rank of each target by the products of ``queries`` ``[U, width]`` and ``items`` ``[n, width]``."""

    def score(users: NDArray[np.int64]) -> Tensor:
        return queries[torch.from_numpy(users)] @ items.T

    return rank_targets(score, histories_of(test), test.rows, len(items)).excluded


def compared(space: str, ranks_of: Mapping[str, NDArray[np.int64]]) -> list[Row]:
    """Return a row for each method, from the ranks of the targets."""
    gains = {method: ndcg(of_method, 10)[None] for method, of_method in ranks_of.items()}
    rows: list[Row] = []
    for method, of_method in ranks_of.items():
        row: dict[str, float | str] = {
            "vector": method,
            "cosine": space,
            "recall@10": float(recall(of_method, 10).mean()),
            "ndcg@10": float(gains[method].mean()),
        }
        if method != MEAN:
            against = paired_bootstrap(gains[method], gains[MEAN])
            row |= {"ndcg@10_over_mean": against.difference, "p": against.p_value}
        rows.append(row)
    return rows


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for name in ("vector", "cosine", "Recall@10", "NDCG@10", "over mean", "p"):
        table.add_column(name, justify="left" if name in ("vector", "cosine") else "right")
    for row in rows:
        against = (f"{row['ndcg@10_over_mean']:+.4f}", f"{row['p']:.4f}") if "p" in row else ("", "")
        table.add_row(
            str(row["vector"]), str(row["cosine"]), f"{row['recall@10']:.4f}", f"{row['ndcg@10']:.4f}", *against
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Encode the histories of test users with each method, rank their next items, and print the metrics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", default="minilm", help="Text extractor.")
    parser.add_argument("--users", type=int, default=2000, help="Number of test users, sampled at random.")
    parser.add_argument("--seed", type=int, default=0, help="Random seed of the sample.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    dataset = read_folder(options.data)
    split = leave_one_out(dataset.sequences)
    test = sample(split.test, options.users, options.seed)
    config = ExtractorConfig(text=options.text)
    known = plugin_inputs(dataset.catalogue, split.train, config, dim=1, seed=0, cache_dir=FEATURES).text()
    rows = measure(test, dataset.catalogue, text_extractor(options.text), known)
    if options.json:
        about = {"data": dataset.name, "text": known.extractor, "users": len(test), "seed": options.seed}
        print(json.dumps(about | {"rows": rows}, indent=1))
    else:
        show(rows, Console())


if __name__ == "__main__":
    main()
