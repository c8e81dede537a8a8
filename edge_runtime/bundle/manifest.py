"""The bundle manifest, ``manifest.json``: schema, parsing and validation (SPEC sections 1 and 2).

A parsed :class:`Manifest` is fully validated, so other modules need not check it again.
"""

import math
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.names import PLAIN_NAME, is_plain_name
from edge_runtime.bundle.parsing import JsonError, decode_json, parse_json
from edge_runtime.errors import BundleError, BundleVersionError
from edge_runtime.version import __version__

SCHEMA: Final = 1
TRANSITIONS: Final = "transitions"
"""The feature that a bundle with transitions requires, and the role of their file."""

RETIRED: Final = "retired"
"""The role of the file with the items that no list has."""

NARROW_ATTENTION: Final = "narrow-attention"
"""The feature that a bundle requires if a block of its encoder has fewer than ``n_heads`` heads."""

ITEM_TABLE: Final = "item-table"
"""The feature that a bundle requires whose items stay on disk."""

ITEM_LOG: Final = "item-log"
"""The feature that a bundle requires whose items are a log."""

SHOP: Final = "shop"
VIDEO: Final = "video"
ARTICLES: Final = "articles"
"""The kinds of catalogue; a reader treats any other kind as a shop."""

KNOWN_FEATURES: Final = frozenset({"shared-codebooks", NARROW_ATTENTION, TRANSITIONS, ITEM_TABLE, ITEM_LOG})
MANIFEST_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_TOTAL_BYTES: Final = 4 << 30
CHUNK_BYTES: Final = 4 << 20

REQUIRED_ROLES: Final = ("codes", "prompts", "adapter", "items", "popularity", "golden")
OPTIONAL_ROLES: Final = ("pictures", "language_model", TRANSITIONS, "similarity", RETIRED)

LANGUAGE_ADAPTER: Final = "language_adapter"
"""The role of the adapters of the language model; any number of files may have it."""

