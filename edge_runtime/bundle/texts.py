"""Columns that stay on disk: texts, lists of integers, and the rows of sorted ids, read when they are asked for.

Their arrays may be on disk (SPEC section 12). An entry is checked when it is read, because checking all of them would
read the whole file.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.disk_arrays import DiskArray
from edge_runtime.errors import BundleError

_N_CACHED: Final = 2048
_BLOCK: Final = 1 << 16

Integers = NDArray[np.integer[Any]] | DiskArray
Starts = Integers
"""Position of the first entry of each row, and the number of entries at the end, ``[n + 1]``, ascending."""


class Texts(Sequence[str]):
    """Texts one after the other in UTF-8.

    Args:
        starts: byte positions.
        data: uint8 ``[starts[-1]]``.
        name: of the column, for messages.
        max_length: maximum number of characters.
        min_length: minimum number of characters.
    """

    def __init__(self, starts: Starts, data: Integers, name: str, *, max_length: int, min_length: int = 0) -> None:
        self._starts = starts
        self._data = data
        self._name = name
        self._lengths = range(min_length, max_length + 1)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return one text, or several.

        Raises:
            BundleError: the text violates SPEC section 12.
        """
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        try:
            text = str(self.encoded(index), "utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(f"{self._name}: text {index} is not UTF-8 ({error.reason})") from error
        if len(text) not in self._lengths:
            raise BundleError(
                f"{self._name}: text {index} has {len(text):,} characters, expected {self._lengths[0]} to "
                f"{self._lengths[-1]:,}"
            )
        return text

    def encoded(self, index: int) -> bytes:
        """Return the bytes of one text."""
        start, stop = _bounds(self._starts, index, len(self._data), self._name)
        if stop - start > 4 * self._lengths[-1]:
            raise BundleError(f"{self._name}: text {index} has {stop - start:,} bytes, too many")
        return self._data[start:stop].tobytes()


class Lists(Sequence[Sequence[int]]):
    """Lists of integers.

    Attributes:
        starts: positions in ``values``.
        values: the integers of all lists.
    """

    def __init__(self, starts: Starts, values: Integers, name: str, n_values: int) -> None:
        """Create the column; its integers are below ``n_values``."""
        self.starts = starts
        self.values = values
        self._name = name
        self._n_values = n_values
        self._is_checked = False

    def __len__(self) -> int:
        return len(self.starts) - 1

    def check(self) -> None:
        """Check all lists, in blocks and once, for those who read the columns as a whole.

        Raises:
            BundleError: they violate SPEC section 12.
        """
        if self._is_checked:
            return
        before = 0
        for first in range(0, len(self.starts), _BLOCK):
            starts = self.starts[first : first + _BLOCK].astype(np.int64)
            if starts[0] < before or (np.diff(starts) < 0).any():
                raise BundleError(f"{self._name}: the starts descend after row {first:,}")
            before = int(starts[-1])
        if before > len(self.values):
            raise BundleError(f"{self._name}: ends at {before:,}, outside its {len(self.values):,} entries")
        for first in range(0, len(self.values), _BLOCK):
            if int(self.values[first : first + _BLOCK].max(initial=0)) >= self._n_values:
                raise BundleError(f"{self._name}: has an index outside its {self._n_values:,} values")
        self._is_checked = True

    @overload
    def __getitem__(self, index: int) -> list[int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[int]]: ...
    def __getitem__(self, index: int | slice) -> list[int] | list[list[int]]:
        """Return one list, or several.

        Raises:
            BundleError: the list violates SPEC section 12.
        """
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        start, stop = _bounds(self.starts, index, len(self.values), self._name)
        values: list[int] = self.values[start:stop].tolist()
        if any(value >= self._n_values for value in values):
            raise BundleError(f"{self._name}: row {index} has an index outside its {self._n_values:,} values")
        return values


class SortedRows(Mapping[str, int]):
    """The row of each text of a column, found by binary search.

    Args:
        texts: distinct.
        order: the rows in ascending order of their bytes.
    """

    def __init__(self, texts: Texts, order: Integers) -> None:
        self._texts = texts
        self._order = order
        self._encoded = lru_cache(_N_CACHED)(self._read)  # each search starts with the same ones

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __getitem__(self, text: str) -> int:
        row = self._row(text)
        if row is None:
            raise KeyError(text)
        return row

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self._row(text) is not None

    def get(self, text: str, default: Any = None) -> Any:  # noqa: ANN401 - as in Mapping
        """Return the row of a text, or ``default``."""
        row = self._row(text)
        return default if row is None else row

    def _row(self, text: str) -> int | None:
        wanted = text.encode(errors="surrogatepass")
        position = bisect_left(range(len(self._order)), wanted, key=self._encoded)
        if position < len(self._order) and self._encoded(position) == wanted:
            return self._order.item(position)
        return None

    def _read(self, position: int) -> bytes:
        row = self._order.item(position)
        if row >= len(self._texts):
            raise BundleError(f"the order of the item ids has the row {row}, expected below {len(self._texts):,}")
        return self._texts.encoded(row)


def _bounds(starts: Starts, index: int, n_entries: int, name: str) -> tuple[int, int]:
    """Return the first and the last position of a row's entries.

    Raises:
        IndexError: there is no such row.
        BundleError: the positions do not lie in the data.
    """
    n_rows = len(starts) - 1
    if not -n_rows <= index < n_rows:
        raise IndexError(f"{name}: found the index {index}, expected below {n_rows:,}")
    index %= n_rows
    start, stop = starts[index : index + 2].tolist()
    if not 0 <= start <= stop <= n_entries:
        raise BundleError(f"{name}: row {index} spans {start:,} to {stop:,} of {n_entries:,}")
    return start, stop
