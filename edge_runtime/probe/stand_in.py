"""A bundle with random contents and the sizes of another one's manifest: what it costs can be measured without it.

Time and memory depend on sizes, not on values. Catalogues larger than :data:`MAX_ITEMS` get a smaller stand-in.
"""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from edge_runtime.bundle.arrays import Array, dump_arrays
from edge_runtime.bundle.codes import pack_tiers, read_codes
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.golden import TOP, Golden, dump_golden
from edge_runtime.bundle.items import MAX_TITLE, Items, dump_items
from edge_runtime.bundle.manifest import (
    ITEM_LOG,
    ITEM_TABLE,
    MAX_FOLLOWERS,
    TRANSITIONS,
    Catalogue,
    Encoder,
    EngineVariant,
    Manifest,
    Tier,
    TransitionSettings,
)
from edge_runtime.bundle.transitions import dump_transitions, read_transitions
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.engines.weights import MAX_FEED
from edge_runtime.ranking import best_rows
from edge_runtime.transitions import TransitionScores, combined_scores

MAX_ITEMS: Final = 50_000
"""Items of the largest stand-in; scores take time and memory in proportion to the items."""

_N_GOLDEN: Final = 16
_DEFAULT_FEED: Final = 4  # times the dimension
_ENGINE: Final = EngineVariant("reference", "int8", "encoder.safetensors", 1e-2, 0.9)

Files = dict[str, tuple[str, bytes]]


def write_stand_in(
    folder: Path, sizes: Manifest, most: int = MAX_ITEMS, weights: Mapping[str, Array] | None = None
) -> Manifest:
    """Write a stand-in for a bundle, which numpy's engine ranks with.

    Args:
        folder: the folder to write.
        sizes: manifest of the bundle.
        most: items of the stand-in at most.
        weights: of the encoder [default: random numbers].
    """
    random = np.random.default_rng(0)
    manifest = _scaled(sizes, most)
    catalogue, encoder = manifest.catalogue, manifest.encoder
    codes = _codes(catalogue, random)
    small = SmallMatrices(
        _floats(random, encoder.n_prompts, encoder.dim),
        _floats(random, encoder.n_prompts, encoder.dim),
        _floats(random, encoder.dim, encoder.adapter_rank),
        _floats(random, encoder.adapter_rank, encoder.dim),
    )
    files: Files = {
        "codes.safetensors": ("codes", dump_arrays(codes)),
        "prompts.safetensors": (
            "prompts",
            dump_arrays({"prompts": small.prompts, "knowledge": small.knowledge}),
        ),
        "adapter.safetensors": ("adapter", dump_arrays({"a": small.adapter_a, "b": small.adapter_b})),
        "items.json.z": ("items", dump_items(_items(sizes, catalogue.n_items, random))),
        "popularity.safetensors": (
            "popularity",
            dump_arrays({"popularity": random.integers(0, 256, catalogue.n_items, dtype=np.uint8)}),
        ),
    }
    engine = None
    if manifest.engines:
        data = dump_arrays(_weights(encoder, feed_width(sizes), random) if weights is None else weights)
        files[_ENGINE.file] = ("encoder", data)
        engine = ReferenceEngine.open(data, encoder)
    scores = _add_transitions(files, manifest, codes, random)
    golden = _golden(manifest, codes, small, engine, scores, random)
    files["golden.safetensors"] = ("golden", dump_arrays(dump_golden(golden, encoder.max_length)))
    return write_folder(folder, manifest, files)


def feed_width(sizes: Manifest) -> int:
    """Return the mean feed-forward width of a bundle, from the bytes of its numpy weights, or else four times ``d``."""
    encoder = sizes.encoder
    d = encoder.dim
    entry = next((sizes.file(one.file) for one in sizes.engines if one.engine == "reference"), None)
    if entry is None:
        return _DEFAULT_FEED * d
    # A row of int8 has a scale of four bytes, and a linear layer a bias of four bytes for each output.
    fixed = encoder.max_length * (d + 4) + 8 * d + encoder.n_blocks * (4 * d * (d + 8) + 16 * d)
    header = 1850 * encoder.n_blocks + 200  # names and offsets of the tensors
    width = ((entry.bytes - fixed - header) / encoder.n_blocks - 8 * d) / (2 * d + 8)
    return int(min(max(1, round(width)), MAX_FEED))


def _scaled(sizes: Manifest, most: int) -> Manifest:
    """Return a manifest without files, for at most so many items."""
    catalogue = _smaller(sizes.catalogue, most)
    settings = sizes.transitions
    if settings is not None:
        mean = min(settings.n_entries / sizes.catalogue.n_items, MAX_FOLLOWERS, max(0, catalogue.n_items - 2))
        vectors = None if settings.vectors is None else _smaller(settings.vectors, most)
        settings = msgspec.structs.replace(settings, n_entries=ceil(mean) * catalogue.n_items, vectors=vectors)
    return msgspec.structs.replace(
        sizes,
        # A stand-in has its items in memory and in one piece, whatever form those of the bundle have.
        required_features=tuple(each for each in sizes.required_features if each not in (ITEM_LOG, ITEM_TABLE)),
        files=(),
        catalogue=catalogue,
        engines=(_ENGINE,) if sizes.engines else (),
        transitions=settings,
        language_model=None,
        budgets={},
    )


