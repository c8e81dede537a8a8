"""Sanity checks of a trained model and of its split; each returns a verdict with metrics.

The checks detect metrics that depend on the order of the catalogue, models that ignore the order of events, lists that
contain items of the history or duplicates, and test events in the training data.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from train.data.sequences import IntArray, RowArray
from train.data.split import Split, Targets
from train.evaluation.significance import paired_bootstrap
from train.evaluation.splits import DerivedSplit
from train.metrics.histories import histories_of, shuffle_histories, with_histories
from train.metrics.lists import PADDING, Lists, model_lists
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import ndcg

# Rounding may change a few near ties; dependence on the item order changes many ranks.
MIN_SAME_RANKS = 0.99
MAX_NDCG_CHANGE = 1e-3
LIST_LENGTH = 10


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check.

    Attributes:
        name: name of the check.
        passed: whether the check passed.
        sentence: the result and what was expected.
        figures: the metrics behind it, by name.
    """

    name: str
    passed: bool
    sentence: str
    figures: Mapping[str, float]


def run_checks(model: Ranker, derived: DerivedSplit, *, seed: int = 0) -> list[Verdict]:
    """Run all checks on the test targets of the split that ``model`` was trained on."""
    lists, _ = model_lists(model, derived.split.test, LIST_LENGTH)
    return [
        check_permutation(model, derived.split.test, seed=seed),
        check_order(model, derived.split.test, seed=seed),
        check_lists(lists, histories_of(derived.split.test)),
        check_leaks(derived),
    ]


def check_permutation(model: Ranker, targets: Targets, *, seed: int) -> Verdict:
    """Permute the items at random in table, histories and targets; the metrics must not change.

    This detects ties broken by row, attention to padding rows, and other dependence on row numbers.
    """
    plain = rank_split(model, targets)
    with torch.inference_mode():
        table = model.item_vectors()
    n_items = len(table)
    old_row = np.random.default_rng(seed).permutation(n_items)
    new_row = np.argsort(old_row).astype(np.int32)
    histories = [new_row[rows] for rows in histories_of(targets)]
    permuted_targets = Targets(targets.users, new_row[targets.rows], targets.sequences, targets.n_held_out)
    permuted = rank_split(_Permuted(model, old_row, table.device), with_histories(permuted_targets, histories))
    same = float(np.mean(plain.excluded == permuted.excluded))
    before, after = float(ndcg(plain.excluded, 10).mean()), float(ndcg(permuted.excluded, 10).mean())
    return Verdict(
        name="permuted items",
        passed=same >= MIN_SAME_RANKS and abs(after - before) <= MAX_NDCG_CHANGE,
        sentence=f"With items permuted NDCG@10 is {after:.4f} instead of {before:.4f}, and {same:.2%} of the ranks are "
        f"the same; expected {MIN_SAME_RANKS:.0%} or more.",
        figures={"ndcg@10": before, "ndcg@10_permuted": after, "share_same_rank": same},
    )


def check_order(model: Ranker, targets: Targets, *, seed: int) -> Verdict:
    """Shuffle every history; a sequential model must get significantly worse."""
    plain = ndcg(rank_split(model, targets).excluded, 10)
    shuffled = ndcg(rank_split(model, shuffle_histories(targets, seed=seed)).excluded, 10)
    result = paired_bootstrap(shuffled[None], plain[None], seed=seed)
    relative = 0.0 if result.relative is None else result.relative
    return Verdict(
        name="shuffled histories",
        passed=result.high < 0,
        sentence=f"With histories shuffled NDCG@10 is {shuffled.mean():.4f} instead of {plain.mean():.4f} ("
        f"{relative:+.1%}, 95 % interval of the difference {result.low:+.4f} to {result.high:+.4f}); expected below 0.",
        figures={
            "ndcg@10": float(plain.mean()),
            "ndcg@10_shuffled": float(shuffled.mean()),
            "relative": relative,
            "p_value": result.p_value,
        },
    )


def check_lists(lists: Lists, histories: list[RowArray]) -> Verdict:
    """Look for items of the history, and for duplicates, in every list ``[U, k]``."""
    n_seen = sum(bool(np.isin(shown, rows).any()) for shown, rows in zip(lists, histories, strict=True))
    ordered = np.sort(lists, axis=1)
    repeats = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != PADDING)).any(axis=1)
    return Verdict(
        name="seen items",
        passed=len(lists) > 0 and n_seen == 0 and not repeats.any(),
        sentence=f"Of {len(lists)} lists, {n_seen} contain an item of the history and {int(repeats.sum())} an item "
        "twice; expected none.",
        figures={"n_lists": float(len(lists)), "n_with_seen": float(n_seen), "n_with_repeat": float(repeats.sum())},
    )


def check_leaks(derived: DerivedSplit) -> Verdict:
    """Look for targets in the training data, and for new items in training.

    A user's training events must be a part of the history before the target, with multiplicity: the target, or a later
    event, would be one too many.
    """
    split = derived.split
    n_leaks = {"validation": _n_leaks(split, split.valid), "test": _n_leaks(split, split.test)}
    trained = np.concatenate([split.train.rows, split.valid.rows])
    n_new = 0 if derived.new_items is None else int(derived.new_items[trained].sum())
    return Verdict(
        name="leaks",
        passed=not (any(n_leaks.values()) or n_new),
        sentence=f"Training contains the target or later events of {n_leaks['validation']} validation and "
        f"{n_leaks['test']} test users; training and validation contain {n_new} events of held-out items; expected "
        "none.",
        figures={f"n_{name}": float(n) for name, n in n_leaks.items()} | {"n_new_item_events": float(n_new)},
    )


class _Permuted:
    """A model with permuted items: row ``r`` is row ``old_row[r]`` of the wrapped model."""

    def __init__(self, model: Ranker, old_row: IntArray, device: torch.device) -> None:
        self._model = model
        self._old_row = torch.from_numpy(old_row).to(device)
        self._new_row = torch.from_numpy(np.argsort(old_row)).to(device)
        self.training = model.training
        self.max_length = model.max_length

    def item_vectors(self) -> Tensor:
        return self._model.item_vectors()[self._old_row]

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        return self._model.scores(self._old_row[rows], mask, table[self._new_row])[:, self._old_row]

    def train(self, mode: bool = True) -> Any:  # noqa: ANN401 - as nn.Module declares it
        self.training = mode
        return self._model.train(mode)


def _n_leaks(split: Split, targets: Targets) -> int:
    """Return the number of users who have more events of some item in training than before the target."""
    n_items = int(max(split.train.rows.max(initial=0), targets.sequences.rows.max(initial=0))) + 1
    trained = _counted(targets.users, [split.train.of(int(user)) for user in targets.users], n_items)
    before = _counted(targets.users, histories_of(targets), n_items)
    position = np.minimum(np.searchsorted(before[0], trained[0]), max(0, len(before[0]) - 1))
    known = np.zeros(len(trained[0]), dtype=np.int64)
    if len(before[0]):
        known = np.where(before[0][position] == trained[0], before[1][position], 0)
    return len(np.unique(trained[0][trained[1] > known] // n_items))


def _counted(users: IntArray, histories: list[RowArray], n_items: int) -> tuple[IntArray, IntArray]:
    """Return each distinct pair of user and item as a number, ascending, and its count."""
    user = np.repeat(users, [len(rows) for rows in histories])
    rows = np.concatenate([*histories, np.empty(0, np.int32)])
    pairs, counts = np.unique(user * n_items + rows, return_counts=True)
    return pairs, counts
