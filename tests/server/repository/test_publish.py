"""What is published is what a client of The Update Framework gets."""

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from tuf.api.exceptions import ExpiredMetadataError, UnsignedMetadataError

from edge_runtime.bundle import dump_manifest, open_folder, parse_manifest
from edge_runtime.bundle.delta import read_pack
from edge_runtime.bundle.item_log import dump_log, read_item_log
from edge_runtime.bundle.items import dump_items, read_items
from edge_runtime.bundle.manifest import ITEM_LOG, Manifest
from edge_runtime.bundle.release import check_derived, parse_component, parse_release
from edge_runtime.errors import BundleError, BundleIntegrityError, BusyError
from edge_runtime.lock import locked
from server.errors import RepositoryError, SigningError
from server.repository.keys import KeyRing
from server.repository.offer import offer_of
from server.repository.publish import Rollout, publish, roll_back
from server.repository.repository import LOCK_NAME, open_repository
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_repository import TARGET, TinyRepository

DOCUMENT = f"bundle/{TARGET}.json"
ADAPTER = f"adapter/{TARGET}.json"


def test_a_client_gets_the_release_and_every_file_of_it(repository: TinyRepository, tmp_path: Path) -> None:
    published = repository.publish()

    data = repository.client(tmp_path / "client").document(DOCUMENT)

    assert data is not None
    document = parse_release(data, TARGET)
    assert (document.release, document.wave, document.deltas) == (1, None, ())
    manifest = (repository.path / "files" / document.manifest.sha256).read_bytes()
    assert len(manifest) == document.manifest.bytes
    assert hashlib.sha256(manifest).hexdigest() == document.manifest.sha256 == published.manifest
    for entry in parse_manifest(manifest).files:
        file = (repository.path / "files" / entry.sha256).read_bytes()
        exported = (repository.bundles / TARGET / entry.name).read_bytes()
        assert file == (dump_log([exported]) if entry.role == "items" else exported)


def test_a_check_without_a_change_is_two_requests_and_less_than_700_bytes(
    repository: TinyRepository, tmp_path: Path
) -> None:
    repository.publish()
    client = repository.client(tmp_path / "client")
    client.refresh()
    client.fetched.clear()

    client.refresh()

    assert client.fetched == ["2.root.json", "timestamp.json"]
    assert (repository.path / "metadata" / "timestamp.json").stat().st_size < 700


def test_metadata_has_lengths_and_sha256_and_nothing_else(repository: TinyRepository) -> None:
    repository.publish()
    state = open_repository(repository.path)

    metas = [state.timestamp.signed.snapshot_meta, *state.snapshot.signed.meta.values()]
    assert len(metas) == 7
    for meta in metas:
        assert meta.length
        assert list(meta.hashes or {}) == ["sha256"]
    assert state.root.signed.consistent_snapshot is True


def test_release_numbers_ascend_whatever_the_bundles_say(repository: TinyRepository) -> None:
    numbers = [repository.publish(seed).release for seed in (0, 1, 2)]

    assert numbers == [1, 2, 3]
    manifest = offer_of(open_repository(repository.path), TARGET).final.manifest
    assert without_items(manifest) == replace(
        without_items(open_folder(repository.bundles / TARGET).manifest), release=3
    )


def test_bundles_that_are_on_offer_already_are_refused(repository: TinyRepository) -> None:
    repository.publish()

    with pytest.raises(RepositoryError, match="found the files that are on offer already, expected a change"):
        publish(repository.path, repository.bundles, repository.ring())


def test_targets_without_a_change_are_left_out(repository: TinyRepository, tmp_path: Path) -> None:
    repository.bundle(target="browser-wasm")
    repository.publish(0)
    repository.bundle(1)

    done = publish(repository.path, repository.bundles, repository.ring())

    assert [(one.target, one.release) for one in done] == [(TARGET, 2)]
    other = repository.client(tmp_path / "client").document("bundle/browser-wasm.json")
    assert other is not None
    assert parse_release(other, "browser-wasm").release == 1


