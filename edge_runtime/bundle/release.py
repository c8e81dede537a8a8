"""The documents that a release channel signs: releases, releases of one component, and rollouts.

SPEC, "Signed releases", is normative. A document is parsed only after its length and digest matched the
signed metadata. The module has no IO and no cryptography, so that the device and the repository on the
server share it.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from edge_runtime.bundle.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_TOTAL_BYTES,
    Digest,
    Exact,
    Manifest,
    Name,
    Share,
    Word,
)
from edge_runtime.bundle.parsing import JsonError, decode_json, parse_json
from edge_runtime.errors import BundleError, BundleVersionError

SCHEMA: Final = 1
MAX_DOCUMENT_BYTES: Final = 1 << 14
COMPONENTS: Final = ("codebook", "transitions", "prompts", "adapter")
"""What can be released on its own, in the order in which a device applies it to the release of the whole bundle."""

OWNED_ROLES: Final[Mapping[str, frozenset[str]]] = {
    "codebook": frozenset(
        {"codes", "items", "popularity", "pictures", "similarity", "retired", "transitions", "golden"}
    ),
    "transitions": frozenset({"transitions", "similarity", "golden"}),
    "prompts": frozenset({"prompts", "golden"}),
    "adapter": frozenset({"adapter", "golden"}),
}
"""The roles of the files that a release of a component may change, add or remove."""

_ALWAYS_OWNED: Final = frozenset({"release", "created", "provenance"})
OWNED_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "codebook": _ALWAYS_OWNED | {"catalogue", "transitions"},
    "transitions": _ALWAYS_OWNED | {"transitions"},
    "prompts": _ALWAYS_OWNED,
    "adapter": _ALWAYS_OWNED | {"learning"},
}
"""The fields of the manifest that a release of a component may change, besides ``files``."""

DRAW_BYTES: Final = 16
"""Length of the random number that a device draws once, for its place in all rollouts."""
MAX_DELTAS: Final = 16
"""Most deltas that lead to one release."""

_MOMENT: Final = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"
_MOMENT_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
Number = Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
Ring = Annotated[float, Meta(gt=0.0, le=1.0)]


class Digested(Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest, by its length and digest."""

    bytes: Annotated[int, Meta(ge=1, le=MAX_MANIFEST_BYTES)]
    sha256: Digest


class Delta(Struct, frozen=True, forbid_unknown_fields=True):
    """A delta pack, which leads from the files of an earlier final manifest to those of this one."""

    from_manifest: Digest = field(name="from")
    bytes: Annotated[int, Meta(ge=1, le=MAX_TOTAL_BYTES)]
    sha256: Digest


class Wave(Struct, frozen=True, forbid_unknown_fields=True):
    """The schedule of a staged rollout: each ring is a share of the devices and opens ``hours`` after the last one."""

    start: Annotated[str, Meta(pattern=_MOMENT)]
    hours: Annotated[float, Meta(gt=0.0, le=8760.0)]
    rings: Annotated[tuple[Ring, ...], Meta(min_length=1, max_length=16)]
    salt: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    max_refused: Share

    def __post_init__(self) -> None:
        self.start_time()
        if any(wider <= narrower for narrower, wider in pairwise(self.rings)):
            raise ValueError(f"found the rings {list(self.rings)}, expected each to be wider than the one before")

    def start_time(self) -> float:
        """Return the start in seconds since 1970.

        Raises:
            ValueError: there is no such date.
        """
        return datetime.strptime(self.start, _MOMENT_FORMAT).replace(tzinfo=UTC).timestamp()


class ReleaseDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release of the whole bundle for one target."""

    schema: Literal[1] = 1
    name: Name
    target: Word
    release: Number
    manifest: Digested
    deltas: Annotated[tuple[Delta, ...], Meta(max_length=MAX_DELTAS)] = ()
    wave: Wave | None = None

    def __post_init__(self) -> None:
        if len({delta.from_manifest for delta in self.deltas}) != len(self.deltas):
            raise ValueError("two deltas lead from the same manifest")

    def delta_from(self, manifest: str) -> Delta | None:
        """Return the delta from the manifest with this sha256, or None."""
        return next((delta for delta in self.deltas if delta.from_manifest == manifest), None)


class ComponentDocument(ReleaseDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release of one component: a complete manifest that differs from its base only in what the component owns."""

    component: Literal["codebook", "transitions", "prompts", "adapter"]
    base: Digest


class RolloutDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds the rollout of one final manifest back."""

    schema: Literal[1] = 1
    target: Word
    manifest: Digest
    share: Share
    halted: bool


Document = TypeVar("Document", ReleaseDocument, ComponentDocument, RolloutDocument)


class _Preface(Struct):
    """The field that decides whether this runtime can read a document."""

    schema: Exact


def release_path(target: str) -> str:
    """Return the path in the signed metadata of the release document of a target."""
    return f"bundle/{target}.json"


def component_path(component: str, target: str) -> str:
    """Return the path in the signed metadata of the document of a component for a target."""
    return f"{component}/{target}.json"


def rollout_path(target: str) -> str:
    """Return the path in the signed metadata of the rollout document of a target."""
    return f"rollout/{target}.json"


def parse_release(data: bytes, target: str) -> ReleaseDocument:
    """Parse the document at :func:`release_path`, whose length and digest are already checked.

    Raises:
        BundleVersionError: it needs a newer runtime.
        BundleError: it violates SPEC, "Signed releases", or is of another target.
    """
    return _parse(data, ReleaseDocument, release_path(target), target)


def parse_component(data: bytes, component: str, target: str) -> ComponentDocument:
    """Parse the document at :func:`component_path`; see :func:`parse_release`."""
    path = component_path(component, target)
    document = _parse(data, ComponentDocument, path, target)
    if document.component != component:
        raise BundleError(f"{path}: found the component {document.component!r}, expected {component!r}")
    return document


def parse_rollout(data: bytes, target: str) -> RolloutDocument:
    """Parse the document at :func:`rollout_path`; see :func:`parse_release`."""
    return _parse(data, RolloutDocument, rollout_path(target), target)


def dump_document(document: ReleaseDocument | ComponentDocument | RolloutDocument) -> bytes:
    """Return a document as JSON; equal documents give equal bytes."""
    return msgspec.json.encode(document)


def check_manifest(document: ReleaseDocument, manifest: Manifest) -> None:
    """Check that a manifest is what its document says that it is.

    Raises:
        BundleError: the name, the target or the release number differs.
    """
    for what in ("name", "target", "release"):
        found, expected = getattr(manifest, what), getattr(document, what)
        if found != expected:
            raise BundleError(f"manifest.json: found the {what} {found!r}, but the signed release says {expected!r}")


def check_derived(base: Manifest, derived: Manifest, component: str) -> None:
    """Check that ``derived`` differs from ``base`` only in what a component owns.

    The key of a component signs nothing else, so anything else is refused as an attack.

    Raises:
        BundleError: a file or a field that the component does not own differs.
    """
    change = foreign_change(base, derived, component)
    if change is not None:
        raise BundleError(
            f"{component}: {change}. The key of {component!r} may not change it: "
            "do not install this, and tell the operator."
        )


def foreign_change(base: Manifest, derived: Manifest, component: str) -> str | None:
    """Return what differs between two manifests although a component does not own it, or None."""
    before, after = _foreign_files(base, component), _foreign_files(derived, component)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            return f"found another {name}, expected the one of the release"
    for name in Manifest.__struct_fields__:
        found, expected = getattr(derived, name), getattr(base, name)
        if name != "files" and name not in OWNED_FIELDS[component] and found != expected:
            return f"found {name} {found!r}, expected {expected!r}"
    return None


def position(salt: str, draw: bytes) -> float:
    """Return the place of a device in a rollout, in [0, 1): evenly spread, and independent between rollouts.

    Args:
        salt: the salt of the wave, in hexadecimal.
        draw: the :data:`DRAW_BYTES` random bytes that the device drew once.
    """
    digest = hashlib.sha256(bytes.fromhex(salt) + draw).digest()
    # The upper 53 bits, which a double holds exactly: dividing all 64 would round the largest ones up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def scheduled_share(wave: Wave | None, now: float) -> float:
    """Return the share of the devices that a schedule has opened by ``now``, in seconds since 1970."""
    if wave is None:
        return 1.0
    elapsed = now - wave.start_time()
    if elapsed < 0:
        return 0.0
    return wave.rings[int(min(elapsed // (wave.hours * 3600.0), len(wave.rings) - 1))]


def open_share(document: ReleaseDocument, final: str, rollout: RolloutDocument | None, now: float) -> float:
    """Return the share of the devices that may install a release: the schedule's, unless the rollout holds it back.

    A release without a schedule is for everyone at once, and nothing holds it back.

    Args:
        document: the document that gives the final manifest.
        final: sha256 of the final manifest.
        rollout: the rollout document of the target, if there is one; one of another manifest does not count.
        now: seconds since 1970.
    """
    share = scheduled_share(document.wave, now)
    if document.wave is None or rollout is None or rollout.manifest != final:
        return share
    return 0.0 if rollout.halted else min(share, rollout.share)


def _parse(data: bytes, kind: type[Document], path: str, target: str) -> Document:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise BundleError(f"{path}: found {len(data)} bytes, expected at most {MAX_DOCUMENT_BYTES}")
    try:
        schema = parse_json(data, _Preface).schema
        if schema != SCHEMA:
            raise BundleVersionError(
                f"{path}: found schema {schema}, this runtime reads schema {SCHEMA}. Update pocketrec on this device."
            )
        document = decode_json(data, kind)
    except JsonError as error:
        raise BundleError(
            f"{path}: {error}. It is not a document of schema {SCHEMA}; publish the release again."
        ) from error
    if document.target != target:
        raise BundleError(f"{path}: found the target {document.target!r}, expected {target!r}")
    return document


def _foreign_files(manifest: Manifest, component: str) -> dict[str, object]:
    """Return the entries of the files that a component does not own, by name."""
    return {entry.name: entry for entry in manifest.files if entry.role not in OWNED_ROLES[component]}