def _smaller(sizes: Catalogue, most: int) -> Catalogue:
    if sizes.n_items <= most:
        return sizes
    counts = [tier.n_items * most // sizes.n_items for tier in sizes.tiers]
    counts[-1] += most - sum(counts)
    tiers = tuple(Tier(n, tier.n_codes, tier.n_books) for n, tier in zip(counts, sizes.tiers, strict=True))
    return msgspec.structs.replace(sizes, n_items=most, tiers=tiers)


def _codes(sizes: Catalogue, random: np.random.Generator) -> dict[str, Array]:
    tier_of = np.repeat(np.arange(len(sizes.tiers), dtype=np.uint8), [tier.n_items for tier in sizes.tiers])
    arrays: dict[str, Array] = {"tier": pack_tiers(random.permutation(tier_of))}
    for index, tier in enumerate(sizes.tiers):
        book = (tier.n_books, sizes.n_codewords, sizes.dim // tier.n_codes)
        arrays[f"codes.{index}"] = random.integers(0, sizes.n_codewords, (tier.n_items, tier.n_codes), dtype=np.uint8)
        arrays[f"codebook.{index}"] = random.integers(-127, 128, book, dtype=np.int8)
        arrays[f"scale.{index}"] = np.full(tier.n_books, 0.01, dtype=np.float32)
        arrays[f"centre.{index}"] = np.zeros(sizes.dim, dtype=np.float32)
    return arrays


def _items(sizes: Manifest, n_items: int, random: np.random.Generator) -> Items:
    """Return names with about as many bytes as the bundle's names and facts: hexadecimal digits compress by half."""
    entry = sizes.role("items")
    length = 2 * (0 if entry is None else entry.bytes) // sizes.catalogue.n_items
    half = min(max(4, length), MAX_TITLE) // 2
    titles = [random.bytes(half).hex() for _ in range(n_items)]
    return Items([f"item-{row}" for row in range(n_items)], titles, {})


def _weights(sizes: Encoder, feed: int, random: np.random.Generator) -> dict[str, Array]:
    d = sizes.dim
    arrays: dict[str, Array] = {}

    def matrix(name: str, n_out: int, n_in: int) -> None:
        arrays[name] = random.integers(-127, 128, (n_out, n_in), dtype=np.int8)
        arrays[f"{name}.scale"] = np.full(n_out, n_in**-0.5 / 127, dtype=np.float32)

    def norm(name: str) -> None:
        arrays[f"{name}.weight"] = np.ones(d, dtype=np.float32)
        arrays[f"{name}.bias"] = np.zeros(d, dtype=np.float32)

    matrix("position", sizes.max_length, d)
    for block in (f"block.{index}" for index in range(sizes.n_blocks)):
        outputs = {"query": d, "key": d, "value": d, "output": d, "feed_in": feed, "feed_out": d}
        for name, n_out in outputs.items():
            matrix(f"{block}.{name}.weight", n_out, feed if name == "feed_out" else d)
            arrays[f"{block}.{name}.bias"] = np.zeros(n_out, dtype=np.float32)
        norm(f"{block}.attention_norm")
        norm(f"{block}.feed_norm")
    norm("norm")
    return arrays


def _add_transitions(
    files: Files, manifest: Manifest, codes: dict[str, Array], random: np.random.Generator
) -> TransitionScores | None:
    """Add the transitions of a manifest to the files, and return what scores by them."""
    settings = manifest.transitions
    if settings is None:
        return None
    arrays = _followers(settings, manifest.catalogue.n_items, random)
    files["transitions.safetensors"] = (TRANSITIONS, dump_arrays(arrays))
    sizes = manifest.catalogue
    if settings.vectors is not None:
        sizes = settings.vectors
        codes = _codes(sizes, random)
        files["similarity.safetensors"] = ("similarity", dump_arrays(codes))
    return TransitionScores(read_transitions(arrays, manifest), read_codes(codes, sizes))


def _followers(settings: TransitionSettings, n_items: int, random: np.random.Generator) -> dict[str, Array]:
    """Return as many followers for each item: ascending rows, and never the item itself."""
    count = settings.n_entries // n_items
    gaps = random.integers(1, max(2, (n_items - 1) // max(1, count) + 1), (n_items, count))
    rows = np.cumsum(gaps, axis=1) - 1
    rows += rows >= np.arange(n_items)[:, None]  # the rows of a catalogue without the item
    levels = random.integers(0, 16, n_items * count).astype(np.uint8)
    return dump_transitions(np.arange(n_items + 1) * count, rows.reshape(-1), levels, n_items)


def _golden(
    manifest: Manifest,
    codes: dict[str, Array],
    small: SmallMatrices,
    engine: ReferenceEngine | None,
    transitions: TransitionScores | None,
    random: np.random.Generator,
) -> Golden:
    """Return golden vectors of histories of all lengths."""
    read = read_codes(codes, manifest.catalogue)
    n_items, encoder = manifest.catalogue.n_items, manifest.encoder
    lengths = np.linspace(1, min(encoder.max_length, n_items), _N_GOLDEN).astype(int)
    sequences = tuple(random.choice(n_items, size=length, replace=False).astype(np.int64) for length in lengths)
    states = np.zeros((_N_GOLDEN, encoder.dim), dtype=np.float32)
    tops = np.full((_N_GOLDEN, TOP), -1, dtype=np.int32)
    for index, rows in enumerate(sequences):
        state = None if engine is None else engine.encode(read.decode(rows), small)
        scores = combined_scores(read, state, transitions, rows)
        if state is not None:
            states[index] = state
        if scores is not None:
            best = best_rows(scores, TOP, rows)
            tops[index, : len(best)] = best
    return Golden(sequences, states, tops)


def _floats(random: np.random.Generator, *shape: int) -> Array:
    return random.normal(0.0, 0.1, shape).astype(np.float32)
