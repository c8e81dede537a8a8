"""Changed, inserted and removed rows of a table of bytes."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.delta.cursor import Cursor, dump_array, dump_numbers

MAX_EDITS: Final = 1 << 20
"""Maximum number of edits of a tensor, so that a reader's memory for them is bounded."""

Rows = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Edits:
    """Each edit copies ``skip`` rows of the older table, leaves out ``remove`` of them, and puts new rows there.

    What follows the last edit is copied.

    Attributes:
        skip, remove, insert: numbers of rows ``[n]``.
        values: the new rows, uint8 ``[insert.sum(), width]``.
    """

    skip: Rows
    remove: Rows
    insert: Rows
    values: Bytes

    @classmethod
    def between(cls, new: Bytes, old_kept: Rows, new_kept: Rows, n_old: int) -> Self:
        """Return the edits that lead from a table of ``n_old`` rows to ``new``.

        Args:
            new: the newer table ``[n, width]``.
            old_kept: the rows of the older table that are in ``new``, strictly ascending.
            new_kept: where they are there, strictly ascending.
            n_old: number of rows of the older table.
        """
        before = np.diff(old_kept, prepend=-1, append=n_old) - 1
        after = np.diff(new_kept, prepend=-1, append=len(new)) - 1
        places = np.flatnonzero(before + after)
        is_new = np.ones(len(new), dtype=bool)
        is_new[new_kept] = False
        return cls(np.diff(places, prepend=0), before[places], after[places], new[is_new])

    def dump(self) -> bytes:
        """Return the bytes; of the values, all first bytes come first."""
        lists = (dump_array(numbers) for numbers in (self.skip, self.remove, self.insert))
        return b"".join((dump_numbers(len(self.skip)), *lists, self.values.T.tobytes()))

    @classmethod
    def read(cls, cursor: Cursor, n_old: int, n_new: int, width: int) -> Self:
        """Read edits from ``n_old`` to ``n_new`` rows of ``width`` bytes.

        Raises:
            DeltaError: they do not lead from the one number to the other.
        """
        n = cursor.number()
        if n > MAX_EDITS:
            raise cursor.error(f"found {n:,} edits, expected at most {MAX_EDITS:,}")
        skip, remove, insert = (cursor.numbers(n) for _ in range(3))
        if (skip[1:] == 0).any():
            raise cursor.error("found two edits at the same row, expected one")
        most = max(n_old, n_new)
        if max(int(numbers.max(initial=0)) for numbers in (skip, remove, insert)) > most:  # their sums could overflow
            raise cursor.error(f"found an edit of more rows than the {most:,} of the larger version")
        n_used, n_removed, n_inserted = int(skip.sum() + remove.sum()), int(remove.sum()), int(insert.sum())
        if n_used > n_old or n_old - n_removed + n_inserted != n_new:
            raise cursor.error(
                f"found edits of {n_used:,} rows that lead to {n_old - n_removed + n_inserted:,}, expected edits of at "
                f"most {n_old:,} rows that lead to {n_new:,}"
            )
        values = np.frombuffer(cursor.take(n_inserted * width), np.uint8).reshape(width, n_inserted).T
        return cls(skip, remove, insert, values)

    def apply(self, old: Bytes) -> Bytes:
        """Return the newer table; ``old`` has the number of rows that the edits were read for."""
        kept_before = np.cumsum(self.skip)
        is_removed = _runs(kept_before + np.cumsum(self.remove) - self.remove, self.remove, len(old))
        n_new = len(old) - int(self.remove.sum()) + len(self.values)
        is_inserted = _runs(kept_before + np.cumsum(self.insert) - self.insert, self.insert, n_new)
        new = np.empty((n_new, old.shape[1]), dtype=np.uint8)
        new[is_inserted] = self.values
        new[~is_inserted] = old[~is_removed]
        return new


def _runs(starts: Rows, lengths: Rows, n: int) -> NDArray[np.bool_]:
    """Return which of ``n`` rows are in one of some runs, which do not touch each other."""
    steps = np.zeros(n + 1, dtype=np.int8)
    filled = lengths > 0
    steps[starts[filled]] = 1
    steps[(starts + lengths)[filled]] = -1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
