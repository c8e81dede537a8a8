"""Measures the cost of adding new items: encoding them, compared with training rows of a dedicated vocabulary.

Some items are held out of training. With a reused vocabulary (SAGE, ``both``) their texts are encoded and mapped, and
known items with the nearest texts provide a stand-in vector (:mod:`train.full_model.new_items`); this is timed, and the
resulting vectors are ranked. If the extractor is fitted to its texts (``hashed``), a new text requires fitting it to
the whole catalogue again, and the time includes that. With a dedicated vocabulary the model is trained without the new
items, and then only their rows are trained on the withheld events, with all other parameters frozen. We know of no
cheaper way to train such a row, and it needs events that new items do not have. Both are evaluated by ranking the new
items among the whole catalogue.

Usage: python -m benchmarks.add_items --data DIR --out DIR [--epochs 30] [--text hashed] [--json]
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from edge_runtime.terminal.console import Console
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out
from train.evaluation.splits import NEW_ITEMS_SHARE, DerivedSplit, hold_out_items
from train.full_model.model import Model
from train.full_model.new_items import new_item_vectors
from train.full_model.recipes import FEATURES, TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.items.extractors import ExtractorConfig, plugin_inputs, text_extractor
from train.items.features import Features
from train.items.language import encode_texts
from train.items.text import ItemTexts
from train.loop.batches import RandomBatches, TrainingSequences, training_batch
from train.loop.fit import FitConfig, batch_users_for
from train.loop.runs import RunFolder
from train.metrics.histories import histories_of
from train.metrics.ranker import scorer
from train.metrics.ranking import rank_targets, recall

LEARNING_RATE = 1e-2
MAX_PASSES = 30
# Training of rows stops when a pass reduces the loss by less than this share.
MIN_GAIN = 0.005

Row = Mapping[str, float | int | str]


def trained(dataset: Dataset, derived: DerivedSplit, config: TrainConfig, folder: Path) -> Model:
    """Return a model trained without the new items; a finished run in ``folder`` is reused."""
    run = RunFolder(folder)
    if not run.claim(describe_run(dataset, config) | {"new_items": new_rows(derived).tolist()}, resume=True):
        train_model(dataset, config, run, derived.split)
    return load_model(run, dataset, derived.split)


def add_by_encoding(model: Model, dataset: Dataset, derived: DerivedSplit, config: TrainConfig) -> Row:
    """Return time and Recall@10 with a reused vocabulary for all new items, and the time for a single item."""
    new = new_rows(derived)
    texts = ItemTexts(dataset.catalogue)
    inputs = plugin_inputs(
        dataset.catalogue, derived.split.train, config.extractors, dim=config.encoder.dim, seed=0, cache_dir=FEATURES
    )
    known, counts = inputs.text(), inputs.counts()

    def timed_vectors(rows: NDArray[np.int64]) -> tuple[Tensor, float]:
        started = time.perf_counter()
        vectors = encode_texts(text_extractor(config.extractors.text), [texts[row] for row in rows], texts, known)
        features = Features(known.extractor, vectors[:, None], np.ones((len(rows), 1), dtype=np.bool_))
        return new_item_vectors(model, known, counts, features), time.perf_counter() - started

    timed_vectors(new[:1])  # warm-up: imports and the feature cache
    _, one_s = timed_vectors(new[:1])
    vectors, seconds = timed_vectors(new)
    with torch.inference_mode():
        table = model.item_vectors().index_copy(0, torch.from_numpy(new).to(vectors.device), vectors)
    result = recall_of(model, table, derived.split.test)
    return row("reused", len(new), seconds, 0, result) | {"seconds_for_one": one_s}


def add_by_training(model: Model, dataset: Dataset, derived: DerivedSplit) -> Row:
    """Return time and Recall@10 with a dedicated vocabulary; the rows of new items are trained in place."""
    new = torch.zeros(len(model.item), 1)
    new[new_rows(derived)] = 1.0
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.item.requires_grad_(True)
    model.item.register_hook(lambda gradient: gradient * new)  # type: ignore[no-untyped-call]  # torch's own
    before = recall_of(model, model.item_vectors(), derived.split.test)
    histories = with_new_items(leave_one_out(dataset.sequences).train, derived)
    started = time.perf_counter()
    passes = train_rows(model, TrainingSequences(histories, model.max_length))
    seconds = time.perf_counter() - started
    n_events = 0 if derived.withheld is None else len(derived.withheld)
    result = recall_of(model, model.item_vectors(), derived.split.test)
    return row("dedicated", len(new_rows(derived)), seconds, n_events, result) | {
        "passes": passes,
        "recall@10_before": before,
    }


def train_rows(model: Model, sequences: TrainingSequences) -> int:
    """Train until a pass reduces the loss by less than ``MIN_GAIN``; return the number of passes."""
    optimizer = torch.optim.AdamW([model.item], lr=LEARNING_RATE, weight_decay=0.0)
    batches = RandomBatches(len(sequences), batch_users_for(len(sequences)), 0)
    model.eval()
    last = float("inf")
    for batches.epoch in range(MAX_PASSES):
        losses = []
        for users in batches:
            loss = model(training_batch([sequences[user] for user in users]))["next"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if np.mean(losses) > (1 - MIN_GAIN) * last:
            break
        last = float(np.mean(losses))
    return batches.epoch + 1


def with_new_items(train: Sequences, derived: DerivedSplit) -> list[NDArray[np.int32]]:
    """Return the training histories that contain a new item."""
    is_new = np.isin(np.arange(train.rows.max() + 1), new_rows(derived))
    return [rows for rows in train if is_new[rows].any()]


def new_rows(derived: DerivedSplit) -> NDArray[np.int64]:
    """Return the catalogue rows of the items that were held out."""
    return np.empty(0, dtype=np.int64) if derived.new_items is None else np.flatnonzero(derived.new_items)


def recall_of(model: Model, table: Tensor, targets: Targets) -> float:
    """Return Recall@10 over the whole catalogue, history excluded, with ``table`` as the item vectors."""
    histories = histories_of(targets)
    with torch.inference_mode():
        ranked = rank_targets(scorer(model, table, histories), histories, targets.rows, len(table))
    return float(recall(ranked.excluded, 10).mean())


def row(vocabulary: str, n_items: int, seconds: float, n_events: int, result: float) -> dict[str, float | int | str]:
    """Return one row of the table."""
    return {
        "vocabulary": vocabulary,
        "new_items": n_items,
        "events_needed": n_events,
        "seconds": seconds,
        "ms_an_item": 1000 * seconds / max(n_items, 1),
        "recall@10": result,
    }


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for name in ("vocabulary", "new items", "events needed", "seconds", "ms per item", "Recall@10 of new items"):
        table.add_column(name, justify="left" if name == "vocabulary" else "right")
    for one in rows:
        table.add_row(
            str(one["vocabulary"]), f"{one['new_items']:,}", f"{one['events_needed']:,}",
            f"{one['seconds']:.2f}", f"{one['ms_an_item']:.3f}", f"{one['recall@10']:.4f}",
        )  # fmt: skip
    console.print(table)


def main() -> None:
    """Train twice without some items, add them in both ways, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30, help="Maximum epochs of each training.")
    parser.add_argument("--text", default="hashed", help="Text extractor.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    dataset = read_folder(options.data)
    derived = hold_out_items(dataset.sequences, NEW_ITEMS_SHARE, len(dataset.catalogue), seed=0)
    plain = TrainConfig(
        fit=FitConfig(batch_users=batch_users_for(len(dataset.sequences)), max_epochs=options.epochs),
        extractors=ExtractorConfig(text=options.text),
    )
    reused = replace(plain, plugins={"sage": {"vocabulary": "both"}})
    dedicated = replace(plain, plugins={"sage": {"vocabulary": "dedicated"}})
    rows = [
        add_by_encoding(trained(dataset, derived, reused, options.out / "reused"), dataset, derived, reused),
        add_by_training(trained(dataset, derived, dedicated, options.out / "dedicated"), dataset, derived),
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows, Console())


if __name__ == "__main__":
    main()
