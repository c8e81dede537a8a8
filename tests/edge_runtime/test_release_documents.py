"""The documents that a release channel signs, what a component owns, and the places of devices in a rollout."""

import hashlib
import json
import secrets

import pytest
from msgspec.structs import replace

from edge_runtime.bundle.manifest import File, Manifest
from edge_runtime.bundle.release import (
    COMPONENTS,
    DRAW_BYTES,
    Delta,
    Digested,
    ReleaseDocument,
    RolloutDocument,
    Wave,
    check_derived,
    check_manifest,
    component_path,
    dump_document,
    open_share,
    parse_component,
    parse_release,
    parse_rollout,
    position,
    release_path,
    rollout_path,
    scheduled_share,
)
from edge_runtime.errors import BundleError, BundleVersionError
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import WITH_ENGINES

TARGET = "laptop-x86_64"
A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
START = 1_795_860_000.0
WAVE = Wave(start="2026-11-28T10:00:00Z", hours=24.0, rings=(0.01, 0.1, 1.0), salt="ab" * 16, max_refused=0.02)
RELEASE = ReleaseDocument(
    name="tiny shop",
    target=TARGET,
    release=7,
    manifest=Digested(4045, A),
    deltas=(Delta(from_manifest=B, bytes=2969, sha256=A),),
    wave=WAVE,
)


def as_json(**changes: object) -> bytes:
    """Return the release document with some fields changed, as JSON."""
    return json.dumps(json.loads(dump_document(RELEASE)) | changes).encode()


