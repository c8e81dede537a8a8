"""The cases of `tests/golden/releases.json`: documents of release channels, and what a device makes of them.

After a deliberate change, regenerate them with ``python -m tests.golden_releases`` and review the diff.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from edge_runtime.bundle import Manifest, dump_manifest, parse_manifest
from edge_runtime.bundle.manifest import File
from edge_runtime.bundle.release import (
    COMPONENTS,
    DRAW_BYTES,
    ComponentDocument,
    Delta,
    Digested,
    ReleaseDocument,
    RolloutDocument,
    Wave,
    dump_document,
    foreign_change,
    open_share,
    parse_component,
    parse_release,
    parse_rollout,
    position,
)
from edge_runtime.device_folder import Pointer, slot_name
from edge_runtime.errors import BundleError, BundleVersionError, UpdateRefusedError
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.documents import SignedDocuments
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.folder_transport import FolderTransport
from edge_runtime.sync.signed import SignedChannel
from tests.edge_runtime.sync.signed_shop import Component
from tests.edge_runtime.sync.tuf.repository import TODAY, Repository
from tests.golden_dislikes import dump
from tests.tiny_learning import LEARNING

PATH = Path(__file__).parent / "golden" / "releases.json"

Json = dict[str, Any]

ABOUT = (
    "Documents of release channels in the Python and the browser runtime. documents: texts with the folder that they "
    "are read from, for the target in `target`, and the verdict: accepted, refused, or of a newer version. derived: "
    "two manifests, and for each component whether something differs that it may not sign. waves: the place of a "
    "device and the share that is open at a time. repositories: files by path, contents by key, the time, the "
    "device's draw, the manifest in use, and the outcome: the final manifest, the release that is waited for, or a "
    "refusal; and notes."
)
TARGET = "browser-wasm"
START = "2026-03-02T00:00:00Z"
DIGEST = "0123456789abcdef" * 4
DRAW = bytes(range(DRAW_BYTES))
WAVE = Wave(start=START, hours=24.0, rings=(0.1, 0.5, 1.0), salt="ab" * 16, max_refused=0.02)
DAY_S = 86_400.0
RELEASE: Json = {
    "schema": 1, "name": "shop", "target": TARGET, "release": 7, "manifest": {"bytes": 4045, "sha256": DIGEST},
    "deltas": [{"from": DIGEST[::-1], "bytes": 2969, "sha256": DIGEST}],
    "wave": {"start": START, "hours": 24, "rings": [0.01, 0.1, 0.5, 1], "salt": "ab" * 16, "max_refused": 0.02},
}  # fmt: skip
COMPONENT: Json = {**RELEASE, "component": "adapter", "base": DIGEST}
ROLLOUT: Json = {"schema": 1, "target": TARGET, "manifest": DIGEST, "share": 0.1, "halted": False}
LEFT_OUT = object()


def altered(document: Json, value: object, *path: str | int) -> Json:
    """Return a document with another value at a path, or without it."""
    copy: Json = json.loads(json.dumps(document))
    inner: Any = copy
    for step in path[:-1]:
        inner = inner[step]
    if value is LEFT_OUT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


_TIMES = (
    "2026-02-30T00:00:00Z", "2028-02-29T00:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T23:59:60Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-03-02T00:00:00+00:00", "2026-03-02", 5, None,
)  # fmt: skip
_Changes = tuple[tuple[object, tuple[str | int, ...]], ...]


def each(values: Iterable[object], *path: str | int) -> _Changes:
    """Return changes to these values at a path."""
    return tuple((value, path) for value in values)


_RELEASE_CHANGES: _Changes = (
    *((LEFT_OUT, (name,)) for name in RELEASE),
    *((LEFT_OUT, ("wave", name)) for name in RELEASE["wave"]),
    *each((0, 2, 1.0, "1", -1, 2**53, True, None), "schema"),
    *each(("", "a" * 100, "a" * 101, "\U0001f600" * 100, 5), "name"),
    *each(("other", "../x", "", 5), "target"),
    *each((0, 1, 2**53 - 1, 2**53, 7.0, "7"), "release"),
    *each(({}, [], None, {"bytes": 5, "sha256": DIGEST, "more": 1}), "manifest"),
    *each((0, 1, 2**20, 2**20 + 1, 1.5), "manifest", "bytes"),
    *((value, ("manifest", "sha256")) for value in (DIGEST.upper(), DIGEST[1:], DIGEST + "\n")),
    *each(([], None, {}, RELEASE["deltas"] * 2), "deltas"),
    ([{"from": f"{at:064x}", "bytes": 1, "sha256": DIGEST} for at in range(16)], ("deltas",)),
    ([{"from": f"{at:064x}", "bytes": 1, "sha256": DIGEST} for at in range(17)], ("deltas",)),
    *each((0, 2**32, 2**32 + 1), "deltas", 0, "bytes"),
    *each(("x", LEFT_OUT), "deltas", 0, "from"),
    (1, ("deltas", 0, "more")),
    *each((None, {}, []), "wave"),
    *each(_TIMES, "wave", "start"),
    *each((0, 1e-9, 8760, 8760.5, -1, "24"), "wave", "hours"),
    *each(([], [1], [0.5, 0.5], [0.5, 0.1], [0, 1], [0.5, 1.5], [True], None), "wave", "rings"),
    *(([round(at / 20, 2) for at in range(1, n + 1)], ("wave", "rings")) for n in (16, 17)),
    *each(("ab" * 15, "AB" * 16, "ab" * 16 + "\n"), "wave", "salt"),
    *each((0, 1, 1.01, -0.1), "wave", "max_refused"),
    (1, ("wave", "more")),
    (1, ("more",)),
    ("adapter", ("component",)),
)
_COMPONENT_CHANGES: _Changes = (
    *each(("codebook", None, LEFT_OUT), "component"),
    *each((LEFT_OUT, "x"), "base"),
    (None, ("wave",)),
    (1, ("more",)),
)
_ROLLOUT_CHANGES: _Changes = (
    *((LEFT_OUT, (name,)) for name in ROLLOUT),
    *each((0, 1, 1.5, -0.5, "1", None), "share"),
    *each((True, 0, None, "true"), "halted"),
    ("other", ("target",)),
    (2, ("schema",)),
    (1, ("more",)),
    ("x", ("manifest",)),
)
_TEXTS = ("", "[]", "null", "{", '{"schema":1,"schema":1}', '{"schema":2,"more":[]}', '{"schema":2', "[" * 100)


def documents() -> Iterator[Json]:
    """Yield documents with their verdicts."""
    kinds = (
        ("bundle", RELEASE, _RELEASE_CHANGES),
        ("adapter", COMPONENT, _COMPONENT_CHANGES),
        ("rollout", ROLLOUT, _ROLLOUT_CHANGES),
    )
    for folder, document, changes in kinds:
        yield judged(folder, json.dumps(document))
        for value, path in changes:
            yield judged(folder, json.dumps(altered(document, value, *path)))
    for text in _TEXTS:
        yield judged("bundle", text)
    for n_spaces in (0, 1):
        room = (1 << 14) - len(json.dumps(RELEASE)) + n_spaces
        yield judged("bundle", json.dumps(RELEASE) + " " * room)


def judged(folder: str, text: str) -> Json:
    data = text.encode()
    try:
        if folder == "bundle":
            parse_release(data, TARGET)
        elif folder == "rollout":
            parse_rollout(data, TARGET)
        else:
            parse_component(data, folder, TARGET)
        verdict = "accepted"
    except BundleVersionError:
        verdict = "newer"
    except BundleError:
        verdict = "refused"
    return {"folder": folder, "text": text, "verdict": verdict}


def base_manifest(release: int = 1) -> Manifest:
    """Return a manifest with a file of each role, whose digests are those of no bytes."""
    roles = ("codes", "prompts", "adapter", "items", "popularity", "golden", "encoder", "pictures", "retired",
             "transitions", "similarity")  # fmt: skip
    tier = {"n_items": 40, "n_codes": 4, "n_books": 1}
    catalogue = {"n_items": 40, "dim": 16, "n_codewords": 16, "tiers": [tier]}
    raw = {
        "schema": 1, "required_features": ["transitions"], "minimum_runtime": "0.1.0", "name": "shop",
        "release": release, "created": "2026-03-01T00:00:00Z", "target": TARGET,
        "files": [msgspec.to_builtins(_file(role, release)) for role in roles],
        "catalogue": catalogue,
        "encoder": {"dim": 16, "max_length": 8, "n_blocks": 1, "n_heads": 2, "n_prompts": 2, "adapter_rank": 2,
                    "input_scale": 0.5},
        "engines": [{"engine": "reference", "precision": "float32", "file": "encoder.safetensors",
                     "max_state_error": 0.001, "min_overlap": 0.9}],
        "transitions": {"newest": 2, "recency": 0.5, "second_hop": 0.1, "smoothing": 0.1, "similarity": 0.5,
                        "weight": 1.0, "ratio": 0.5, "n_entries": 9, "vectors": catalogue},
        "budgets": {"bytes": 1000, "memory": 2000}, "provenance": {"data": "none"}, "licences": ["CC0-1.0"],
    }  # fmt: skip
    return parse_manifest(json.dumps(raw).encode())


def _file(role: str, seed: int) -> File:
    digest = hashlib.sha256(f"{role} {seed}".encode()).hexdigest()
    return File(name=f"{role}.safetensors", role=role, bytes=100, sha256=digest)


def with_files(manifest: Manifest, *roles: str, seed: int = 99, release: int | None = None) -> Manifest:
    """Return a manifest whose files of these roles are others."""
    files = tuple(_file(entry.role, seed) if entry.role in roles else entry for entry in manifest.files)
    return msgspec.structs.replace(manifest, files=files, release=release or manifest.release)


def manifest_changes() -> Iterator[Manifest]:
    base, replace = base_manifest(), msgspec.structs.replace
    for entry in base.files:
        yield with_files(base, entry.role)
    yield replace(base, files=(*base.files, replace(_file("encoder", 5), name="more.bin")))
    yield replace(base, files=tuple(entry for entry in base.files if entry.role != "retired"))
    # Two files that one component owns only one of take each other's place.
    places = {"pictures": "similarity", "similarity": "pictures"}
    yield replace(base, files=tuple(replace(entry, role=places.get(entry.role, entry.role)) for entry in base.files))
    yield replace(base, files=base.files[::-1])
    assert base.transitions is not None
    yield replace(base, transitions=replace(base.transitions, weight=2.0))
    yield replace(base, learning=LEARNING)
    yield replace(base, catalogue=replace(base.catalogue, n_codewords=32))
    yield replace(base, encoder=replace(base.encoder, input_scale=0.25))
    yield replace(base, engines=(replace(base.engines[0], min_overlap=0.5),))
    yield replace(base, budgets=dict(reversed(base.budgets.items())))
    yield replace(base, budgets={**base.budgets, "bytes": 1001})
    yield replace(base, release=2, created="2026-03-02T00:00:00Z", provenance={"data": "other"})
    yield replace(base, name="other")
    yield replace(base, target="other")
    yield replace(base, licences=())
    yield replace(base, machines=("laptop",))
    yield replace(base, required_features=("transitions", "narrow-attention"))
    yield replace(base, minimum_runtime="0.0.9")


def derived(keep: Callable[[bytes], str]) -> Iterator[Json]:
    """Yield changes of a manifest with what each component may not sign of it."""
    base = base_manifest()
    for changed in manifest_changes():
        foreign = {component: foreign_change(base, changed, component) is not None for component in COMPONENTS}
        yield {"base": keep(dump_manifest(base)), "derived": keep(dump_manifest(changed)), "foreign": foreign}


def waves() -> Iterator[Json]:
    """Yield the place of a device, and the share that is open."""
    rings = (0.01, 0.1, 0.5, 1.0)
    rollout = RolloutDocument(target=TARGET, manifest=DIGEST, share=0.25, halted=False)
    held = (None, rollout, msgspec.structs.replace(rollout, halted=True),
            msgspec.structs.replace(rollout, manifest=DIGEST[::-1]))  # fmt: skip
    for number, hours in enumerate((24.0, 0.1, 1 / 3, 8760.0)):
        wave = Wave(start=START, hours=hours, rings=rings, salt=f"{number:032x}", max_refused=0.02)
        draw = hashlib.sha256(wave.salt.encode()).digest()[:DRAW_BYTES]
        document = ReleaseDocument(name="s", target=TARGET, release=1, manifest=Digested(1, DIGEST), wave=wave)
        for elapsed in (-1.0, 0.0, 1080.0, 1200.0, 3599.5, 3 * DAY_S, 1e12):
            for held_back in held:
                now = wave.start_time() + elapsed
                yield {
                    "wave": msgspec.to_builtins(wave),
                    "rollout": msgspec.to_builtins(held_back),
                    "draw": draw.hex(),
                    "now": now,
                    "final": DIGEST,
                    "position": position(wave.salt, draw),
                    "share": open_share(document, DIGEST, held_back, now),
                }


class Shop:
    """A repository in memory with keys that are the same each time."""

    def __init__(self) -> None:
        self._n_keys = 0
        self.tuf = Repository(self._new_signer)
        self.files: dict[str, bytes] = {}
        for role in (*COMPONENTS, "rollout"):
            self.tuf.delegate(role, f"{role}/*", terminating=True)
        self.now = TODAY.timestamp()

    def release(self, manifest: Manifest, wave: Wave | None = None) -> str:
        """Sign a release; return the digest of its manifest."""
        document = ReleaseDocument(**self._about(manifest), wave=wave)
        self.tuf.add(f"bundle/{TARGET}.json", dump_document(document))
        return document.manifest.sha256

    def component(
        self, component: Component, manifest: Manifest, base: str, *, role: str | None = None, wave: Wave | None = None
    ) -> str:
        """Sign a release of a component."""
        document = ComponentDocument(**self._about(manifest), component=component, base=base, wave=wave)
        self.tuf.add(f"{component}/{TARGET}.json", dump_document(document), role or component)
        return document.manifest.sha256

    def sign(self, path: str, data: bytes, role: str) -> None:
        self.tuf.add(path, data, role)

    def published(self) -> dict[str, bytes]:
        """Return all files, by path."""
        self.tuf.publish(*COMPONENTS, "rollout", "targets", "snapshot", "timestamp")
        metadata = {f"metadata/{name}": data for name, data in self.tuf.files.items()}
        return metadata | {f"targets/{path}": data for path, data in self.tuf.targets.items()} | self.files

    def _about(self, manifest: Manifest) -> Json:
        raw = dump_manifest(manifest)
        digest = hashlib.sha256(raw).hexdigest()
        self.files[f"files/{digest}"] = raw
        return {
            "name": manifest.name,
            "target": TARGET,
            "release": manifest.release,
            "manifest": Digested(len(raw), digest),
            "deltas": (Delta(DIGEST, 5, digest),),
        }

    def _new_signer(self) -> CryptoSigner:
        self._n_keys += 1
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"shop %d" % self._n_keys).digest()))


def a_release(shop: Shop) -> None:
    shop.release(base_manifest())


def nothing_for_the_target(shop: Shop) -> None:
    del shop


def components_in_order(shop: Shop) -> None:
    base = base_manifest()
    digest = shop.release(base)
    codebook = with_files(base, "codes", "items", "golden", release=2)
    prompts = with_files(codebook, "prompts", "golden", seed=3, release=3)
    digest = shop.component("codebook", codebook, digest)
    shop.component("prompts", prompts, digest)


def components_in_another_order(shop: Shop) -> None:
    base = base_manifest()
    prompts = with_files(base, "prompts", release=2)
    digest = shop.component("prompts", prompts, shop.release(base))
    shop.component("codebook", with_files(prompts, "codes", release=3), digest)


def a_component_of_another_base(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.component("adapter", with_files(base_manifest(), "adapter", release=2), DIGEST)


def a_component_that_reaches_further(shop: Shop) -> None:
    base = base_manifest()
    digest = shop.release(base)
    transitions = with_files(base, "transitions", release=2)
    digest = shop.component("transitions", transitions, digest)
    shop.component("adapter", with_files(transitions, "adapter", "codes", release=3), digest)


def a_component_signed_by_another_role(shop: Shop) -> None:
    base = shop.release(base_manifest())
    shop.component("codebook", with_files(base_manifest(), "codes", release=2), base, role="adapter")


def a_malformed_component(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.sign(f"adapter/{TARGET}.json", b"{}", "adapter")


def a_component_of_a_newer_version(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.sign(f"adapter/{TARGET}.json", b'{"schema":2}', "adapter")


def a_component_whose_manifest_is_missing(shop: Shop) -> None:
    base = shop.release(base_manifest())
    digest = shop.component("adapter", with_files(base_manifest(), "adapter", release=2), base)
    del shop.files[f"files/{digest}"]


def a_component_of_later_whose_manifest_is_missing(shop: Shop) -> None:
    base = base_manifest(10)
    later = msgspec.structs.replace(WAVE, start="2099-01-01T00:00:00Z")
    digest = shop.component("adapter", with_files(base, "adapter", release=11), shop.release(base), wave=later)
    del shop.files[f"files/{digest}"]


def a_component_that_is_missing_and_held_back(shop: Shop) -> None:
    base = base_manifest(10)
    digest = shop.component("adapter", with_files(base, "adapter", release=11), shop.release(base, WAVE), wave=WAVE)
    del shop.files[f"files/{digest}"]
    rollout = RolloutDocument(target=TARGET, manifest=digest, share=1.0, halted=True)
    shop.sign(f"rollout/{TARGET}.json", dump_document(rollout), "rollout")
    shop.now = WAVE.start_time() + 9 * DAY_S


def a_component_beside_one_that_is_missing(shop: Shop) -> None:
    base = base_manifest(10)
    digest = shop.release(base)
    missing = shop.component("codebook", with_files(base, "codes", release=11), digest)
    shop.component("prompts", with_files(base, "prompts", release=12), digest)
    del shop.files[f"files/{missing}"]


def components_of_which_each_may_fail(shop: Shop) -> None:
    base = base_manifest(9)
    codebook = with_files(base, "codes", release=10)
    digest = shop.component("codebook", codebook, shop.release(base))
    shop.component("adapter", with_files(codebook, "adapter", release=11), digest)


def a_malformed_release(shop: Shop) -> None:
    shop.sign(f"bundle/{TARGET}.json", b"{}", "targets")


def a_release_of_a_newer_version(shop: Shop) -> None:
    shop.sign(f"bundle/{TARGET}.json", b'{"schema":2}', "targets")


def a_document_that_is_too_long(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.sign(f"bundle/{TARGET}.json", b" " * (1 << 15), "targets")


def a_missing_manifest(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.files.clear()


def a_changed_manifest(shop: Shop) -> None:
    digest = shop.release(base_manifest())
    shop.files[f"files/{digest}"] = shop.files[f"files/{digest}"].replace(b"shop", b"ship")


def a_missing_document(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.tuf.targets.clear()


def a_changed_document(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.tuf.targets = {path: data.replace(b":1,", b":2,") for path, data in shop.tuf.targets.items()}


def a_manifest_with_another_number(shop: Shop) -> None:
    raw = dump_manifest(base_manifest(2))
    digest = hashlib.sha256(raw).hexdigest()
    shop.files[f"files/{digest}"] = raw
    document = ReleaseDocument(name="shop", target=TARGET, release=1, manifest=Digested(len(raw), digest))
    shop.sign(f"bundle/{TARGET}.json", dump_document(document), "targets")


def a_manifest_with_two_lengths_of_one_file(shop: Shop) -> None:
    base = base_manifest()
    one, other, *rest = base.files
    shop.release(msgspec.structs.replace(base, files=(one, msgspec.structs.replace(other, sha256=one.sha256, bytes=7),
                                                      *rest)))  # fmt: skip


def staged(now_days: float, rollout: RolloutDocument | None = None) -> Callable[[Shop], None]:
    """Return a scenario of a staged release, some days after its start."""

    def act(shop: Shop) -> None:
        digest = shop.release(base_manifest(2), WAVE)
        shop.now = WAVE.start_time() + now_days * DAY_S
        if rollout is not None:
            document = msgspec.structs.replace(rollout, manifest=digest if rollout.manifest == DIGEST else DIGEST)
            shop.sign(f"rollout/{TARGET}.json", dump_document(document), "rollout")

    return act


def a_component_of_a_staged_release(shop: Shop) -> None:
    base = base_manifest(2)
    digest = shop.release(base, WAVE)
    shop.component("adapter", with_files(base, "adapter", release=3), digest)
    shop.now = WAVE.start_time()


def a_malformed_rollout(shop: Shop) -> None:
    staged(5)(shop)
    shop.sign(f"rollout/{TARGET}.json", b"{}", "rollout")


def expired(shop: Shop) -> None:
    shop.release(base_manifest())
    shop.now = (TODAY + timedelta(days=31)).timestamp()


_ROLLOUT = RolloutDocument(target=TARGET, manifest=DIGEST, share=1.0, halted=False)
SCENARIOS: dict[str, Callable[[Shop], None]] = {
    act.__name__.replace("_", " "): act
    for act in (
        a_release, nothing_for_the_target, components_in_order, components_in_another_order,
        a_component_of_another_base, a_component_that_reaches_further, a_component_signed_by_another_role,
        a_malformed_component, a_component_of_a_newer_version, a_component_whose_manifest_is_missing,
        a_malformed_release, a_release_of_a_newer_version, a_document_that_is_too_long, a_missing_manifest,
        a_changed_manifest, a_missing_document, a_changed_document, a_manifest_with_another_number,
        a_manifest_with_two_lengths_of_one_file, a_component_of_a_staged_release, a_malformed_rollout, expired,
        a_component_of_later_whose_manifest_is_missing, a_component_that_is_missing_and_held_back,
        a_component_beside_one_that_is_missing, components_of_which_each_may_fail,
    )
} | {
    "staged, before it starts": staged(-0.5),
    "staged, first ring": staged(0.5),
    "staged, second ring": staged(1.5),
    "staged, last ring": staged(9),
    "staged, held back": staged(9, msgspec.structs.replace(_ROLLOUT, share=0.01)),
    "staged, not held back": staged(9, _ROLLOUT),
    "staged, halted": staged(9, msgspec.structs.replace(_ROLLOUT, halted=True)),
    "staged, another one halted": staged(9, msgspec.structs.replace(_ROLLOUT, manifest=DIGEST[::-1], halted=True)),
}  # fmt: skip


class _Metadata(DeviceMetadata):
    """The metadata of a device that has drawn :data:`DRAW`."""

    def draw(self) -> bytes:
        return DRAW


def repository(name: str, keep: Callable[[bytes], str]) -> Iterator[Json]:
    """Yield the outcome for a device without a release, and for one with an earlier release."""
    shop = Shop()
    SCENARIOS[name](shop)
    files = shop.published()
    earlier = dump_manifest(base_manifest(release=9))
    newest = next((data for path, data in files.items() if path.startswith("files/")), None)
    for held in (None, earlier, *([newest] if name == "a release" else [])):
        yield {
            "name": name,
            "files": {path: keep(data) for path, data in sorted(files.items())},
            "now": shop.now,
            "draw": DRAW.hex(),
            "held": held and keep(held),
            "expected": outcome(files, shop.now, held),
        }


def outcome(files: dict[str, bytes], now: float, held: bytes | None) -> Json:
    """Return what a device makes of a repository."""
    pointer = None if held is None else Pointer(slot=slot_name(held), name="shop", target=TARGET, release=9)
    result: Json = {"final": None, "fallbacks": [], "waiting": None, "refused": None, "notes": []}
    with TemporaryDirectory() as folder:
        for path, data in files.items():
            place = Path(folder, "shop", path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        with _Metadata(Path(folder, "trusted"), root=files["metadata/1.root.json"], clock=lambda: now) as metadata:
            source = Source(FolderTransport(Path(folder, "shop")))
            channel = SignedChannel(SignedDocuments(source, TARGET, metadata, Path(folder, "documents")))
            try:
                answer = channel.newest(pointer, pointer)
            except (UpdateRefusedError, BundleError) as error:
                return result | {"refused": type(error).__name__}
    # What follows a colon is for people.
    notes = [note.partition(":")[0] for note in answer.notes]
    final = None if answer.offer is None else hashlib.sha256(answer.offer.raw).hexdigest()
    fallbacks = [hashlib.sha256(offer.raw).hexdigest() for offer in answer.fallbacks]
    return result | {"final": final, "fallbacks": fallbacks, "waiting": answer.waiting, "notes": notes}


def make_all() -> Json:
    """Return the contents of the file."""
    contents: dict[str, str] = {}

    def keep(data: bytes) -> str:
        key = hashlib.sha256(data).hexdigest()[:12]
        contents[key] = data.decode()
        return key

    return {
        "about": ABOUT,
        "target": TARGET,
        "documents": list(documents()),
        "derived": list(derived(keep)),
        "waves": list(waves()),
        "repositories": [case for name in SCENARIOS for case in repository(name, keep)],
        "contents": contents,
    }


def main() -> None:
    """Write all cases."""
    PATH.write_text(dump(make_all()), encoding="utf-8")


if __name__ == "__main__":
    main()