def test_a_damaged_bundle_is_refused_and_the_offer_stays(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish()
    repository.bundle(1)
    (repository.bundles / TARGET / "codes.safetensors").write_bytes(b"damaged")

    with pytest.raises(BundleIntegrityError, match=r"codes\.safetensors"):
        publish(repository.path, repository.bundles, repository.ring())

    data = repository.client(tmp_path / "client").document(DOCUMENT)
    assert data is not None
    assert parse_release(data, TARGET).release == 1


def test_a_folder_without_bundles_is_refused(repository: TinyRepository) -> None:
    repository.bundles.mkdir()

    with pytest.raises(RepositoryError, match="found no bundle, expected folders with a manifest"):
        publish(repository.path, repository.bundles, repository.ring())


def test_only_the_keys_that_sign_are_needed(repository: TinyRepository) -> None:
    repository.bundle()

    with pytest.raises(SigningError, match=r"snapshot: found 0 of its keys .* expected the key .*--keys"):
        publish(repository.path, repository.bundles, repository.ring("targets", "timestamp"))
    assert publish(repository.path, repository.bundles, repository.ring("targets", "snapshot", "timestamp"))
    repository.changed_file("adapter.safetensors", adapter(repository))
    assert publish(
        repository.path, repository.bundles, repository.ring("adapter", "snapshot", "timestamp"), component="adapter"
    )


def test_keys_may_be_on_several_media(repository: TinyRepository, tmp_path: Path) -> None:
    repository.bundle()
    stick = tmp_path / "stick"
    stick.mkdir()
    for file in repository.keys.glob("targets.*"):
        shutil.move(file, stick)

    assert publish(repository.path, repository.bundles, KeyRing([repository.keys, stick]))


def test_a_wrong_passphrase_says_which_file_it_does_not_open(
    repository: TinyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.bundle()
    monkeypatch.setenv("POCKETREC_PASSPHRASE", "another one")

    with pytest.raises(SigningError, match=r"targets\.[0-9a-f]{16}\.pem: the passphrase does not open it"):
        publish(repository.path, repository.bundles, repository.ring())


def test_another_process_that_publishes_is_waited_for(repository: TinyRepository) -> None:
    repository.bundle()

    with (
        locked(repository.path / LOCK_NAME, "test"),
        pytest.raises(BusyError, match="another `pocketrec release`"),
    ):
        publish(repository.path, repository.bundles, repository.ring())


def test_deltas_lead_from_one_two_four_and_eight_releases_back(repository: TinyRepository) -> None:
    finals = [repository.publish(seed).manifest for seed in range(10)]

    document = offer_of(open_repository(repository.path), TARGET).final.document

    assert [delta.from_manifest for delta in document.deltas] == [finals[-1 - back] for back in (1, 2, 4, 8)]


def test_a_delta_makes_the_files_of_the_new_release_from_those_of_an_earlier_one(repository: TinyRepository) -> None:
    repository.publish(0)
    published = repository.publish(1)
    offer = offer_of(open_repository(repository.path), TARGET)
    files = repository.path / "files"
    delta = offer.final.document.deltas[0]
    pack = read_pack((files / delta.sha256).read_bytes(), offer.final.manifest)
    before = parse_manifest((files / delta.from_manifest).read_bytes())

    assert published.deltas == (delta.bytes,)
    assert delta.bytes <= 0.6 * published.changed_bytes
    assert pack.names
    for name in pack.names:
        old = (files / before.file(name).sha256).read_bytes()
        assert pack.apply(name, old) == (repository.bundles / TARGET / name).read_bytes()


def test_items_that_change_places_are_refused(repository: TinyRepository) -> None:
    repository.publish()
    shuffle_items(repository)

    with pytest.raises(RepositoryError, match=r"found the item 'item-\d+' in row 0, where release 1 has 'item-0'"):
        publish(repository.path, repository.bundles, repository.ring())

    (done,) = publish(repository.path, repository.bundles, repository.ring(), allow_moved_rows=True)
    assert (done.release, done.deltas) == (2, ())


def test_items_that_vanish_are_refused_and_new_ones_at_the_end_are_not(repository: TinyRepository) -> None:
    repository.bundle(n_items=40)
    publish(repository.path, repository.bundles, repository.ring())
    repository.bundle(n_items=30)
    with pytest.raises(RepositoryError, match="found 30 items, expected at least the 40 of release 1"):
        publish(repository.path, repository.bundles, repository.ring())

    repository.bundle(n_items=50)
    (done,) = publish(repository.path, repository.bundles, repository.ring())

    assert done.release == 2


def test_changed_items_continue_those_of_the_release_before(repository: TinyRepository) -> None:
    repository.publish()
    plain = (repository.bundles / TARGET / "items.json.z").read_bytes()
    rename_items(repository, "!")

    publish(repository.path, repository.bundles, repository.ring())

    state = open_repository(repository.path)
    manifest = offer_of(state, TARGET).final.manifest
    assert ITEM_LOG in manifest.required_features
    log = state.store.read(manifest.required_role("items").sha256)
    assert log.startswith(plain)
    assert read_item_log(log, 40).title[0].endswith("!")
    with pytest.raises(RepositoryError, match="found the files that are on offer already"):
        publish(repository.path, repository.bundles, repository.ring())
    repository.changed_file("adapter.safetensors", adapter(repository))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")
    rename_items(repository, "?")
    publish(repository.path, repository.bundles, repository.ring(), component="codebook")
    final = offer_of(open_repository(repository.path), TARGET).final.manifest
    assert final.required_features == manifest.required_features
    assert read_item_log(state.store.read(final.required_role("items").sha256), 40).title[0].endswith("!?")


def test_items_are_written_anew_where_a_log_would_exceed_the_budget(repository: TinyRepository) -> None:
    repository.publish()
    rename_items(repository, "!")
    folder = repository.bundles / TARGET
    manifest = open_folder(folder).manifest
    tight = replace(manifest, budgets={"bundle_bytes": manifest.bundle_bytes})
    (folder / "manifest.json").write_bytes(dump_manifest(tight))

    publish(repository.path, repository.bundles, repository.ring())

    assert offer_of(open_repository(repository.path), TARGET).final.manifest == replace(tight, release=2)


def test_a_component_derives_from_the_release_and_changes_its_own_files_only(
    repository: TinyRepository, tmp_path: Path
) -> None:
    first = repository.publish()
    repository.changed_file("adapter.safetensors", adapter(repository))

    (done,) = publish(repository.path, repository.bundles, repository.ring(), component="adapter")

    client = repository.client(tmp_path / "client")
    data, base = client.document(ADAPTER), client.document(DOCUMENT)
    assert data is not None
    assert base is not None
    document = parse_component(data, "adapter", TARGET)
    assert (document.base, document.release, done.release) == (first.manifest, 2, 2)
    assert document.delta_from(first.manifest) is not None or document.deltas == ()
    manifests = [
        parse_manifest((repository.path / "files" / sha256).read_bytes())
        for sha256 in (parse_release(base, TARGET).manifest.sha256, document.manifest.sha256)
    ]
    check_derived(manifests[0], manifests[1], "adapter")
    assert manifests[1].required_role("adapter").sha256 != manifests[0].required_role("adapter").sha256


def test_a_component_that_changes_another_file_is_refused_by_name(repository: TinyRepository) -> None:
    repository.publish()
    repository.bundle(1)

    with pytest.raises(RepositoryError, match=r"found another \S+, expected the one of the release on offer"):
        publish(repository.path, repository.bundles, repository.ring(), component="adapter")


def test_a_component_needs_a_release_to_derive_from(repository: TinyRepository) -> None:
    repository.bundle()

    with pytest.raises(RepositoryError, match="expected one that 'adapter' can derive from"):
        publish(repository.path, repository.bundles, repository.ring(), component="adapter")


def test_a_later_component_is_derived_anew_when_an_earlier_one_changes(repository: TinyRepository) -> None:
    base = repository.publish().manifest
    repository.changed_file("adapter.safetensors", adapter(repository))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")
    rename_items(repository, "!")

    some = repository.ring("codebook", "snapshot", "timestamp")
    with pytest.raises(SigningError, match="adapter: found 0 of its keys"):
        publish(repository.path, repository.bundles, some, component="codebook")
    some = repository.ring("codebook", "adapter", "snapshot", "timestamp")
    publish(repository.path, repository.bundles, some, component="codebook")

    offer = offer_of(open_repository(repository.path), TARGET)
    assert [step.what for step in offer.steps] == ["bundle", "codebook", "adapter"]
    assert offer.skipped == ()
    assert offer.steps[0].sha256 == base
    wanted = without_items(open_folder(repository.bundles / TARGET).manifest)
    assert replace(without_items(offer.final.manifest), release=1) == wanted


def test_a_component_of_an_earlier_release_is_skipped(repository: TinyRepository) -> None:
    repository.publish()
    repository.changed_file("adapter.safetensors", adapter(repository))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")

    repository.publish(1)

    offer = offer_of(open_repository(repository.path), TARGET)
    assert [step.what for step in offer.steps] == ["bundle"]
    assert [document.component for document in offer.skipped] == ["adapter"]


def test_a_rollback_is_a_newer_release_with_the_same_files(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish(0)
    repository.publish(1)

    (done,) = roll_back(repository.path, repository.ring())

    offer = offer_of(open_repository(repository.path), TARGET)
    first = parse_manifest((repository.path / "files" / first_final(repository)).read_bytes())
    assert (done.release, done.restores, done.what) == (3, 1, "rollback")
    assert offer.final.manifest.files == first.files
    data = repository.client(tmp_path / "client").document(DOCUMENT)
    assert data is not None
    assert parse_release(data, TARGET).release == 3


def test_rolling_back_again_goes_further_back(repository: TinyRepository) -> None:
    for seed in (0, 1, 2):
        repository.publish(seed)

    restored = [roll_back(repository.path, repository.ring())[0].restores for _ in range(2)]
    chosen = roll_back(repository.path, repository.ring(), to=3)[0]

    assert restored == [2, 1]
    assert (chosen.release, chosen.restores) == (6, 3)
    with pytest.raises(RepositoryError, match="found the releases 1, 2, 3, 4, 5, 6, expected release 9 before"):
        roll_back(repository.path, repository.ring(), to=9)


@pytest.mark.parametrize(
    ("to", "reason"),
    [(1, "release 1 is what is on offer, as release 3. Nothing was changed"), (3, "release 3 is what is on offer")],
)
def test_a_rollback_to_what_is_on_offer_is_refused(repository: TinyRepository, to: int, reason: str) -> None:
    repository.publish(0)
    repository.publish(1)
    roll_back(repository.path, repository.ring(), to=1)
    before = sorted(path for path in repository.path.rglob("*") if path.is_file())

    with pytest.raises(RepositoryError, match=reason):
        roll_back(repository.path, repository.ring(), to=to)

    assert sorted(path for path in repository.path.rglob("*") if path.is_file()) == before
    assert roll_back(repository.path, repository.ring(), to=2)[0].restores == 2


def test_a_rollback_undoes_a_component_although_its_base_is_on_offer(repository: TinyRepository) -> None:
    repository.publish(0)
    repository.changed_file("adapter.safetensors", adapter(repository))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")

    assert roll_back(repository.path, repository.ring(), to=1)[0].restores == 1


def test_there_must_be_something_to_roll_back_to(repository: TinyRepository) -> None:
    with pytest.raises(RepositoryError, match="found no release yet"):
        roll_back(repository.path, repository.ring())
    repository.publish()
    with pytest.raises(RepositoryError, match="found the releases 1, expected one before that on offer"):
        roll_back(repository.path, repository.ring())
    with pytest.raises(RepositoryError, match="found the releases none"):
        roll_back(repository.path, repository.ring(), target="phone")


def test_a_wave_is_signed_with_the_release(repository: TinyRepository) -> None:
    repository.bundle()
    now = datetime(2026, 11, 28, 10, tzinfo=UTC)
    rollout = Rollout(hours=24, rings=(0.1, 1.0), max_refused=0.02)

    publish(repository.path, repository.bundles, repository.ring(), rollout=rollout, now=now)

    wave = offer_of(open_repository(repository.path), TARGET).final.document.wave
    assert wave is not None
    assert (wave.start, wave.hours, wave.rings) == ("2026-11-28T10:00:00Z", 24, (0.1, 1.0))


def test_a_client_refuses_metadata_that_is_too_old(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish(now=datetime.now(UTC) - timedelta(days=5))

    with pytest.raises(ExpiredMetadataError):
        repository.client(tmp_path / "client").refresh()


def test_a_client_refuses_metadata_that_another_key_signed(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish()
    path = repository.path / "metadata" / "timestamp.json"
    forged = json.loads(path.read_bytes())
    forged["signed"]["version"] += 1
    path.write_text(json.dumps(forged))

    with pytest.raises(UnsignedMetadataError):
        repository.client(tmp_path / "client").refresh()
    with pytest.raises(RepositoryError, match="The repository is damaged"):
        open_repository(repository.path)


def test_files_are_not_written_twice(repository: TinyRepository) -> None:
    repository.publish()
    inodes = {path.name: path.stat().st_ino for path in (repository.path / "files").iterdir()}
    repository.changed_file("adapter.safetensors", adapter(repository))

    publish(repository.path, repository.bundles, repository.ring())

    after = {path.name: path.stat().st_ino for path in (repository.path / "files").iterdir()}
    assert inodes.items() <= after.items()


def test_a_pipe_in_place_of_a_file_is_refused(repository: TinyRepository) -> None:
    repository.bundle()
    path = repository.bundles / TARGET / "codes.safetensors"
    path.unlink()
    os.mkfifo(path)

    with pytest.raises(BundleError, match=r"codes\.safetensors"):
        publish(repository.path, repository.bundles, repository.ring())


def adapter(repository: TinyRepository) -> bytes:
    """Return an adapter with other values."""
    data = bytearray((repository.bundles / TARGET / "adapter.safetensors").read_bytes())
    data[-8:] = bytes(8)
    return bytes(data)


def without_items(manifest: Manifest) -> Manifest:
    """Return a manifest without the file of items, which is a log in releases, and the feature for it."""
    files = tuple(entry for entry in manifest.files if entry.role != "items")
    features = tuple(feature for feature in manifest.required_features if feature != ITEM_LOG)
    return replace(manifest, files=files, required_features=features)


def rename_items(repository: TinyRepository, ending: str) -> None:
    """Append something to the title of the first item of the bundle to publish."""
    items = read_items((repository.bundles / TARGET / "items.json.z").read_bytes(), 40)
    title = [items.title[0] + ending, *items.title[1:]]
    repository.changed_file("items.json.z", dump_items(replace(items, title=title)))


def first_final(repository: TinyRepository) -> str:
    """Return the digest of the first final manifest."""
    return open_repository(repository.path).log.of(TARGET)[0].final


def shuffle_items(repository: TinyRepository) -> None:
    """Reverse the items of the bundle to publish."""
    path = repository.bundles / TARGET / "items.json.z"
    items = read_items(path.read_bytes(), 40)
    repository.changed_file("items.json.z", dump_items(replace(items, item_id=list(items.item_id)[::-1])))


def test_a_bundle_of_another_shop_does_not_replace_the_release_on_offer(repository: TinyRepository) -> None:
    repository.publish()
    make_tiny_bundle(repository.bundles / TARGET, seed=1, target=TARGET, name="another shop")

    with pytest.raises(
        RepositoryError, match=r"found the name 'another shop', expected 'tiny shop'.* with --name 'tiny shop', or pub"
    ):
        publish(repository.path, repository.bundles, repository.ring(), allow_moved_rows=True)
    assert offer_of(open_repository(repository.path), TARGET).final.document.release == 1


def test_two_bundles_for_one_target_are_refused(repository: TinyRepository) -> None:
    repository.bundle()
    shutil.copytree(repository.bundles / TARGET, repository.bundles / "copy")

    with pytest.raises(RepositoryError, match=rf"two bundles for the target '{TARGET}', .*copy and .*expected one"):
        publish(repository.path, repository.bundles, repository.ring())
    assert open_repository(repository.path).released_targets() == []
