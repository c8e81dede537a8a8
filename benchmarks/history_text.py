"""What a history says as one vector: its text through a language model, against a mean of its items' vectors.

LLMRec is described with the user's history and situation as text. Training needs what every prefix of every history
says, and a phone runs no language model, so ours takes a mean in which newer events weigh more
(:mod:`train.plugins.llmrec_history`). Here is what that costs: how well each finds a test user's next item by cosine,
among the whole catalogue, the history excluded. Nothing is trained.

Cosines are those of the text vectors as they came (``plain``), and after the whitening from which LLMRec's maps start
(``whitened``). A language model reads so many tokens of a text and no more (MiniLM 256): of a long history the newest
events.

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
# What LLMRec has where nothing else is asked for.
USUAL = LlmRecConfig()

Row = Mapping[str, float | str]


def sample(test: Targets, n_users: int, seed: int) -> Targets:
    """Return the targets of ``n_users`` of the users, drawn once from the seed; of all where there are no more."""
    drawn = np.random.default_rng(seed).permutation(len(test))[:n_users]
    return select_targets(test, np.isin(np.arange(len(test)), drawn))


def situations(test: Targets) -> list[Situation | None]:
    """Return each user's situation at the time of the target; the target itself is no event of theirs yet."""
    last = test.sequences.offsets[test.users + 1] - 1
    before = test.sequences.keep(~np.isin(np.arange(test.sequences.n_events), last))
    times = test.sequences.timestamps[last]
    return [situation_at(before, int(user), int(now)) for user, now in zip(test.users, times, strict=True)]


def vectors_of(
    test: Targets, catalogue: Catalogue, extractor: Extractor[str], known: Features
) -> Iterator[tuple[str, Tensor]]:
    """Yield what histories say in each way, its name and vectors ``[U, width]`` in the items' space.

    Without a clock nobody has a situation, and that way is left out.
    """
    histories, items = histories_of(test), ItemTexts(catalogue)
    nowhere: list[Situation | None] = [None] * len(test)
    told = {AS_TEXT: nowhere, WITH_SITUATION: situations(test)}
    for name, each in told.items():
        if name == AS_TEXT or any(each):
            texts = [history_text(catalogue, rows, situation) for rows, situation in zip(histories, each, strict=True)]
            yield name, torch.from_numpy(encode_texts(watched(extractor, name), texts, items, known))
    space = torch.from_numpy(text_space(known))
    yield MEAN, torch.cat(list(_means(histories, space)))
    yield NEWEST, space[[int(rows[-1]) for rows in histories]]


def _means(histories: Sequence[NDArray[np.int32]], space: Tensor) -> Iterator[Tensor]:
    described = (space != 0).any(1).float()
    for start in range(0, len(histories), BATCH_USERS):
        rows, mask = pad(histories[start : start + BATCH_USERS])
        yield newest_means(space, rows, mask * described[rows], USUAL.decay)


def watched(extractor: Extractor[str], title: str) -> Extractor[str]:
    """Return the same extractor, which shows on stderr how far it is, and afterwards how long many texts took."""
    console = Console(stderr=True)

    def encode(texts: Inputs[str]) -> EncodedInputs:
        described = extractor.encode(texts)
        return EncodedInputs(described.width, blocks(described, len(texts)))

    def blocks(described: EncodedInputs, n_texts: int) -> Iterator[Block]:
        started = time.perf_counter()
        with progress_bar(console, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
            task = bar.add_task(title, total=n_texts)
            for block in described.blocks:
                yield block
                bar.advance(task, len(block.which))
        if n_texts > 1:
            console.print(f"{title}: {n_texts:,} texts, {time.perf_counter() - started:.1f} s")

    return Extractor(extractor.name, encode)


def measure(test: Targets, catalogue: Catalogue, extractor: Extractor[str], known: Features) -> list[Row]:
    """Return the figures of each way in each space, and how they compare with the mean's."""
    space = torch.from_numpy(text_space(known))
    described = (space != 0).any(1)
    whitening = Whitening(space[described], USUAL.shrinkage)
    found = dict(vectors_of(test, catalogue, extractor, known))
    rows: list[Row] = []
    for name, items in {"plain": space, "whitened": directions(whitening(space)) * described[:, None]}.items():
        aims = {
            way: directions(vectors) if name == "plain" else directions(whitening(directions(vectors)))
            for way, vectors in found.items()
        }
        rows += compared(name, {way: ranks(vectors, items, test) for way, vectors in aims.items()})
    return rows


def ranks(queries: Tensor, items: Tensor, test: Targets) -> NDArray[np.int64]:
    """Return the rank of each target by the products of ``queries`` ``[U, width]`` and ``items`` ``[n, width]``."""

    def score(users: NDArray[np.int64]) -> Tensor:
        return queries[torch.from_numpy(users)] @ items.T

    return rank_targets(score, histories_of(test), test.rows, len(items)).excluded


def compared(space: str, found: Mapping[str, NDArray[np.int64]]) -> list[Row]:
    """Return a row for each way, from the ranks of the targets."""
    gains = {way: ndcg(of_way, 10)[None] for way, of_way in found.items()}
    rows: list[Row] = []
    for way, of_way in found.items():
        row: dict[str, float | str] = {
            "vector": way,
            "cosine": space,
            "recall@10": float(recall(of_way, 10).mean()),
            "ndcg@10": float(gains[way].mean()),
        }
        if way != MEAN:
            against = paired_bootstrap(gains[way], gains[MEAN])
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
    """Encode the histories of some test users in each way, look for their next items, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--text", default="minilm", help="extractor of texts")
    parser.add_argument("--users", type=int, default=2000, help="test users, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
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
