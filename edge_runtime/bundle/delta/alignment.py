"""Which rows of two versions of a tensor are the same entry, where its rows move from release to release."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import unpack_tiers
from edge_runtime.bundle.delta.edits import Runs
from edge_runtime.bundle.delta.tables import Form, Tables

Keys = NDArray[np.int64]

_ROW_BITS: Final = 24
_TEXT_BITS: Final = 32
_SPARE: Final = np.int64(1) << 62
_START: Final = Form("u4", ())


@dataclass(frozen=True, slots=True)
class Alignment:
    """Rows of both versions that are the same entry, and perhaps equal.

    Attributes:
        runs: the rows.
        is_halved: they are half bytes.
    """

    runs: Runs
    is_halved: bool = False


def aligned(old: Tables, new: Tables) -> dict[str, Alignment]:
    """Return the alignment of the tensors whose rows move; those of others have their positions.

    The tensors may be any: what has not the layout of SPEC sections 4, 10 or 12 has no alignment.
    """
    if {"count", "follower", "level"} <= new.keys() & old.keys():
        return _by_keys(_of_transitions(old), _of_transitions(new), is_halved=frozenset({"level"}))
    if "tier" in new.keys() & old.keys():
        return _by_keys(_of_codes(old), _of_codes(new))
    return _columns(old, new) | _words(old, new)


def _by_keys(
    old: Mapping[str, Keys], new: Mapping[str, Keys], *, is_halved: frozenset[str] = frozenset()
) -> dict[str, Alignment]:
    """Return the rows with the same key; the keys of a tensor ascend strictly."""
    found = {}
    for name in old.keys() & new.keys():
        _, rows, new_rows = np.intersect1d(old[name], new[name], assume_unique=True, return_indices=True)
        found[name] = Alignment(Runs(rows, new_rows, np.ones_like(rows)), name in is_halved)
    return found


def _of_transitions(tables: Tables) -> dict[str, Keys]:
    """Return item and follower as the key of an entry."""
    counts, followers, levels = (tables[name].values for name in ("count", "follower", "level"))
    n = len(followers)
    if counts.shape[1] != 1 or levels.shape[1] != 1 or not 1 <= followers.shape[1] <= _ROW_BITS // 8:
        return {}
    if int(counts.sum(dtype=np.int64)) != n or len(levels) != (n + 1) // 2:
        return {}
    rows = sum(followers[:, index].astype(np.int64) << 8 * index for index in range(followers.shape[1]))
    keys = np.repeat(np.arange(len(counts)), counts[:, 0]) << _ROW_BITS | rows
    if not (keys[1:] > keys[:-1]).all():
        return {}
    return {"follower": keys, "level": np.concatenate([keys, np.full(n % 2, _SPARE)])}


def _of_codes(tables: Tables) -> dict[str, Keys]:
    """Return the catalogue row as the key of an item's codes."""
    codes = {tier: tables[f"codes.{tier}"].values for tier in range(4) if f"codes.{tier}" in tables}
    n_items, packed = sum(map(len, codes.values())), tables["tier"].values
    if packed.shape[1] != 1 or len(packed) != -(-n_items // 4):
        return {}
    tier_of = unpack_tiers(packed[:, 0], n_items)
    rows = {tier: np.flatnonzero(tier_of == tier) for tier in codes}
    return {f"codes.{tier}": rows[tier] for tier in codes if len(rows[tier]) == len(codes[tier])}


def _columns(old: Tables, new: Tables) -> dict[str, Alignment]:
    """Return the entries of columns of lists: those of one row belong together, if there are as many of them."""
    found = {}
    for name in new:
        before, after = _starts(old, name), _starts(new, name)
        if before is None or after is None:
            continue
        (old_starts, old_lengths), (new_starts, new_lengths) = before, after
        n = min(len(old_lengths), len(new_lengths))
        length = np.where(old_lengths[:n] == new_lengths[:n], old_lengths[:n], 0)
        found[name] = Alignment(Runs.of(old_starts[:n], new_starts[:n], length))
    return found


def _starts(tables: Tables, name: str) -> tuple[Keys, Keys] | None:
    """Return the first entry of each row of a column, and their number; None if it has not this layout."""
    column, table = tables.get(f"{name}.start"), tables.get(name)
    if column is None or table is None or column.form != _START or not len(column.values):
        return None
    starts = np.ascontiguousarray(column.values).view("<u4").reshape(-1).astype(np.int64)
    lengths = np.diff(starts)
    if starts[0] != 0 or starts[-1] != len(table.values) or int(lengths.min(initial=0)) < 0:
        return None
    return starts[:-1], lengths


def _words(old: Tables, new: Tables) -> dict[str, Alignment]:
    """Return the words of a search index that are in both versions, and their texts: each word moves the later ones."""
    before, after = _starts(old, "word"), _starts(new, "word")
    if before is None or after is None:
        return {}
    words = [_texts(tables["word"].values, *starts) for tables, starts in ((old, before), (new, after))]
    number_of = {word: number for number, word in enumerate(sorted({*words[0], *words[1]}))}
    numbers, new_numbers = (np.array([number_of[word] for word in column], dtype=np.int64) for column in words)
    if not ((np.diff(numbers) > 0).all() and (np.diff(new_numbers) > 0).all()):
        return {}
    _, rows, new_rows = np.intersect1d(numbers, new_numbers, assume_unique=True, return_indices=True)
    runs = Runs.of(before[0][rows], after[0][new_rows], before[1][rows])
    return {"word": Alignment(runs)} | _by_keys(_of_postings(old, numbers), _of_postings(new, new_numbers))


def _of_postings(tables: Tables, numbers: Keys) -> dict[str, Keys]:
    """Return word and text as the key of a posting."""
    spans = _starts(tables, "posting")
    if spans is None or len(spans[0]) != len(numbers) or tables["posting"].form != _START:
        return {}
    texts = np.ascontiguousarray(tables["posting"].values).view("<u4").reshape(-1)
    keys = np.repeat(numbers, spans[1]) << _TEXT_BITS | texts
    return {"posting": keys} if (np.diff(keys) > 0).all() else {}


def _texts(data: NDArray[np.uint8], starts: Keys, lengths: Keys) -> list[bytes]:
    octets = data.tobytes()
    return [octets[start:stop] for start, stop in zip(starts.tolist(), (starts + lengths).tolist(), strict=True)]
