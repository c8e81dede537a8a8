"""The cases of `tests/golden/deltas.json`: delta packs that both runtimes apply, or refuse.

After a deliberate change, regenerate them with ``python -m tests.golden_deltas`` and review the diff. Libraries
compress differently, so other machines may write other packs, which lead to the same files.
"""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.codes import pack_tiers
from edge_runtime.bundle.delta.diff import diff_file
from edge_runtime.bundle.delta.pack import dump_pack
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.transitions import dump_transitions
from tests.golden_dislikes import Json, dump
from tests.malformed_deltas import NAME, NEW, OLD, malformed
from tests.tiny_transitions import tiny_followers

PATH = Path(__file__).parent / "golden" / "deltas.json"

ABOUT = (
    "Delta packs (SPEC section 13), in base64, with the older file and the manifest entry of the newer one. Those with "
    "new lead from old to it; those with new null are malformed, and refused."
)
N_ITEMS = 30
N_CODES = 4

Arrays = dict[str, NDArray[Any]]


def codes(tier_of: NDArray[np.uint8], table: NDArray[np.uint8], books: NDArray[np.int8]) -> bytes:
    """Return a file of codes, in which items of tier 1 have the first half of the codes of their row."""
    tiers = {f"codes.{tier}": table[tier_of == tier, : N_CODES // (1 + tier)] for tier in (0, 1)}
    return dump_arrays({"tier": pack_tiers(tier_of), **tiers, "codebook.0": books})


def transitions(n_items: int, seed: int) -> bytes:
    """Return transitions of ``n_items``; other seeds give others."""
    found = tiny_followers(n_items, np.random.default_rng(seed))
    return dump_arrays(dump_transitions(found.offsets, found.followers, found.levels, n_items))


def with_one_follower_less(n_items: int, seed: int) -> bytes:
    """Return the transitions of :func:`transitions` without the first follower of an item, and with another level."""
    found = tiny_followers(n_items, np.random.default_rng(seed))
    item = int(np.flatnonzero(np.diff(found.offsets) > 1)[3])
    entry = int(found.offsets[item])
    offsets = found.offsets - (np.arange(len(found.offsets)) > item)
    levels = found.levels.copy()
    levels[entry + 9] ^= 1
    arrays = dump_transitions(offsets, np.delete(found.followers, entry), np.delete(levels, entry), n_items)
    return dump_arrays(arrays)


def accepted() -> Iterator[tuple[str, bytes | None, bytes]]:
    """Yield the name of a case, the older and the newer file."""
    random = np.random.default_rng(5)
    table = random.integers(0, 256, (N_ITEMS + 3, N_CODES)).astype(np.uint8)
    books = random.integers(-128, 128, (2, 8, 3)).astype(np.int8)
    tier_of = (np.arange(len(table)) % 3 == 0).astype(np.uint8)
    moved = tier_of.copy()
    moved[[3, 7]] ^= 1
    other = table.copy()
    other[[2, 11, 12]] += 7
    before = codes(tier_of[:N_ITEMS], table[:N_ITEMS], books)
    yield "codes of some items", before, codes(tier_of[:N_ITEMS], other[:N_ITEMS], books)
    yield "new items", before, codes(tier_of, table, books)
    yield "fewer items", codes(tier_of, table, books), before
    yield "items in another tier", before, codes(moved[:N_ITEMS], table[:N_ITEMS], books)
    yield "a codebook that drifts", before, codes(tier_of[:N_ITEMS], table[:N_ITEMS], books + np.int8(1))
    yield "transitions", transitions(40, 1), transitions(40, 2)
    yield "transitions of more items", transitions(39, 1), transitions(40, 1)
    yield "one transition less", transitions(120, 1), with_one_follower_less(120, 1)
    yield "one transition more", with_one_follower_less(120, 1), transitions(120, 1)
    floats = random.normal(size=(40, 4)).astype(np.float32)
    yield "floats that drift", dump_arrays({"a": floats}), dump_arrays({"a": floats * np.float32(1.0000001)})
    grown = np.concatenate([floats * np.float32(0.9999999), floats[:1]])
    yield "floats that drift and grow", dump_arrays({"a": floats}), dump_arrays({"a": grown})
    numbers = np.arange(60, dtype=np.uint32) * 1000
    yield "numbers that drift", dump_arrays({"a": numbers}), dump_arrays({"a": numbers - 3})
    yield "another form", dump_arrays({"a": floats}), dump_arrays({"a": floats.reshape(-1), "b": floats[:0]})
    yield "a single number", dump_arrays({"a": np.array(1.5, np.float32)}), dump_arrays({"a": np.array(2, np.float32)})
    yield "from arrays to text", before, b"text"
    yield "from text to arrays", b"text", before
    yield "from nothing", None, before
    yield "to nothing", before, b""
    text = random.bytes(200)
    yield "bytes in the middle", text, text[:90] + b"inserted" + text[98:]
    yield "bytes at the end", text, text + b"appended"


def make_all() -> Json:
    """Return the content of the golden file."""
    cases: list[Json] = []
    for name, old, new in accepted():
        cases.append(_case(name, old, new, dump_pack({NAME: diff_file(old, new)})) | {"new": _text(new)})
    for name, _, data in malformed():
        cases.append(_case(name, OLD, NEW, data) | {"new": None})
    return {"about": ABOUT, "cases": cases}


def _case(name: str, old: bytes | None, new: bytes, pack: bytes) -> Json:
    entry = describe(NAME, "codes", new)
    file = {"name": entry.name, "role": entry.role, "bytes": entry.bytes, "sha256": entry.sha256}
    return {"name": name, "file": file, "old": None if old is None else _text(old), "pack": _text(pack)}


def _text(data: bytes) -> str:
    return b64encode(data).decode()


if __name__ == "__main__":
    PATH.write_text(dump(make_all()))