MAX_FOLLOWERS: Final = 255
"""Largest number of followers of an item: it is stored in one byte."""

Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Count = Annotated[int, Meta(ge=0, le=MAX_TOTAL_BYTES)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Version = Annotated[str, Meta(pattern=r"\A[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Word = Annotated[str, Meta(pattern=rf"\A{PLAIN_NAME}\Z")]
_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z"
Moment = Annotated[str, Meta(pattern=rf"\A{_MOMENT}\Z", max_length=40)]
Text = Annotated[str, Meta(max_length=1000)]
# Integers that every reader represents exactly: the browser stores numbers as doubles.
Exact = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Features = Annotated[tuple[Name, ...], Meta(max_length=64)]


class File(Struct, frozen=True, omit_defaults=True):
    """One file of the bundle."""

    name: str
    role: Word
    bytes: Count
    sha256: Digest
    chunk_sha256: tuple[Digest, ...] = ()


class Tier(Struct, frozen=True):
    """Items with the same code length."""

    n_items: Annotated[int, Meta(ge=0, le=1 << 24)]
    n_codes: Annotated[int, Meta(ge=1, le=1024)]
    n_books: Annotated[int, Meta(ge=1, le=1024)] = 1


class Catalogue(Struct, frozen=True):
    """Sizes of the item table."""

    n_items: Annotated[int, Meta(ge=1, le=1 << 24)]
    dim: Annotated[int, Meta(ge=1, le=1024)]
    n_codewords: Annotated[int, Meta(ge=2, le=256)]
    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=4)]


class TransitionSettings(Struct, frozen=True):
    """Settings and sizes of the transitions."""

    newest: Annotated[int, Meta(ge=1, le=1024)]
    recency: Annotated[float, Meta(ge=0.001, le=1.0)]
    second_hop: Annotated[float, Meta(ge=0.0, le=100.0)]
    smoothing: Annotated[float, Meta(ge=1e-9, le=1.0)]
    similarity: Annotated[float, Meta(ge=0.0, le=100.0)]
    weight: Annotated[float, Meta(ge=0.001, le=100.0)]
    ratio: Annotated[float, Meta(ge=0.001, le=0.999)]
    n_entries: Annotated[int, Meta(ge=0, le=MAX_FOLLOWERS << 24)]
    vectors: Catalogue | None = None


class LearningSettings(Struct, frozen=True):
    """Settings of learning on the device (SPEC section 5)."""

    temperature: Annotated[float, Meta(ge=0.001, le=1000.0)]
    learning_rate: Annotated[float, Meta(ge=0.0, le=1.0)]
    factor_rate: Annotated[float, Meta(ge=0.0, le=1.0)]
    epsilon: Annotated[float, Meta(ge=1e-9, le=1000.0)]
    weight_decay: Annotated[float, Meta(ge=0.0, le=1.0)]
    beta1: Annotated[float, Meta(ge=0.0, le=0.9999)]
    beta2: Annotated[float, Meta(ge=0.0, le=0.9999)]
    updates: Annotated[int, Meta(ge=1, le=1000)]
    examples: Annotated[int, Meta(ge=4, le=1024)]
    candidates: Annotated[int, Meta(ge=2, le=4096)]


class Encoder(Struct, frozen=True):
    """Sizes of the encoder."""

    dim: Annotated[int, Meta(ge=1, le=1024)]
    max_length: Annotated[int, Meta(ge=1, le=1024)]
    n_blocks: Annotated[int, Meta(ge=1, le=32)]
    n_heads: Annotated[int, Meta(ge=1, le=1024)]
    n_prompts: Annotated[int, Meta(ge=1, le=1024)]
    adapter_rank: Annotated[int, Meta(ge=1, le=64)]
    input_scale: Annotated[float, Meta(gt=0.0)]


class EngineVariant(Struct, frozen=True):
    """An engine candidate: its name, its file, and its tolerance against the golden vectors."""

    engine: Word
    precision: Word
    file: Name
    max_state_error: Annotated[float, Meta(gt=0.0)]
    min_overlap: Share


class LanguageAdapter(Struct, frozen=True):
    """A LoRA adapter of the language model, for the texts of one prompt layout."""

    name: Word
    file: Name
    prompt: Word


class ModelSizes(Struct, frozen=True):
    """What a language model costs, so that a device can be judged before the file is there.

    Attributes:
        architecture: llama.cpp's name.
        block_parameters: weights that every token of a prompt is multiplied by.
        head_parameters: weights that only the last one is multiplied by.
        token_bytes: weights that every generated token reads.
        cache_bytes: keys and values of a full context.
    """

    architecture: Word
    block_parameters: Exact
    head_parameters: Exact
    token_bytes: Count
    cache_bytes: Exact


class LanguageModel(Struct, frozen=True, omit_defaults=True):
    """The model that writes reasons."""

    file: Name
    context: Annotated[int, Meta(ge=32, le=1 << 20)]
    prompt: Word
    adapters: Annotated[tuple[LanguageAdapter, ...], Meta(max_length=16)] = ()
    sizes: ModelSizes | None = None

    def adapter_for(self, prompt: str) -> LanguageAdapter | None:
        """Return the first adapter for a prompt layout, or None."""
        return next((adapter for adapter in self.adapters if adapter.prompt == prompt), None)


class Manifest(Struct, frozen=True, kw_only=True):
    """The contents of ``manifest.json``; SPEC section 2 describes the fields."""

    schema: Exact
    required_features: Features
    minimum_runtime: Version
    name: Name
    release: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
    created: Moment
    target: Word
    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=256)]
    catalogue: Catalogue
    encoder: Encoder
    engines: Annotated[tuple[EngineVariant, ...], Meta(max_length=16)]
    transitions: TransitionSettings | None = None
    language_model: LanguageModel | None = None
    learning: LearningSettings | None = None
    budgets: Annotated[dict[Name, Exact], Meta(max_length=64)] = {}
    kind: Word = SHOP
    provenance: Annotated[dict[Name, Text], Meta(max_length=256)] = {}
    licences: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()
    machines: Annotated[tuple[Word, ...], Meta(max_length=64)] = ()

    def file(self, name: str) -> File:
        """Return the entry of the file ``name``.

        Raises:
            BundleError: there is no such entry.
        """
        for entry in self.files:
            if entry.name == name:
                return entry
        raise BundleError(f"{MANIFEST_NAME}: found no file {name!r}; the files are {[f.name for f in self.files]}")

    def role(self, role: str) -> File | None:
        """Return the first entry with a role, or None."""
        return next((entry for entry in self.files if entry.role == role), None)

    def required_role(self, role: str) -> File:
        """Return the entry with a role.

        Raises:
            BundleError: there is no such entry.
        """
        entry = self.role(role)
        if entry is None:
            raise BundleError(f"{MANIFEST_NAME}: no file has the role {role!r}")
        return entry

    @property
    def ranking_files(self) -> tuple[File, ...]:
        """The files needed for ranking: the first engine's encoder, codes, prompts, adapter, and transitions."""
        encoder = [self.file(variant.file) for variant in self.engines[:1]]
        needed = [self.required_role(role) for role in ("codes", "prompts", "adapter")]
        optional = [self.role(role) for role in (TRANSITIONS, "similarity")]
        return (*encoder, *needed, *(entry for entry in optional if entry is not None))

    @property
    def ranking_bytes(self) -> int:
        """Size of the files needed for ranking."""
        return sum(entry.bytes for entry in self.ranking_files)

    @property
    def bundle_bytes(self) -> int:
        """Size of all files without the manifest."""
        return sum(entry.bytes for entry in self.files)


