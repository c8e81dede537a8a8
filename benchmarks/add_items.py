"""What it takes to put new items on the shelf: one encoding, against a row of a dedicated vocabulary that is trained.

Some items are held out of training altogether. With a reused vocabulary (SAGE, ``both``) their texts are described and
mapped. With a dedicated one the model is trained without them, and then their rows alone are trained, on the events
that were withheld, while everything else stands still: no cheaper way to a row of one's own is known to us, and it
needs events that a new item does not have. Both are then asked for the new items among the whole catalogue.

Usage: python -m benchmarks.add_items --data DIR --out DIR [--epochs 30] [--text hashed] [--json]
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from train.batches import RandomBatches, TrainingSequences, training_batch
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import Targets, leave_one_out
from train.evaluation.ranking import recall
from train.evaluation.splits import NEW_ITEMS_SHARE, Derived, hold_out_items
from train.fit import FitConfig, batch_users_for
from train.items.extractors import ExtractorConfig, material, text_extractor
from train.items.features import Features
from train.items.text import ItemTexts
from train.model import Model
from train.next_item import describe_run, load_model, train_model
from train.plugins.sage import Sage
from train.ranker import rank_split
from train.recipes import FEATURES, TrainConfig
from train.runs import RunFolder

LEARNING_RATE = 1e-2
MAX_PASSES = 30
# Rows count as learnt when a pass lowers the loss by less than this share.
LEAST_GAIN = 0.005

Row = Mapping[str, float | int | str]


def trained(dataset: Dataset, derived: Derived, config: TrainConfig, folder: Path) -> Model:
    """Return a model that has never seen the new items; a training that is there already is taken."""
    run = RunFolder(folder)
    if not run.claim(describe_run(dataset, config) | {"new_items": new_rows(derived).tolist()}, resume=True):
        train_model(dataset, config, run, derived.split)
    return load_model(run, dataset, derived.split)


def by_encoding(model: Model, dataset: Dataset, derived: Derived, config: TrainConfig) -> Row:
    """Return what a reused vocabulary takes and gives."""
    new = new_rows(derived)
    texts = ItemTexts(dataset.catalogue)
    started = time.perf_counter()
    n_described = sum(
        len(block.which)
        for block in text_extractor(config.extractors.text).describe([texts[row] for row in new]).blocks
    )
    described_s = time.perf_counter() - started
    # The hashed extractor measures the catalogue as a whole: its vectors are those of the material, its time is fair.
    features = material(
        dataset.catalogue, derived.split.train, config.extractors, dim=config.encoder.dim, seed=0, cache_dir=FEATURES
    ).text()
    of_new = Features(features.extractor, np.array(features.vectors[new]), np.array(features.present[new]))
    (sage,) = (module for module in model.plugin_modules.values() if isinstance(module, Sage))
    started = time.perf_counter()
    sage.add_items(of_new)
    encoded_s = time.perf_counter() - started
    found = recall_of(model, derived.split.test)
    return row("reused", n_described, described_s + encoded_s, 0, found) | {"encoding_s": encoded_s}


def by_training(model: Model, dataset: Dataset, derived: Derived) -> Row:
    """Return what a dedicated vocabulary takes and gives; the rows of new items are trained in place."""
    new = torch.zeros(len(model.item), 1)
    new[new_rows(derived)] = 1.0
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.item.requires_grad_(True)
    model.item.register_hook(lambda gradient: gradient * new)  # type: ignore[no-untyped-call]  # torch's own
    before = recall_of(model, derived.split.test)
    histories = with_new_items(leave_one_out(dataset.sequences).train, derived)
    started = time.perf_counter()
    passes = train_rows(model, TrainingSequences(histories, model.max_length))
    seconds = time.perf_counter() - started
    n_events = 0 if derived.withheld is None else len(derived.withheld)
    found = row("dedicated", len(new_rows(derived)), seconds, n_events, recall_of(model, derived.split.test))
    return found | {"passes": passes, "recall@10_before": before}


def train_rows(model: Model, sequences: TrainingSequences) -> int:
    """Train until a pass hardly helps any more; return how many passes that took."""
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
        if np.mean(losses) > (1 - LEAST_GAIN) * last:
            break
        last = float(np.mean(losses))
    return batches.epoch + 1


def with_new_items(train: Sequences, derived: Derived) -> list[np.ndarray[Any, np.dtype[np.int32]]]:
    """Return the training histories in which a new item occurs."""
    is_new = np.isin(np.arange(train.rows.max() + 1), new_rows(derived))
    return [rows for rows in train if is_new[rows].any()]


def new_rows(derived: Derived) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the rows of the items that were held out."""
    return np.empty(0, dtype=np.int64) if derived.new_items is None else np.flatnonzero(derived.new_items)


def recall_of(model: Model, targets: Targets) -> float:
    """Return Recall@10 among the whole catalogue, the history excluded."""
    return float(recall(rank_split(model, targets).excluded, 10).mean())


def row(vocabulary: str, n_items: int, seconds: float, n_events: int, found: float) -> dict[str, float | int | str]:
    """Return one line of the table."""
    return {
        "vocabulary": vocabulary,
        "new_items": n_items,
        "events_needed": n_events,
        "seconds": seconds,
        "ms_an_item": 1000 * seconds / max(n_items, 1),
        "recall@10": found,
    }


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for name in ("vocabulary", "new items", "events needed", "seconds", "ms an item", "Recall@10 of new items"):
        table.add_column(name, justify="left" if name == "vocabulary" else "right")
    for one in rows:
        table.add_row(
            str(one["vocabulary"]), f"{one['new_items']:,}", f"{one['events_needed']:,}",
            f"{one['seconds']:.2f}", f"{one['ms_an_item']:.3f}", f"{one['recall@10']:.4f}",
        )  # fmt: skip
    console.print(table)


def main() -> None:
    """Train twice without some items, add them in both ways, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=30, help="at most, of each training without the new items")
    parser.add_argument("--text", default="hashed", help="extractor of texts")
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
        by_encoding(trained(dataset, derived, reused, options.out / "reused"), dataset, derived, reused),
        by_training(trained(dataset, derived, dedicated, options.out / "dedicated"), dataset, derived),
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows, Console())


if __name__ == "__main__":
    main()
