"""Builds a complete small bundle with random weights: numpy only, no training, reproducible for a seed."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest, write_folder
from edge_runtime.bundle.arrays import Array, dump_arrays, load_arrays
from edge_runtime.bundle.codes import pack_tiers, read_codes
from edge_runtime.bundle.golden import TOP, Golden, dump_golden
from edge_runtime.bundle.items import Field, Items, dump_items
from edge_runtime.bundle.manifest import Catalogue, Encoder, EngineVariant, Tier
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.ranking import best_rows
from edge_runtime.transitions import TransitionScores, combined_scores
from tests.tiny_transitions import TinyTransitions, add_transitions

Contents = dict[str, tuple[str, bytes]]
"""File name to role and bytes, as for ``write_folder``."""

BRANDS = ("Aster", "Birch", "Cedar", "Dahlia", "Elm")
KINDS = ("hand cream", "shampoo", "lip balm", "nail polish", "soap", "sun lotion", "face mask")
SCENTS = ("rose", "citrus", "mint", "vanilla")
FAMILY = {
    "hand cream": "Skin care", "shampoo": "Hair", "lip balm": "Skin care", "nail polish": "Make-up",
    "soap": "Bath", "sun lotion": "Skin care", "face mask": "Skin care",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a synthetic bundle.

    ``tiers`` has shares of the catalogue, most popular first, and numbers of codes; ``heads`` the number of heads of
    each block, ``n_heads`` if empty.
    """

    dim: int = 16
    max_length: int = 8
    n_blocks: int = 2
    n_heads: int = 2
    n_prompts: int = 3
    rank: int = 2
    feed: int = 32
    heads: tuple[int, ...] = ()
    n_codewords: int = 16
    tiers: tuple[tuple[float, int], ...] = ((0.1, 8), (0.3, 4), (0.6, 2))
    n_golden: int = 6


def make_tiny_bundle(
    folder: Path,
    *,
    n_items: int = 40,
    seed: int = 0,
    target: str = "laptop-x86_64",
    shape: Shape | None = None,
    release: int = 1,
    name: str = "tiny shop",
    pictures: bool = False,
    extra: Mapping[str, tuple[str, bytes]] | None = None,
    engines: tuple[EngineVariant, ...] = (),
    transitions: TinyTransitions | None = None,
) -> Manifest:
    """Write a valid bundle into ``folder`` and return its manifest.

    Args:
        folder: output folder; replaced if it exists.
        n_items: size of the catalogue.
        seed: random seed of weights, codes and names.
        target: target in the manifest.
        shape: sizes of the model; by default as small as is useful.
        release: release number in the manifest.
        name: name in the manifest.
        pictures: whether to add ``pictures.safetensors`` with one small PNG for two items out of three.
        extra: additional files, name to role and bytes.
        engines: engine variants that precede the reference engine; their files are in ``extra``.
        transitions: the transitions to add; none by default.
    """
    shape = shape or Shape()
    manifest, contents = tiny_contents(
        n_items=n_items, seed=seed, target=target, shape=shape, release=release, name=name, engines=engines
    )
    if transitions is not None:
        vectors = transitions.vectors
        random = np.random.default_rng(seed + 1)
        codes = None if vectors is None else tiny_codes(vectors, np.ones(n_items), random)
        manifest, scores = add_transitions(manifest, contents, seed, transitions, codes)
        if not transitions.has_engines:
            del contents["encoder.safetensors"]
        golden = compute_golden(manifest, contents, shape.n_golden, np.random.default_rng(seed), scores)
        contents["golden.safetensors"] = ("golden", dump_arrays(dump_golden(golden, shape.max_length)))
    if pictures:
        contents["pictures.safetensors"] = ("pictures", dump_arrays(tiny_pictures(n_items, seed)))
    return write_folder(folder, manifest, contents | dict(extra or {}))


def tiny_contents(
    *,
    n_items: int,
    seed: int,
    target: str,
    shape: Shape,
    release: int,
    name: str,
    engines: tuple[EngineVariant, ...] = (),
) -> tuple[Manifest, Contents]:
    """Return a manifest without files, and its files."""
    rng = np.random.default_rng(seed)
    manifest = _manifest(n_items, target, shape, release, name, engines, seed)
    counts = np.floor(500.0 / (1.0 + rng.permutation(n_items)))
    small = tiny_small(shape, rng)
    contents: Contents = {
        "encoder.safetensors": ("encoder", dump_arrays(tiny_encoder(shape, rng))),
        "codes.safetensors": ("codes", dump_arrays(tiny_codes(manifest.catalogue, counts, rng))),
        "prompts.safetensors": ("prompts", dump_arrays({"prompts": small.prompts, "knowledge": small.knowledge})),
        "adapter.safetensors": ("adapter", dump_arrays({"a": small.adapter_a, "b": small.adapter_b})),
        "items.json.z": ("items", dump_items(tiny_items(n_items, rng))),
        "popularity.safetensors": ("popularity", dump_arrays({"popularity": _levels(counts)})),
    }
    golden = compute_golden(manifest, contents, shape.n_golden, rng)
    contents["golden.safetensors"] = ("golden", dump_arrays(dump_golden(golden, shape.max_length)))
    return manifest, contents


