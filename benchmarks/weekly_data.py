"""Makes two data folders of one shop: before a week, and after it, with new events and new items."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from train.data.dataset import Catalogue, Dataset
from train.data.folder import read_folder
from train.data.sequences import Sequences
from train.data.split import MIN_EVENTS_TO_TRAIN
from train.evaluation.splits import sample_users


@dataclass(frozen=True, slots=True)
class Weeks:
    """The folders, and what the week brings.

    Attributes:
        before, after: data folders.
        n_events: events of the week.
        n_new_items: items that occur after the week only.
    """

    before: Path
    after: Path
    n_events: int
    n_new_items: int


def make_weeks(data: Path, out: Path, *, n_users: int | None, share: float, new_items: float, seed: int = 0) -> Weeks:
    """Write the folders.

    Published logs have often no dates, so the week is made of the two newest events of random users, and of all events
    of some random items. The items file of the second folder is in random order.

    Args:
        data: the whole data.
        out: receives ``before`` and ``after``.
        n_users: size of a random sample of users; all if None.
        share: share of the events that belong to the week.
        new_items: share of the items that are new in the week.
        seed: random seed.
    """
    dataset, random = read_folder(data), np.random.default_rng(seed)
    sequences = dataset.sequences if n_users is None else sample_users(dataset.sequences, n_users, seed=seed)
    used = np.unique(sequences.rows)
    new = random.choice(used, round(new_items * len(used)), replace=False)
    in_week = np.isin(sequences.rows, new)
    lengths, ends = sequences.lengths, sequences.offsets[1:]
    active = random.permutation(np.flatnonzero(lengths >= MIN_EVENTS_TO_TRAIN + 2))
    n_missing = max(0, round(share * sequences.n_events) - int(in_week.sum()))
    newest = ends[active[: n_missing // 2], None] - [1, 2]
    in_week[newest.ravel()] = True
    before, after = out / "before", out / "after"
    _write(before, dataset, sequences.keep(~in_week), used[~np.isin(used, new)])
    _write(after, dataset, sequences, random.permutation(used))
    return Weeks(before, after, int(in_week.sum()), len(new))


def _write(folder: Path, dataset: Dataset, sequences: Sequences, rows: NDArray[np.integer]) -> None:
    """Write the events, and the items ``rows`` in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.array(dataset.catalogue.item_ids, dtype=object)
    users = np.array(sequences.user_ids, dtype=object)[sequences.users()]
    columns = {"user_id": users, "item_id": ids[sequences.rows], "timestamp": sequences.timestamps}
    pl.DataFrame(columns).write_csv(folder / "interactions.csv")
    lines = "".join(json.dumps(_item(dataset.catalogue, int(row)), ensure_ascii=False) + "\n" for row in rows)
    (folder / "items.jsonl").write_text(lines, "utf-8")


def _item(catalogue: Catalogue, row: int) -> dict[str, object]:
    facts: dict[str, object] = {name: list(values[row]) for name, values in catalogue.fields.items() if values[row]}
    facts |= {"item_id": catalogue.item_ids[row], "title": catalogue.titles[row]}
    return facts | ({"description": catalogue.descriptions[row]} if catalogue.descriptions[row] else {})
