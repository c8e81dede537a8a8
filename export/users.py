"""The test users of a verification: the histories that are ranked, and the true next item of each."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from train.data.split import Targets


@dataclass(frozen=True, slots=True)
class TestUsers:
    """Test users of a data folder, or a sample of them.

    Attributes:
        histories: history of each user as catalogue rows, oldest first.
        targets: true next item of each user, catalogue rows.
        n_all: number of test users in the data.
        indices: index of each user in the data.
    """

    __test__ = False  # not a test case of pytest

    histories: tuple[NDArray[np.int32], ...]
    targets: NDArray[np.int32]
    n_all: int
    indices: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def of(cls, targets: Targets, n_users: int, seed: int = 0) -> "TestUsers":
        """Return all test users, or a seeded sample of ``n_users``."""
        chosen = np.arange(len(targets))
        if n_users < len(targets):
            chosen = np.sort(np.random.default_rng(seed).choice(len(targets), n_users, replace=False))
        histories = tuple(targets.history(int(index)) for index in chosen)
        return cls(histories, targets.rows[chosen], len(targets), targets.users[chosen])

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.targets)

    def newcomers(self, n_events: int, n_users: int, seed: int = 0) -> "TestUsers":
        """Return at most ``n_users`` of these users with histories cut to the newest ``n_events``."""
        chosen = np.arange(len(self))
        if n_users < len(self):
            chosen = np.sort(np.random.default_rng(seed).choice(len(self), n_users, replace=False))
        return replace(
            self,
            histories=tuple(self.histories[index][-n_events:] for index in chosen),
            targets=self.targets[chosen],
            indices=self.indices[chosen] if len(self.indices) else self.indices,
        )