def compute_golden(
    manifest: Manifest,
    contents: Contents,
    n_golden: int,
    rng: np.random.Generator,
    transitions: TransitionScores | None = None,
) -> Golden:
    """Return golden vectors of the reference engine, with lengths from one event to ``max_length``.

    If the bundle has no encoder, the states are zeros.
    """
    codes = read_codes(load_arrays(contents["codes.safetensors"][1], "codes"), manifest.catalogue)
    prompts = load_arrays(contents["prompts.safetensors"][1], "prompts")
    adapter = load_arrays(contents["adapter.safetensors"][1], "adapter")
    small = SmallMatrices(prompts["prompts"], prompts["knowledge"], adapter["a"], adapter["b"])
    n_items, max_length = manifest.catalogue.n_items, min(manifest.encoder.max_length, manifest.catalogue.n_items)
    lengths = np.linspace(1, max_length, n_golden).astype(int)
    sequences = tuple(rng.choice(n_items, size=length, replace=False).astype(np.int64) for length in lengths)
    states = np.zeros((n_golden, manifest.encoder.dim), dtype=np.float32)
    if "encoder.safetensors" in contents:
        engine = ReferenceEngine.open(contents["encoder.safetensors"][1], manifest.encoder)
        states = np.stack([engine.encode(codes.decode(rows), small) for rows in sequences])
    top_rows = np.full((n_golden, TOP), -1, dtype=np.int32)
    for index, rows in enumerate(sequences):
        scores = combined_scores(codes, states[index], transitions, rows)
        assert scores is not None
        best = best_rows(scores, TOP, rows)
        top_rows[index, : len(best)] = best
    return Golden(sequences, states, top_rows)


def tiny_encoder(shape: Shape, rng: np.random.Generator) -> dict[str, Array]:
    """Return random encoder weights in the layout of SPEC section 3."""
    d = shape.dim
    arrays: dict[str, Array] = {}
    _quantized(arrays, "position", (shape.max_length, d), rng)
    for index in range(shape.n_blocks):
        block = f"block.{index}"
        joined = d // shape.n_heads * (shape.heads[index] if shape.heads else shape.n_heads)
        for name, n_out, n_in in (
            ("query", joined, d), ("key", joined, d), ("value", joined, d), ("output", d, joined),
            ("feed_in", shape.feed, d), ("feed_out", d, shape.feed),
        ):  # fmt: skip
            _quantized(arrays, f"{block}.{name}.weight", (n_out, n_in), rng)
            arrays[f"{block}.{name}.bias"] = _floats(rng, n_out, scale=0.1)
        for name in ("attention_norm", "feed_norm"):
            _norm(arrays, f"{block}.{name}", d, rng)
    _norm(arrays, "norm", d, rng)
    return arrays


def tiny_small(shape: Shape, rng: np.random.Generator) -> SmallMatrices:
    """Return prompts and an adapter that change the state, so that tests detect an engine that ignores them."""
    return SmallMatrices(
        prompts=_floats(rng, shape.n_prompts, shape.dim),
        knowledge=_floats(rng, shape.n_prompts, shape.dim, scale=0.2),
        adapter_a=_floats(rng, shape.dim, shape.rank, scale=0.2),
        adapter_b=_floats(rng, shape.rank, shape.dim, scale=0.2),
    )


