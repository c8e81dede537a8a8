"""Bytes and time of the deltas between releases: ``python -m benchmarks.delta --bundle BUNDLE [--data FOLDER]``.

Changes copies of a bundle's files in memory: codes of 1 % and of 5 % of the items; all numbers of the codes, or of the
prompts and the adapter, by a little; the transitions by a day's events; and 1 % of the catalogue in all files that it
has. Prints the bytes of the delta beside those of the whole files, deflated, and beside the deltas of bsdiff4 and of
zstd with the older file as dictionary, if they can be imported (``pip install bsdiff4 zstandard``), the shortest of
five times to make and to apply it, and whether the limits hold.

With ``--data``, a day's transitions are counted anew from its events, without and with the last event of ``--day``
users; without, ``--day`` entries of the bundle's transitions change their level.

Example: python -m benchmarks.delta --bundle bundles/laptop-x86_64 --data data/beauty --json
"""

import argparse
import importlib
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.codes import unpack_tiers
from edge_runtime.bundle.delta import diff_files, read_pack
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.item_log import extend_items
from edge_runtime.bundle.items import Items, read_items
from edge_runtime.bundle.transitions import dump_transitions, levels_of, unpack_transitions

Files = Mapping[str, bytes]
Array = NDArray[Any]
Random = np.random.Generator
Result = TypeVar("Result")

CODES, TRANSITIONS = "codes.safetensors", "transitions.safetensors"
MAX_CODES_SHARE = 0.004
MAX_PACK_SHARE = 0.03
MAX_DAY_BYTES = 4096
_FOLLOWERS = 16
_N_RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Bytes of one change, and seconds; None without the library."""

    change: str
    files: int
    whole: int
    deflated: int
    delta: int
    bsdiff4: int | None
    zstd: int | None
    diff_s: float
    apply_s: float
    limit: int | None = None
    """Most bytes that the delta may have."""

    @property
    def is_kept(self) -> bool:
        """Whether the limit holds."""
        return self.limit is None or self.delta <= self.limit


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle in memory."""

    manifest: Manifest
    files: Files

    @classmethod
    def open(cls, path: Path) -> "Release":
        """Read the files of a bundle."""
        folder = open_folder(path)
        return cls(folder.manifest, {entry.name: folder.read(entry) for entry in folder.manifest.files})

    def with_files(self, changed: Files) -> "Release":
        """Return a release in which some files have other contents."""
        files = dict(self.files) | dict(changed)
        roles = {entry.name: entry.role for entry in self.manifest.files}
        entries = tuple(describe(name, roles[name], data) for name, data in files.items())
        return Release(msgspec.structs.replace(self.manifest, files=entries), files)

    def arrays(self, name: str) -> dict[str, Array]:
        """Return copies of the arrays of a file."""
        return {key: array.copy() for key, array in load_arrays(self.files[name], name).items()}


def with_new_codes(release: Release, name: str, items: NDArray[np.int64], random: Random) -> bytes:
    """Return a file of codes in which some items have others."""
    arrays = release.arrays(name)
    tier_of = unpack_tiers(arrays["tier"], release.manifest.catalogue.n_items)
    for tier in range(4):
        if f"codes.{tier}" in arrays:
            places = np.searchsorted(np.flatnonzero(tier_of == tier), items[tier_of[items] == tier])
            codes = arrays[f"codes.{tier}"]
            codes[places] = random.integers(0, int(codes.max()) + 1, (len(places), codes.shape[1]))
    return dump_arrays(arrays)


def drifted(release: Release, names: Iterable[str], random: Random) -> dict[str, bytes]:
    """Return files in which every number changed a little: codes by at most one, floats by at most a thousandth."""

    def drift(array: Array) -> Array:
        if array.dtype.kind == "f":
            return (array * random.uniform(0.999, 1.001, array.shape)).astype(array.dtype)
        changed: Array = array + random.integers(-1, 2, array.shape).astype(array.dtype)
        return changed

    return {
        name: dump_arrays(
            {key: array if key == "tier" else drift(array) for key, array in release.arrays(name).items()}
        )
        for name in names
    }


def with_other_levels(release: Release, n_entries: int, random: Random) -> bytes:
    """Return transitions in which some entries have another level."""
    arrays = release.arrays(TRANSITIONS)
    chosen = random.choice(len(arrays["level"]) - 1, n_entries, replace=False)
    arrays["level"][chosen] ^= random.integers(1, 16, n_entries).astype(np.uint8)
    return dump_arrays(arrays)


