"""What a sceptic can run in a minute: checks of a trained model and of its split, each a verdict with figures.

A figure that survives a renaming of the items does not live on their order; one that a shuffled history does not hurt
comes from no sequence; a list that shows what somebody has just bought is no recommendation; and an event that was both
learnt and asked for is no test.
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
from train.evaluation.splits import Derived
from train.metrics.histories import histories_of, shuffle_histories, with_histories
from train.metrics.lists import NOTHING, Lists, model_lists
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import ndcg

# Rounding may turn a few near ties; a dependence on item order turns many ranks.
LEAST_SAME_RANKS = 0.99
MOST_NDCG_CHANGE = 1e-3
LIST_LENGTH = 10


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    Attributes:
        name: of the check.
        passed: whether nothing speaks against the figures.
        sentence: what was found and what was expected.
        figures: the numbers behind it, by name.
    """

    name: str
    passed: bool
    sentence: str
    figures: Mapping[str, float]


def run_checks(model: Ranker, derived: Derived, *, seed: int = 0) -> list[Verdict]:
    """Run every check on the test targets of a split that ``model`` was trained on."""
    lists, _ = model_lists(model, derived.split.test, LIST_LENGTH)
    return [
        check_permutation(model, derived.split.test, seed=seed),
        check_order(model, derived.split.test, seed=seed),
        check_lists(lists, histories_of(derived.split.test)),
        check_leaks(derived),
    ]


def check_permutation(model: Ranker, targets: Targets, *, seed: int) -> Verdict:
    """Rename every item at random, in the table, the histories and the targets: the figures must stay.

    It would find ties broken by row, a padding row that is looked at, and rows that mean something by their number.
    """
    plain = rank_split(model, targets)
    with torch.inference_mode():
        table = model.item_vectors()
    n_items = len(table)
    old_row = np.random.default_rng(seed).permutation(n_items)
    new_row = np.argsort(old_row).astype(np.int32)
    histories = [new_row[rows] for rows in histories_of(targets)]
    renamed = Targets(targets.users, new_row[targets.rows], targets.sequences, targets.n_held_out)
    permuted = rank_split(_Renamed(model, old_row, table.device), with_histories(renamed, histories))
    same = float(np.mean(plain.excluded == permuted.excluded))
    before, after = float(ndcg(plain.excluded, 10).mean()), float(ndcg(permuted.excluded, 10).mean())
    return Verdict(
        name="permuted items",
        passed=same >= LEAST_SAME_RANKS and abs(after - before) <= MOST_NDCG_CHANGE,
        sentence=f"With items renamed NDCG@10 is {after:.4f} for {before:.4f}, and {same:.2%} of the ranks are the "
        f"same; expected {LEAST_SAME_RANKS:.0%} or more.",
        figures={"ndcg@10": before, "ndcg@10_permuted": after, "share_same_rank": same},
    )


def check_order(model: Ranker, targets: Targets, *, seed: int) -> Verdict:
    """Shuffle every history: a model of sequences must get worse, beyond chance over users."""
    plain = ndcg(rank_split(model, targets).excluded, 10)
    shuffled = ndcg(rank_split(model, shuffle_histories(targets, seed=seed)).excluded, 10)
    found = paired_bootstrap(shuffled[None], plain[None], seed=seed)
    relative = 0.0 if found.relative is None else found.relative
    return Verdict(
        name="shuffled histories",
        passed=found.high < 0,
        sentence=f"With histories shuffled NDCG@10 is {shuffled.mean():.4f} for {plain.mean():.4f} ({relative:+.1%}, "
        f"95 % interval of the difference {found.low:+.4f} to {found.high:+.4f}); expected below 0.",
        figures={
            "ndcg@10": float(plain.mean()),
            "ndcg@10_shuffled": float(shuffled.mean()),
            "relative": relative,
            "p_value": found.p_value,
        },
    )


def check_lists(lists: Lists, histories: list[RowArray]) -> Verdict:
    """Look for an item of the history, or the same item twice, in every list ``[U, k]``."""
    n_seen = sum(bool(np.isin(shown, rows).any()) for shown, rows in zip(lists, histories, strict=True))
    ordered = np.sort(lists, axis=1)
    repeats = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NOTHING)).any(axis=1)
    return Verdict(
        name="seen items",
        passed=len(lists) > 0 and n_seen == 0 and not repeats.any(),
        sentence=f"Of {len(lists)} lists, {n_seen} hold an item of the history and {int(repeats.sum())} an item twice; "
        "expected none.",
        figures={"n_lists": float(len(lists)), "n_with_seen": float(n_seen), "n_with_repeat": float(repeats.sum())},
    )


def check_leaks(derived: Derived) -> Verdict:
    """Look for events that are learnt and asked for, and for new items that occur in training.

    What is learnt of a user must be part of what stands before the user's target, as often as it stands there: the
    target, or anything after it, would be one too many.
    """
    split = derived.split
    n_leaks = {"validation": _n_leaks(split, split.valid), "test": _n_leaks(split, split.test)}
    learnt = np.concatenate([split.train.rows, split.valid.rows])
    n_new = 0 if derived.new_items is None else int(derived.new_items[learnt].sum())
    return Verdict(
        name="leaks",
        passed=not (any(n_leaks.values()) or n_new),
        sentence=f"Training knows something from the target on of {n_leaks['validation']} validation and "
        f"{n_leaks['test']} test users; training and validation hold {n_new} events of held-out items; expected none.",
        figures={f"n_{name}": float(n) for name, n in n_leaks.items()} | {"n_new_item_events": float(n_new)},
    )


class _Renamed:
    """A model whose items have other rows; row ``r`` of it is row ``old_row[r]`` of the model."""

    def __init__(self, model: Ranker, old_row: IntArray, device: torch.device) -> None:
        self._model = model
        self._old_row = torch.from_numpy(old_row).to(device)
        self._new_row = torch.from_numpy(np.argsort(old_row)).to(device)
        self.training = model.training
        self.max_length = model.max_length

    def item_vectors(self) -> Tensor:
        return self._model.item_vectors()[self._old_row]

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        return self._model.user_states(self._old_row[rows], mask, table[self._new_row])

    def train(self, mode: bool = True) -> Any:  # noqa: ANN401 - as nn.Module declares it
        self.training = mode
        return self._model.train(mode)


def _n_leaks(split: Split, targets: Targets) -> int:
    """Return how many target users have more of some item in training than before the target."""
    n_items = int(max(split.train.rows.max(initial=0), targets.sequences.rows.max(initial=0))) + 1
    learnt = _counted(targets.users, [split.train.of(int(user)) for user in targets.users], n_items)
    before = _counted(targets.users, histories_of(targets), n_items)
    place = np.minimum(np.searchsorted(before[0], learnt[0]), max(0, len(before[0]) - 1))
    known = np.zeros(len(learnt[0]), dtype=np.int64)
    if len(before[0]):
        known = np.where(before[0][place] == learnt[0], before[1][place], 0)
    return len(np.unique(learnt[0][learnt[1] > known] // n_items))


def _counted(users: IntArray, histories: list[RowArray], n_items: int) -> tuple[IntArray, IntArray]:
    """Return each distinct pair of user and item as a number, ascending, and how often it occurs."""
    user = np.repeat(users, [len(rows) for rows in histories])
    rows = np.concatenate([*histories, np.empty(0, np.int32)])
    pairs, counts = np.unique(user * n_items + rows, return_counts=True)
    return pairs, counts