def tiny_codes(sizes: Catalogue, counts: NDArray[np.float64], rng: np.random.Generator) -> dict[str, Array]:
    """Return random product codes; items with the largest counts have the longest codes."""
    by_count = np.argsort(-counts, kind="stable")
    tier_of = np.repeat(np.arange(len(sizes.tiers), dtype=np.uint8), [tier.n_items for tier in sizes.tiers])
    tier_of_row = np.empty(sizes.n_items, dtype=np.uint8)
    tier_of_row[by_count] = tier_of
    arrays: dict[str, Array] = {"tier": pack_tiers(tier_of_row)}
    for index, tier in enumerate(sizes.tiers):
        m = tier.n_codes
        arrays[f"codes.{index}"] = rng.integers(0, sizes.n_codewords, (tier.n_items, m), dtype=np.uint8)
        books = (tier.n_books, sizes.n_codewords, sizes.dim // m)
        arrays[f"codebook.{index}"] = rng.integers(-127, 128, books, dtype=np.int8)
        arrays[f"scale.{index}"] = rng.uniform(0.002, 0.004, tier.n_books).astype(np.float32)
        arrays[f"centre.{index}"] = rng.normal(scale=0.02, size=sizes.dim).astype(np.float32)
    return arrays


def tiny_items(n_items: int, rng: np.random.Generator) -> Items:
    """Return names and facts of a small shop; every seventh item has no brand."""
    brand_of = rng.integers(0, len(BRANDS), n_items)
    kind_of = rng.integers(0, len(KINDS), n_items)
    scent_of = rng.integers(0, len(SCENTS), n_items)
    families = sorted(set(FAMILY.values()))
    titles = [
        f"{BRANDS[b]} {SCENTS[s]} {KINDS[k]} {row}"
        for row, (b, k, s) in enumerate(zip(brand_of, kind_of, scent_of, strict=True))
    ]
    categories = [*families, *KINDS]
    return Items(
        item_id=[f"item-{row}" for row in range(n_items)],
        title=titles,
        fields={
            "brand": Field(list(BRANDS), [[int(b)] if row % 7 else [] for row, b in enumerate(brand_of)]),
            "categories": Field(
                categories, [[families.index(FAMILY[KINDS[k]]), len(families) + int(k)] for k in kind_of]
            ),
        },
    )


def tiny_pictures(n_items: int, seed: int) -> dict[str, Array]:
    """Return one plain PNG of 8 x 8 pixels for two items out of three."""
    rng = np.random.default_rng(seed)
    blobs = [b"" if row % 3 == 2 else tiny_png(tuple(rng.integers(0, 256, 3).tolist())) for row in range(n_items)]
    offset = np.cumsum([0, *map(len, blobs)]).astype(np.uint32)
    return {"offset": offset, "data": np.frombuffer(b"".join(blobs), dtype=np.uint8)}


def tiny_png(colour: tuple[int, ...], size: int = 8) -> bytes:
    """Return a square PNG of one RGB colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = size.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    rows = (b"\0" + bytes(colour) * size) * size
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _manifest(
    n_items: int, target: str, shape: Shape, release: int, name: str, engines: tuple[EngineVariant, ...], seed: int
) -> Manifest:
    ends = [0, *np.round(np.cumsum([share for share, _ in shape.tiers]) * n_items).astype(int).tolist()]
    # One codebook for all parts in the first tier, two in the second, one per part in the others.
    tiers = tuple(
        Tier(stop - start, m, min(m, index + 1) if index < 2 else m)
        for index, (start, stop, (_, m)) in enumerate(zip(ends[:-1], ends[1:], shape.tiers, strict=True))
    )
    return Manifest(
        schema=1,
        required_features=("shared-codebooks", *(["narrow-attention"] if shape.heads else [])),
        minimum_runtime="0.1.0",
        name=name,
        release=release,
        created="2026-01-01T00:00:00Z",
        target=target,
        files=(),
        catalogue=Catalogue(n_items, shape.dim, shape.n_codewords, tiers),
        encoder=Encoder(
            shape.dim, shape.max_length, shape.n_blocks, shape.n_heads, shape.n_prompts, shape.rank, input_scale=4.0
        ),
        engines=(*engines, EngineVariant("reference", "int8", "encoder.safetensors", 1e-3, 0.99)),
        budgets={"ranking_bytes": 1 << 20, "bundle_bytes": 8 << 20},
        provenance={"seed": str(seed)},
        licences=("CC0-1.0",),
    )


def _levels(counts: NDArray[np.float64]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.round(255 * np.log1p(counts) / np.log1p(counts.max())).astype(np.uint8)
    return levels


def _floats(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    return rng.normal(0.0, scale, shape).astype(np.float32)


def _norm(arrays: dict[str, Array], name: str, d: int, rng: np.random.Generator) -> None:
    arrays[f"{name}.weight"] = 1 + _floats(rng, d, scale=0.1)
    arrays[f"{name}.bias"] = _floats(rng, d, scale=0.1)


def _quantized(arrays: dict[str, Array], name: str, shape: tuple[int, int], rng: np.random.Generator) -> None:
    weight = rng.normal(0.0, shape[1] ** -0.5, shape)
    scale = (np.abs(weight).max(axis=1) / 127).astype(np.float32)
    arrays[name] = np.round(weight / scale[:, None]).astype(np.int8)
    arrays[f"{name}.scale"] = scale