def with_other_followers(release: Release, items: NDArray[np.int64], random: Random) -> bytes:
    """Return transitions in which one follower of some items is another item."""
    settings = release.manifest.transitions
    if settings is None:
        raise ValueError("the bundle has no transitions")
    n_items = release.manifest.catalogue.n_items
    found = unpack_transitions(release.arrays(TRANSITIONS), settings, n_items)
    followers = found.followers.astype(np.int64)
    for item in items.tolist():
        start, stop = found.offsets[item : item + 2].tolist()
        if stop > start:
            others = np.setdiff1d(random.integers(0, n_items, 8), [item, *followers[start:stop]])
            followers[random.integers(start, stop)] = others[0]
            followers[start:stop].sort()
    return dump_arrays(dump_transitions(found.offsets, followers, found.levels, n_items))


def counted_days(data: Path, n_events: int, ratio: float, random: Random) -> tuple[bytes, bytes]:
    """Return the transitions without and with the last event of some users, as an export counts them."""
    from train.data.folder import read_folder
    from train.transitions.graph import GraphConfig, most_frequent, transition_counts

    dataset = read_folder(data)
    sequences, n_items = dataset.sequences, len(dataset.catalogue.item_ids)
    rows, users = sequences.rows, np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))
    is_before = np.ones(len(rows), dtype=bool)
    ends = np.flatnonzero(np.append(users[1:] != users[:-1], True))
    is_before[random.choice(ends, n_events, replace=False)] = False

    def dump(chosen: NDArray[np.bool_]) -> bytes:
        counts = most_frequent(transition_counts(rows[chosen], users[chosen], n_items, GraphConfig()), _FOLLOWERS)
        offsets = counts.indptr.astype(np.int64)
        levels = levels_of(offsets, counts.data.astype(np.float64), ratio)
        return dump_arrays(dump_transitions(offsets, counts.indices, levels, n_items))

    return dump(is_before), dump(np.ones(len(rows), dtype=bool))


def with_other_facts(release: Release, rows: NDArray[np.int64], random: Random) -> bytes:
    """Return the items as a log in which some have the title and the facts of another item."""
    n_items = release.manifest.catalogue.n_items
    name = release.manifest.required_role("items").name
    items = read_items(release.files[name], n_items)
    source = np.arange(n_items)
    source[rows] = random.choice(n_items, len(rows), replace=False)
    sources = source.tolist()
    fields = {
        key: msgspec.structs.replace(field, rows=[field.rows[row] for row in sources])
        for key, field in items.fields.items()
    }
    changed = Items(items.item_id, [items.title[row] for row in sources], fields)
    return extend_items(release.files[name], n_items, changed, is_log=False)


def with_changed_catalogue(release: Release, items: NDArray[np.int64], random: Random) -> dict[str, bytes]:
    """Return all files that change if some items do: codes, similarity, transitions, popularity, facts, self-test."""
    changed = {
        name: with_new_codes(release, name, items, random)
        for name in (CODES, "similarity.safetensors")
        if name in release.files
    }
    if TRANSITIONS in release.files:
        changed[TRANSITIONS] = with_other_followers(release, items, random)
    popularity = release.arrays("popularity.safetensors")
    popularity["popularity"][items] = random.integers(0, 256, len(items))
    changed["popularity.safetensors"] = dump_arrays(popularity)
    changed[release.manifest.required_role("items").name] = with_other_facts(release, items, random)
    golden = release.arrays("golden.safetensors")
    golden["state"] += random.normal(size=golden["state"].shape).astype(np.float32) / 100
    return changed | {"golden.safetensors": dump_arrays(golden)}


def changes(release: Release, arguments: argparse.Namespace) -> Iterator[tuple[str, Release, Release, int | None]]:
    """Yield the name of a change, the releases before and after it, and the most bytes that its delta may have."""
    random = np.random.default_rng(arguments.seed)
    sizes = release.manifest.catalogue
    n_items = sizes.n_items

    def some(share: float) -> NDArray[np.int64]:
        return np.sort(random.choice(n_items, max(1, round(share * n_items)), replace=False))

    def to(files: Files) -> tuple[Release, Release]:
        return release, release.with_files(files)

    table_bytes = n_items * sizes.dim * 4
    yield (
        "codes of 1 % of the items",
        *to({CODES: with_new_codes(release, CODES, some(0.01), random)}),
        int(MAX_CODES_SHARE * table_bytes),
    )
    yield "codes of 5 % of the items", *to({CODES: with_new_codes(release, CODES, some(0.05), random)}), None
    yield "all codes, by at most one", *to(drifted(release, [CODES], random)), None
    small = ["prompts.safetensors", "adapter.safetensors"]
    yield "prompts and adapter, all numbers", *to(drifted(release, small, random)), None
    settings = release.manifest.transitions
    if settings is not None:
        if arguments.data is None:
            before, after = to({TRANSITIONS: with_other_levels(release, arguments.day, random)})
        else:
            days = counted_days(arguments.data, arguments.day, settings.ratio, random)
            before, after = (release.with_files({TRANSITIONS: data}) for data in days)
        yield f"transitions of a day ({arguments.day} events)", before, after, MAX_DAY_BYTES
        files = {TRANSITIONS: with_other_followers(release, np.sort(random.choice(n_items, 100)), random)}
        yield "transitions, a follower of 100 items", *to(files), MAX_DAY_BYTES
    items_file = release.manifest.required_role("items").name
    yield "facts of 1 % of the items", *to({items_file: with_other_facts(release, some(0.01), random)}), None
    limit = int(MAX_PACK_SHARE * release.manifest.bundle_bytes)
    yield "1 % of the catalogue, all files", *to(with_changed_catalogue(release, some(0.01), random)), limit


