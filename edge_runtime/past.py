"""The history as the ranking needs it: catalogue rows, kept up to date event by event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from edge_runtime.ranking import Rows
from edge_runtime.state.history import DISLIKE, Event


def _no_rows() -> Rows:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Past:
    """What a person did with items of this catalogue; those that it lacks are left out.

    Attributes:
        sequence: the newest interactions, oldest first, at most as many as the encoder looks at.
        seen: everything that must not be recommended: met or disliked.
        last_id: of the newest event in it.
    """

    sequence: Rows = field(default_factory=_no_rows)
    seen: Rows = field(default_factory=_no_rows)
    last_id: int = 0

    @classmethod
    def of_ids(cls, item_ids: Sequence[str], row_of: Mapping[str, int], max_length: int) -> Self:
        """Return the past that is given as item ids, oldest first, all of them interactions."""
        rows = np.array([row_of[one] for one in item_ids if one in row_of], dtype=np.int64)
        return cls(rows[-max_length:], rows)

    def and_then(self, events: Sequence[Event], row_of: Mapping[str, int], max_length: int) -> "Past":
        """Return the past after more events, oldest first; a dislike hides its item and is no interaction."""
        if not events:
            return self
        known = [(row_of[event.item_id], event.event != DISLIKE) for event in events if event.item_id in row_of]
        rows = np.array([row for row, _ in known], dtype=np.int64)
        wanted = rows[np.array([is_wanted for _, is_wanted in known], dtype=bool)]
        return Past(
            sequence=np.concatenate([self.sequence, wanted])[-max_length:],
            seen=np.concatenate([self.seen, rows]),
            last_id=events[-1].id,
        )
