"""The choice of a split: its name and settings, which are part of a run's configuration."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.data.timestamp_checks import is_unix_time
from train.evaluation.splits import (
    EXTREME_SHARE,
    NEW_ITEMS_SHARE,
    NEW_USERS_SHARE,
    DerivedSplit,
    hold_out_both,
    hold_out_items,
    hold_out_users,
    sample_users,
    split_by_time,
)

SplitName = Literal["standard", "new items", "new users", "extreme", "global time"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """Configuration of a split.

    Attributes:
        split: name of the split; ``standard`` is leave-one-out.
        n_users: size of the sample of users; all users if None.
        seed: random seed of the split, independent of the seed of training, so that all runs use the same split.
    """

    split: SplitName = "standard"
    n_users: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {self.split!r}")
        if self.n_users is not None and self.n_users < 1:
            raise ValueError(f"n_users must be at least 1, got {self.n_users}")


def can_split(dataset: Dataset, plan: SplitConfig) -> bool:
    """Return whether the data has what the split needs: timestamps, for a split by time."""
    return plan.split != "global time" or is_unix_time(int(dataset.sequences.timestamps.max(initial=0)))


def make_split(dataset: Dataset, plan: SplitConfig) -> tuple[Dataset, DerivedSplit]:
    """Return the dataset, possibly reduced to a sample of users, and its split.

    Raises:
        DataError: the data does not have what the split needs.
    """
    if plan.n_users is not None:
        dataset = replace(dataset, sequences=sample_users(dataset.sequences, plan.n_users, seed=plan.seed))
    return dataset, _derive(dataset, plan)


def _derive(dataset: Dataset, plan: SplitConfig) -> DerivedSplit:
    sequences, n_items = dataset.sequences, len(dataset.catalogue)
    match plan.split:
        case "standard":
            return DerivedSplit(leave_one_out(sequences))
        case "new items":
            return hold_out_items(sequences, NEW_ITEMS_SHARE, n_items, seed=plan.seed)
        case "new users":
            return hold_out_users(sequences, NEW_USERS_SHARE, seed=plan.seed)
        case "extreme":
            return hold_out_both(sequences, EXTREME_SHARE, n_items, seed=plan.seed)
        case "global time":
            return split_by_time(sequences)