def measure(change: str, before: Release, after: Release, limit: int | None) -> Figures:
    """Make and apply the delta, check the result, and compare it with those of other programs."""
    names = [name for name, data in after.files.items() if before.files.get(name) != data]
    diff_s, data = _timed(lambda: diff_files(before.files, after.files, before.manifest, after.manifest))
    apply_s, made = _timed(lambda: _applied(data, before, after))
    if any(after.files[name] != content for name, content in made.items()):
        raise ValueError("a delta led to another file than the release has")
    fetched = sum(len(after.files[name]) for name in names if name not in made)
    pairs = [(before.files[name], after.files[name]) for name in names]
    return Figures(
        change=change,
        files=len(names),
        whole=sum(len(new) for _, new in pairs),
        deflated=sum(len(zlib.compress(new, 9)) for _, new in pairs),
        delta=len(data or b"") + fetched,
        bsdiff4=_total(pairs, "bsdiff4", lambda library, old, new: library.diff(old, new)),
        zstd=_total(pairs, "zstandard", _patched_from),
        diff_s=round(diff_s, 4),
        apply_s=round(apply_s, 4),
        limit=limit,
    )


def _applied(data: bytes | None, before: Release, after: Release) -> dict[str, bytes]:
    if data is None:
        return {}
    pack = read_pack(data, after.manifest)
    return {name: pack.apply(name, before.files.get(name)) for name in pack.names}


def _timed(run: Callable[[], Result]) -> tuple[float, Result]:
    """Return the fewest seconds of some runs, which other load disturbs least, and the result."""
    times = []
    for _ in range(_N_RUNS):
        started = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - started)
    return min(times), result


def _patched_from(library: ModuleType, old: bytes, new: bytes) -> bytes:
    settings = library.ZstdCompressionParameters.from_level(19, window_log=27, enable_ldm=True)
    older = library.ZstdCompressionDict(old, dict_type=library.DICT_TYPE_RAWCONTENT)
    packed: bytes = library.ZstdCompressor(compression_params=settings, dict_data=older).compress(new)
    return packed


def _total(
    pairs: list[tuple[bytes, bytes]], name: str, diff: Callable[[ModuleType, bytes, bytes], bytes]
) -> int | None:
    try:
        library = importlib.import_module(name)
    except ImportError:
        return None
    return sum(len(diff(library, old, new)) for old, new in pairs)


def _line(figures: Figures) -> str:
    sizes = (figures.whole, figures.deflated, figures.delta, figures.bsdiff4, figures.zstd, figures.limit)
    columns = "".join(f"{'-' if size is None else f'{size:,}':>11}" for size in sizes)
    verdict = "" if figures.limit is None else "kept" if figures.is_kept else "EXCEEDED"
    times = f"{1000 * figures.diff_s:>9.0f}{1000 * figures.apply_s:>9.1f}"
    return f"{figures.change:<38}{columns}{times}  {verdict}"


def main() -> None:
    """Print a table or JSON; the exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="A bundle whose items are in items.json.z.")
    parser.add_argument("--data", type=Path, help="Its data folder, to count a day's transitions.")
    parser.add_argument("--day", type=int, default=200, help="Events of a day.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    release = Release.open(arguments.bundle)
    rows = [measure(*change) for change in changes(release, arguments)]
    if arguments.json:
        print(json.dumps([asdict(row) | {"is_kept": row.is_kept} for row in rows], indent=1))
    else:
        names = ("whole", "deflated", "delta", "bsdiff4", "zstd", "limit")
        print(f"{'bytes of':<38}{''.join(f'{name:>11}' for name in names)}{'diff ms':>9}{'apply ms':>9}")
        print("\n".join(map(_line, rows)))
    raise SystemExit(not all(row.is_kept for row in rows))


if __name__ == "__main__":
    main()