def wave_with(**changes: object) -> bytes:
    """Return the release document with some fields of its wave changed, as JSON."""
    return as_json(wave=json.loads(dump_document(RELEASE))["wave"] | changes)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Return the manifest of a bundle with all kinds of files."""
    return make_tiny_bundle(tmp_path_factory.mktemp("base") / "b", pictures=True, transitions=WITH_ENGINES)


def changed(manifest: Manifest, role: str) -> Manifest:
    """Return a manifest whose file with this role has other bytes."""
    files = tuple(replace(entry, sha256=B) if entry.role == role else entry for entry in manifest.files)
    return replace(manifest, files=files)


def test_what_is_written_is_read() -> None:
    component = json.loads(dump_document(RELEASE)) | {"component": "adapter", "base": B}
    rollout = RolloutDocument(target=TARGET, manifest=A, share=0.1, halted=False)

    assert parse_release(dump_document(RELEASE), TARGET) == RELEASE
    assert parse_release(as_json(wave=None, deltas=[]), TARGET) == replace(RELEASE, wave=None, deltas=())
    read = parse_component(json.dumps(component).encode(), "adapter", TARGET)
    assert (read.base, read.component, read.manifest) == (B, "adapter", RELEASE.manifest)
    assert parse_component(dump_document(read), "adapter", TARGET) == read
    assert parse_rollout(dump_document(rollout), TARGET) == rollout
    assert RELEASE.delta_from(B) == RELEASE.deltas[0]
    assert RELEASE.delta_from(A) is None


def test_the_names_in_json_are_those_of_the_specification() -> None:
    written = json.loads(dump_document(RELEASE))

    assert list(written) == ["schema", "name", "target", "release", "manifest", "deltas", "wave"]
    assert written["deltas"] == [{"from": B, "bytes": 2969, "sha256": A}]
    assert [release_path("t"), component_path("adapter", "t"), rollout_path("t")] == [
        "bundle/t.json", "adapter/t.json", "rollout/t.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"schema":1}',
        b'{"schema":1,"schema":1}',
        as_json(extra=1),
        as_json(release=0),
        as_json(release=2**53),
        as_json(release=1.5),
        as_json(target="another"),
        as_json(target="../x"),
        as_json(name=""),
        as_json(manifest={"bytes": 0, "sha256": A}),
        as_json(manifest={"bytes": (1 << 20) + 1, "sha256": A}),
        as_json(manifest={"bytes": 1, "sha256": A.upper()}),
        as_json(manifest={"bytes": 1, "sha256": A + "\n"}),
        as_json(manifest={"bytes": 1, "sha256": A, "url": "x"}),
        as_json(deltas=[{"from": B, "bytes": 1, "sha256": A}] * 2),
        as_json(deltas=[{"from": f"{n:064x}", "bytes": 1, "sha256": A} for n in range(17)]),
        as_json(deltas=[{"from": B, "bytes": -1, "sha256": A}]),
        wave_with(start="2026-13-28T10:00:00Z"),
        wave_with(start="2026-11-28T10:00:00.5Z"),
        wave_with(start="2026-11-28T10:00:00+01:00"),
        wave_with(hours=0.0),
        wave_with(hours=1e9),
        wave_with(rings=[]),
        wave_with(rings=[0.5, 0.5]),
        wave_with(rings=[0.5, 0.1]),
        wave_with(rings=[0.0]),
        wave_with(rings=[1.5]),
        wave_with(salt="ab"),
        wave_with(max_refused=2.0),
        as_json(name="x" * 101),
        as_json() + b" " * (1 << 14),
    ],
)
def test_what_the_specification_does_not_permit_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"bundle/laptop-x86_64\.json: "):
        parse_release(data, TARGET)


def test_a_document_of_a_newer_schema_says_to_update() -> None:
    with pytest.raises(BundleVersionError, match=r"found schema 2, this runtime reads schema 1\. Update pocketrec"):
        parse_release(as_json(schema=2, news="x"), TARGET)


def test_a_document_at_the_path_of_another_component_is_refused() -> None:
    data = as_json(component="adapter", base=B)

    with pytest.raises(BundleError, match="found the component 'adapter', expected 'codebook'"):
        parse_component(data, "codebook", TARGET)
    with pytest.raises(BundleError, match="Invalid enum value"):
        parse_component(as_json(component="encoder", base=B), "encoder", TARGET)


@pytest.mark.parametrize("change", [{"share": -0.1}, {"share": 1.1}, {"halted": 1}, {"manifest": "x"}, {"more": 1}])
def test_a_rollout_document_that_the_specification_does_not_permit_is_refused(change: dict[str, object]) -> None:
    fields = {"schema": 1, "target": TARGET, "manifest": A, "share": 0.5, "halted": False}

    assert parse_rollout(json.dumps(fields).encode(), TARGET).share == 0.5
    with pytest.raises(BundleError, match="rollout/laptop"):
        parse_rollout(json.dumps(fields | change).encode(), TARGET)


def test_a_manifest_must_be_what_the_document_says(base: Manifest) -> None:
    document = replace(RELEASE, release=base.release)

    check_manifest(document, base)
    for change in ({"release": 9}, {"name": "another"}, {"target": "phone"}):
        with pytest.raises(BundleError, match="but the signed release says"):
            check_manifest(document, replace(base, **change))


OWNED = {
    "codebook": {"codes", "items", "popularity", "pictures", "similarity", "transitions", "golden"},
    "transitions": {"transitions", "similarity", "golden"},
    "prompts": {"prompts", "golden"},
    "adapter": {"adapter", "golden"},
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_changes_its_own_files_and_no_others(base: Manifest, component: str) -> None:
    for role in {entry.role for entry in base.files}:
        if role in OWNED[component]:
            check_derived(base, changed(base, role), component)
            continue
        with pytest.raises(BundleError, match="may not change it"):
            check_derived(base, changed(base, role), component)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_changes_its_own_fields_and_no_others(base: Manifest, component: str) -> None:
    assert base.transitions is not None
    others: dict[str, object] = {
        "schema": 2, "required_features": ("x",), "minimum_runtime": "0.0.1", "name": "x", "target": "x",
        "encoder": replace(base.encoder, input_scale=9.0), "engines": (), "budgets": {"x": 1}, "licences": ("x",),
        "machines": ("x",), "kind": "x", "release": 9, "created": "2026-11-28T10:00:00Z", "provenance": {"x": "y"},
        "catalogue": replace(base.catalogue, n_items=41), "transitions": replace(base.transitions, weight=0.7),
        "language_model": "x", "learning": "x",
    }  # fmt: skip
    owned = {"release", "created", "provenance"}
    owned |= {
        "codebook": {"catalogue", "transitions"}, "transitions": {"transitions"}, "adapter": {"learning"},
    }.get(component, set())  # fmt: skip
    assert {*others, "files"} == set(Manifest.__struct_fields__)

    for name, value in others.items():
        if name in owned:
            check_derived(base, replace(base, **{name: value}), component)
            continue
        with pytest.raises(BundleError, match=f"{component}: found {name} "):
            check_derived(base, replace(base, **{name: value}), component)


def test_a_component_adds_and_removes_only_files_that_it_owns(base: Manifest) -> None:
    retired = File(name="retired.safetensors", role="retired", bytes=1, sha256=A)
    hidden = File(name="other.bin", role="unknown", bytes=1, sha256=A)

    check_derived(base, replace(base, files=(*base.files, retired)), "codebook")
    without = tuple(entry for entry in base.files if entry.role != "pictures")
    check_derived(base, replace(base, files=without), "codebook")
    for files, component in [
        ((*base.files, retired), "adapter"),
        (without, "adapter"),
        ((*base.files, hidden), "codebook"),
    ]:
        with pytest.raises(BundleError, match="may not change it"):
            check_derived(base, replace(base, files=files), component)


def test_a_file_of_another_component_cannot_pass_under_another_role(base: Manifest) -> None:
    files = tuple(replace(entry, role="golden", sha256=B) if entry.role == "codes" else entry for entry in base.files)

    with pytest.raises(BundleError, match=r"found another codes\.safetensors"):
        check_derived(base, replace(base, files=files), "adapter")


def test_rings_open_one_after_the_other() -> None:
    day = 24 * 3600.0

    assert WAVE.start_time() == START
    assert scheduled_share(None, 0.0) == 1.0
    assert scheduled_share(WAVE, START - 1) == 0.0
    assert [scheduled_share(WAVE, START + at) for at in (0, day - 1, day, 2 * day, 1e300)] == [
        0.01,
        0.01,
        0.1,
        1.0,
        1.0,
    ]


def test_a_rollout_document_holds_its_own_manifest_back_and_no_other() -> None:
    held = RolloutDocument(target=TARGET, manifest=A, share=0.05, halted=False)
    later = START + 24 * 3600.0

    assert open_share(RELEASE, A, None, later) == 0.1
    assert open_share(RELEASE, A, held, later) == 0.05
    assert open_share(RELEASE, A, held, START) == 0.01
    assert open_share(RELEASE, A, replace(held, halted=True), later) == 0.0
    assert open_share(RELEASE, A, replace(held, manifest=B, halted=True), later) == 0.1
    assert open_share(replace(RELEASE, wave=None), A, replace(held, halted=True), later) == 1.0


def test_places_are_spread_evenly_and_differ_between_rollouts() -> None:
    draws = [n.to_bytes(DRAW_BYTES, "big") for n in range(4000)]
    places = [position(WAVE.salt, draw) for draw in draws]
    others = [position("cd" * 16, draw) for draw in draws]

    assert all(0.0 <= place < 1.0 for place in places)
    assert sum(place < 0.1 for place in places) == pytest.approx(400, abs=80)
    assert sum(a < 0.1 and b < 0.1 for a, b in zip(places, others, strict=True)) == pytest.approx(40, abs=30)
    draw = secrets.token_bytes(DRAW_BYTES)
    exact = int.from_bytes(hashlib.sha256(bytes.fromhex(WAVE.salt) + draw).digest()[:8], "big") / 2**64
    assert position(WAVE.salt, draw) == pytest.approx(exact, abs=2**-52)