class Preface(Struct):
    """The fields that decide whether this runtime can read the manifest."""

    schema: Exact
    required_features: Features
    minimum_runtime: Version


def parse_manifest(data: bytes) -> Manifest:
    """Parse and validate a manifest.

    Raises:
        BundleVersionError: the bundle needs a newer runtime.
        BundleError: the manifest violates SPEC section 2.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{MANIFEST_NAME}: found {len(data)} bytes, expected at most {MAX_MANIFEST_BYTES}")
    try:
        _check_version(parse_json(data, Preface))
        manifest = decode_json(data, Manifest)
    except JsonError as error:
        raise BundleError(
            f"{MANIFEST_NAME}: {error}. It is not a manifest of schema {SCHEMA}; export or sync the bundle again."
        ) from error
    _check_files(manifest)
    if {ITEM_TABLE, ITEM_LOG} <= set(manifest.required_features):
        raise BundleError(f"{MANIFEST_NAME}: the bundle requires both {ITEM_TABLE!r} and {ITEM_LOG!r}, expected one")
    _check_sizes(manifest)
    _check_transitions(manifest)
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON; equal manifests give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def version_of(text: str) -> tuple[int, ...]:
    """Return ``X.Y.Z`` as a comparable tuple of integers."""
    return tuple(int(part) for part in text.split("."))


def _check_version(preface: Preface) -> None:
    advice = "Update pocketrec on this device, or export for this runtime."
    if preface.schema != SCHEMA:
        raise BundleVersionError(
            f"{MANIFEST_NAME}: found schema {preface.schema}, this runtime reads schema {SCHEMA}. {advice}"
        )
    unknown = sorted(set(preface.required_features) - KNOWN_FEATURES)
    if unknown:
        raise BundleVersionError(
            f"{MANIFEST_NAME}: the bundle requires the features {unknown}, which this runtime lacks. {advice}"
        )
    if version_of(preface.minimum_runtime) > version_of(__version__):
        raise BundleVersionError(
            f"{MANIFEST_NAME}: the bundle needs runtime {preface.minimum_runtime}, this is {__version__}. {advice}"
        )


def _check_files(manifest: Manifest) -> None:
    _check_names([entry.name for entry in manifest.files])
    if manifest.bundle_bytes > MAX_TOTAL_BYTES:
        raise BundleError(
            f"{MANIFEST_NAME}: found {manifest.bundle_bytes} bytes in total, expected at most {MAX_TOTAL_BYTES}"
        )
    for entry in manifest.files:
        n_chunks = math.ceil(entry.bytes / CHUNK_BYTES) if entry.bytes > CHUNK_BYTES else 0
        if len(entry.chunk_sha256) != n_chunks:
            raise BundleError(
                f"{MANIFEST_NAME}: {entry.name} has {len(entry.chunk_sha256)} chunk digests, expected {n_chunks}"
            )
    _check_roles(manifest)


def _check_names(names: list[str]) -> None:
    for name in names:
        if not is_plain_name(name) or name == MANIFEST_NAME:
            raise BundleError(f"{MANIFEST_NAME}: {name!r} is not a plain file name")
    if len({name.lower() for name in names}) != len(names):
        raise BundleError(f"{MANIFEST_NAME}: two files have the same name (ignoring case): {sorted(names)}")


def _check_roles(manifest: Manifest) -> None:
    roles = [entry.role for entry in manifest.files]
    for role in REQUIRED_ROLES:
        if roles.count(role) != 1:
            raise BundleError(f"{MANIFEST_NAME}: {roles.count(role)} files have the role {role!r}, expected 1")
    for role in OPTIONAL_ROLES:
        if roles.count(role) > 1:
            raise BundleError(f"{MANIFEST_NAME}: {roles.count(role)} files have the role {role!r}, expected at most 1")
    used = [(variant.file, "encoder") for variant in manifest.engines]
    if manifest.language_model is not None:
        adapters = manifest.language_model.adapters
        used.append((manifest.language_model.file, "language_model"))
        used += [(adapter.file, LANGUAGE_ADAPTER) for adapter in adapters]
        if len({adapter.name for adapter in adapters}) != len(adapters):
            names = [adapter.name for adapter in adapters]
            raise BundleError(f"{MANIFEST_NAME}: two adapters of the language model have the same name: {names}")
    for name, role in used:
        if manifest.file(name).role != role:
            raise BundleError(f"{MANIFEST_NAME}: {name} has the role {manifest.file(name).role!r}, expected {role!r}")


def _check_sizes(manifest: Manifest) -> None:
    catalogue, encoder = manifest.catalogue, manifest.encoder
    _check_tiers(catalogue)
    if encoder.dim != catalogue.dim or encoder.dim % encoder.n_heads:
        raise BundleError(
            f"{MANIFEST_NAME}: encoder dim {encoder.dim} with {encoder.n_heads} heads does not fit the "
            f"catalogue's dim {catalogue.dim}"
        )
    if not math.isfinite(encoder.input_scale):
        raise BundleError(f"{MANIFEST_NAME}: input_scale is not finite")


def _check_tiers(sizes: Catalogue) -> None:
    if sum(tier.n_items for tier in sizes.tiers) != sizes.n_items:
        raise BundleError(f"{MANIFEST_NAME}: the sizes of the tiers do not sum to {sizes.n_items} items")
    if any(sizes.dim % tier.n_codes for tier in sizes.tiers):
        raise BundleError(f"{MANIFEST_NAME}: a tier's n_codes does not divide dim {sizes.dim}")
    if any(tier.n_codes % tier.n_books for tier in sizes.tiers):
        raise BundleError(f"{MANIFEST_NAME}: a tier's n_books does not divide its n_codes")


def _check_transitions(manifest: Manifest) -> None:
    settings = manifest.transitions
    vectors = None if settings is None else settings.vectors
    for role, field, value in ((TRANSITIONS, TRANSITIONS, settings), ("similarity", "transitions.vectors", vectors)):
        if (manifest.role(role) is None) != (value is None):
            raise BundleError(f"{MANIFEST_NAME}: found only one of the field {field} and a file of the role {role!r}")
    if settings is None:
        if not manifest.engines:
            raise BundleError(f"{MANIFEST_NAME}: found neither an engine nor transitions, expected one of them")
        return
    if TRANSITIONS not in manifest.required_features:
        raise BundleError(f"{MANIFEST_NAME}: a bundle with transitions must require the feature {TRANSITIONS!r}")
    most = MAX_FOLLOWERS * manifest.catalogue.n_items
    if settings.n_entries > most:
        raise BundleError(f"{MANIFEST_NAME}: found {settings.n_entries} transitions, expected at most {most}")
    if vectors is not None:
        _check_tiers(vectors)
        if vectors.n_items != manifest.catalogue.n_items:
            raise BundleError(
                f"{MANIFEST_NAME}: found similarity vectors of {vectors.n_items} items, "
                f"expected {manifest.catalogue.n_items}"
            )
