"""Titles, facts and search index of a large catalogue, which stay on disk (SPEC section 12, ADR 0042).

What a list shows is read from the file. Memory and the time of opening hardly depend on the number
of items.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, dump_arrays, take
from edge_runtime.bundle.items import MAX_FACT, MAX_ID, MAX_TITLE, Field, Items
from edge_runtime.bundle.texts import Integers, Lists, SortedRows, Starts, Texts
from edge_runtime.errors import BundleError

TABLE_FILE: Final = "items.safetensors"
MAX_FACTS: Final = 256
"""Maximum number of facts, so that a file of few bytes cannot state many."""

Arrays = Mapping[str, Integers]

_MAX_WORD = MAX_TITLE


@dataclass(frozen=True, slots=True)
class WordIndex:
    """Which texts have which words. Texts are the titles, then the values of each fact.

    Attributes:
        words: sorted and distinct.
        starts: start of each word's texts.
        texts: the texts of all words.
        n_words: number of distinct words of each text, at most 255.
    """

    words: Sequence[str]
    starts: Starts
    texts: Integers
    n_words: Integers


@dataclass(frozen=True, slots=True)
class ItemTable:
    """The items of a bundle.

    Attributes:
        items: ids, titles and facts.
        row_of: item id to row.
        words: the search index; None if it has to be built.
    """

    items: Items
    row_of: Mapping[str, int]
    words: WordIndex | None = None

    @classmethod
    def of(cls, items: Items) -> "ItemTable":
        """Return the table of items in memory."""
        return cls(items, {item_id: row for row, item_id in enumerate(items.item_id)})


def read_item_table(arrays: Arrays, n_items: int) -> ItemTable:
    """Return the columns of ``items.safetensors``; sizes are checked now, and entries when they are read.

    Raises:
        BundleError: the arrays violate SPEC section 12.
    """
    item_id = _texts(arrays, "item_id", n_items, max_length=MAX_ID, min_length=1)
    title = _texts(arrays, "title", n_items, max_length=MAX_TITLE, min_length=1)
    names = _texts(arrays, "fact", _n_rows(arrays, "fact"), max_length=MAX_FACT)
    if len(names) > MAX_FACTS:
        raise BundleError(f"{TABLE_FILE}: found {len(names):,} facts, expected at most {MAX_FACTS}")
    fields = {name: _field(arrays, index, n_items) for index, name in enumerate(names)}
    if len(fields) != len(names):
        raise BundleError(f"{TABLE_FILE}: two facts have the same name")
    order = take(arrays, "item_id.order", "uint32", (n_items,), TABLE_FILE)
    n_texts = n_items + sum(len(field.values) for field in fields.values())
    return ItemTable(Items(item_id, title, fields), SortedRows(item_id, order), _word_index(arrays, n_texts))


def check_item_table(table: ItemTable) -> None:
    """Read all entries of a table on disk, as opening does not; one in memory was checked.

    Raises:
        BundleError: one violates SPEC section 12.
    """
    if table.words is None:
        return
    items = table.items
    for _ in items.title:
        pass
    for row, item_id in enumerate(items.item_id):
        if table.row_of.get(item_id) != row:
            raise BundleError(f"{TABLE_FILE}: item {row} is not found by its id {item_id!r}: twice, or out of order")
    for field in items.fields.values():
        for column in (field.values, field.rows):
            for _ in column:
                pass
    _check_words(table.words)


def dump_item_table(items: Items, words: WordIndex) -> bytes:
    """Return the bytes of ``items.safetensors``; equal items give equal bytes."""
    encoded = [item_id.encode() for item_id in items.item_id]
    order = sorted(range(len(encoded)), key=encoded.__getitem__)
    wide = {"item_id.order": np.array(order, dtype=np.uint32)}
    columns: dict[str, Iterable[str]] = {"item_id": items.item_id, "title": items.title, "fact": items.fields}
    for index, field in enumerate(items.fields.values()):
        columns[f"value.{index}"] = field.values
        starts, values = field.entries()
        wide[f"entry.{index}.start"], wide[f"entry.{index}"] = starts[:].astype(np.uint32), values[:].astype(np.uint32)
    columns["word"] = words.words
    wide["posting.start"], wide["posting"] = words.starts[:].astype(np.uint32), words.texts[:].astype(np.uint32)
    narrow: dict[str, Array] = {"n_words": words.n_words[:]}
    for name, texts in columns.items():
        wide[f"{name}.start"], narrow[name] = _packed(texts)
    return dump_arrays(wide | narrow)  # the wide ones first, so that all are aligned


def _packed(texts: Iterable[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    encoded = [text.encode() for text in texts]
    starts = np.zeros(len(encoded) + 1, dtype=np.uint32)
    np.cumsum(list(map(len, encoded)), out=starts[1:])
    return starts, np.frombuffer(b"".join(encoded), dtype=np.uint8)


def _field(arrays: Arrays, index: int, n_items: int) -> Field:
    values = _texts(arrays, f"value.{index}", _n_rows(arrays, f"value.{index}"), max_length=MAX_FACT)
    starts, entries = _spans(arrays, f"entry.{index}", "uint32", n_items)
    return Field(values, Lists(starts, entries, f"{TABLE_FILE}, entry.{index}", len(values)))


def _word_index(arrays: Arrays, n_texts: int) -> WordIndex:
    n_words = take(arrays, "n_words", "uint8", (n_texts,), TABLE_FILE)
    words = _texts(arrays, "word", _n_rows(arrays, "word"), max_length=_MAX_WORD, min_length=1)
    starts, texts = _spans(arrays, "posting", "uint32", len(words))
    return WordIndex(words, starts, texts, n_words)


def _check_words(words: WordIndex) -> None:
    starts = words.starts[:].astype(np.int64)
    if (np.diff(starts) < 0).any() or int(words.texts[:].max(initial=0)) >= max(1, len(words.n_words)):
        raise BundleError(f"{TABLE_FILE}: the search index has a text outside the texts, or starts that descend")
    before = ""
    for word in words.words:
        if word <= before:
            raise BundleError(f"{TABLE_FILE}: the words are not distinct and in ascending order: {word[:60]!r}")
        before = word


def _texts(arrays: Arrays, name: str, n: int, *, max_length: int, min_length: int = 0) -> Texts:
    starts, data = _spans(arrays, name, "uint8", n)
    return Texts(starts, data, f"{TABLE_FILE}, {name}", max_length=max_length, min_length=min_length)


def _n_rows(arrays: Arrays, name: str) -> int:
    """Return the number of rows of a column whose length the manifest does not state."""
    starts = arrays.get(f"{name}.start")
    return 0 if starts is None else max(0, starts.size - 1)


def _spans(arrays: Arrays, name: str, dtype: str, n: int) -> tuple[Starts, Integers]:
    """Return the starts of ``n`` rows and their entries; first and last start are checked, the others when read."""
    starts = take(arrays, f"{name}.start", "uint32", (n + 1,), TABLE_FILE)
    found = arrays.get(name)
    entries = take(arrays, name, dtype, (0 if found is None else found.size,), TABLE_FILE)
    if starts.item(0) != 0 or starts.item(n) != len(entries):
        raise BundleError(
            f"{TABLE_FILE}: {name} spans {starts.item(0):,} to {starts.item(n):,}, expected 0 to {len(entries):,}"
        )
    return starts, entries
