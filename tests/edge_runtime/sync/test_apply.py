"""From an offer to a bundle in use, against a server in memory."""

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.bundle.manifest import CHUNK_BYTES
from edge_runtime.errors import (
    BundleError,
    BusyError,
    EngineError,
    ServerUnreachableError,
    SyncError,
    UpdateRefusedError,
)
from edge_runtime.lock import locked
from edge_runtime.sync.apply import SyncReport, apply
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.slots import current_bundle
from edge_runtime.sync.trial import self_test
from tests.edge_runtime.sync.fake_server import FakeAnswer, FakeServer, whole
from tests.tiny_bundle import make_tiny_bundle

LAPTOP = "laptop-x86_64"
MANIFEST = f"/v1/channels/{LAPTOP}/manifest.json"
MODEL = bytes(range(256)) * 20
SHARED = {"model.bin": ("other", MODEL)}


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Device:
    """A folder that syncs with a fake server."""

    def __init__(self, folder: Path, server: FakeServer) -> None:
        self.folder = folder
        self.server = server
        self.tried: list[Path] = []
        self.time = Time()

    def sync(
        self,
        *,
        target: str = LAPTOP,
        allow_older: bool = False,
        trial: Callable[[Path], None] = self_test,
        free_bytes: int = 1 << 40,
        progress: Callable[[int, int], None] | None = None,
    ) -> SyncReport:
        def try_it(bundle: Path) -> None:
            self.tried.append(bundle)
            trial(bundle)

        return apply(
            self.folder,
            source=Source(self.server, clock=self.time.clock, sleep=self.time.sleep),
            target=target,
            self_test=try_it,
            allow_older=allow_older,
            progress=progress,
            free_bytes=lambda path: free_bytes,
        )

    def release(self) -> int:
        return open_folder(current_bundle(self.folder)).manifest.release

    def state(self) -> dict[str, bytes]:
        """Return every byte that a reader could see: the pointer and the bundle in use."""
        files = [self.folder / "current.json", *sorted(current_bundle(self.folder).iterdir())]
        return {file.name: file.read_bytes() for file in files}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make_tiny_bundle(tmp_path / LAPTOP, extra=SHARED)
    return tmp_path / LAPTOP


@pytest.fixture
def device(tmp_path: Path, shop: Path) -> Device:
    return Device(tmp_path / "device", FakeServer({LAPTOP: shop}))


def test_a_new_device_gets_every_byte_and_tries_the_bundle_before_using_it(device: Device, shop: Path) -> None:
    report = device.sync()

    bundle = current_bundle(device.folder)
    assert report.status == "installed"
    assert report.bundle == bundle
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == {
        path.name: path.read_bytes() for path in shop.iterdir()
    }
    assert len(device.tried) == 1


def test_the_folder_looks_as_documented(device: Device, shop: Path) -> None:
    device.sync()

    slot = hashlib.sha256((shop / "manifest.json").read_bytes()).hexdigest()[:16]
    assert json.loads((device.folder / "current.json").read_bytes())["slot"] == slot
    assert [path.name for path in (device.folder / "slots").iterdir()] == [slot]
    assert not list((device.folder / "incoming").iterdir())
    assert {path.name for path in device.folder.iterdir()} == {"current.json", "incoming", "lock", "slots"}


def test_a_bundle_folder_stands_for_itself(shop: Path) -> None:
    assert current_bundle(shop) == shop


def test_a_folder_without_a_bundle_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="pocketrec sync"):
        current_bundle(tmp_path)


@pytest.mark.parametrize("pointer", ["", "{}", '{"slot": "../../etc"}', '{"slot": "0123456789ABCDEF"}', "\x00" * 40])
def test_a_damaged_pointer_is_no_path(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "current.json").write_text(pointer)

    with pytest.raises(BundleError, match=r"current\.json"):
        current_bundle(tmp_path)


def test_a_damaged_pointer_is_healed_by_the_next_sync_without_fetching_again(device: Device) -> None:
    device.sync()
    (device.folder / "current.json").write_bytes(b"\0" * 100)

    report = device.sync()

    assert report.status == "installed"
    assert len(device.server.file_requests()) == 8
    assert device.release() == 1


def test_asking_again_costs_one_request_and_no_bytes(device: Device) -> None:
    device.sync()
    device.server.asked.clear()

    report = device.sync()

    assert report.status == "up to date"
    assert (report.requests, report.fetched_bytes) == (1, 0)
    assert "If-None-Match" in device.server.asked[0][1]
    assert len(device.tried) == 1


def test_a_server_without_tags_is_understood_too(device: Device, shop: Path) -> None:
    device.server.instead = lambda path, _: whole((shop / "manifest.json").read_bytes()) if path == MANIFEST else None
    device.sync()

    assert device.sync().status == "up to date"
    assert len(device.server.file_requests()) == 8


def test_a_new_release_fetches_only_what_changed_and_keeps_the_one_before(device: Device, shop: Path) -> None:
    device.sync()
    old = current_bundle(device.folder)
    make_tiny_bundle(shop, seed=1, release=2, extra=SHARED)
    device.server.asked.clear()

    report = device.sync()

    assert (report.release, report.previous_release) == (2, 1)
    assert report.reused_bytes >= len(MODEL)
    assert f"/v1/files/{hashlib.sha256(MODEL).hexdigest()}" not in [path for path, _ in device.server.asked]
    assert old.exists()
    assert old != current_bundle(device.folder)


def test_only_the_bundle_in_use_and_the_one_before_are_kept(device: Device, shop: Path) -> None:
    device.sync()
    for release in (2, 3, 4):
        make_tiny_bundle(shop, seed=release, release=release)
        device.sync()

    kept = {open_folder(path).manifest.release for path in (device.folder / "slots").iterdir()}
    assert kept == {3, 4}


@pytest.mark.parametrize("release", [1, 2])
def test_a_replayed_release_is_refused_and_the_device_keeps_what_it_has(
    device: Device, shop: Path, release: int
) -> None:
    make_tiny_bundle(shop, seed=2, release=2)
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=release)

    with pytest.raises(UpdateRefusedError, match="--allow-older"):
        device.sync()

    assert device.state() == before
    assert device.sync(allow_older=True).release == release


def test_going_back_to_the_release_before_fetches_nothing(device: Device, shop: Path) -> None:
    device.sync()
    make_tiny_bundle(shop, seed=2, release=2)
    device.sync()
    make_tiny_bundle(shop, extra=SHARED)
    device.server.asked.clear()

    report = device.sync(allow_older=True)

    assert report.release == 1
    assert not device.server.file_requests()


def flipped(shop: Path, name: str, at: int) -> Callable[[str, Mapping[str, str]], FakeAnswer | None]:
    """Answer honestly, but for one changed byte of one file."""
    sha256 = open_folder(shop).manifest.file(name).sha256
    body = bytearray((shop / name).read_bytes())
    body[at] ^= 1
    return lambda path, _: whole(bytes(body)) if path == f"/v1/files/{sha256}" else None


def test_a_flipped_byte_on_the_way_is_refused_and_the_old_release_stays(device: Device, shop: Path) -> None:
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=2)
    device.server.instead = flipped(shop, "codes.safetensors", 100)

    with pytest.raises(UpdateRefusedError, match=r"codes\.safetensors.*keeps what it has"):
        device.sync()

    assert device.state() == before
    device.server.instead = lambda path, headers: None
    assert device.sync().release == 2


def test_of_a_big_file_with_a_flipped_byte_the_good_pieces_are_kept(tmp_path: Path) -> None:
    shop = tmp_path / LAPTOP
    make_tiny_bundle(shop, extra={"big.bin": ("other", bytes(2 * CHUNK_BYTES + 100))})
    device = Device(tmp_path / "device", FakeServer({LAPTOP: shop}))
    device.server.instead = flipped(shop, "big.bin", CHUNK_BYTES + 7)
    with pytest.raises(UpdateRefusedError, match="piece 1"):
        device.sync()
    (part,) = (device.folder / "incoming").glob("*.part")
    kept = part.stat().st_size

    device.server.instead = lambda path, headers: None
    device.server.asked.clear()
    device.sync()

    assert kept == CHUNK_BYTES
    assert [headers["Range"] for _, headers in device.server.file_requests() if headers] == [f"bytes={CHUNK_BYTES}-"]


def test_a_forged_manifest_is_refused_before_anything_is_fetched(device: Device, shop: Path) -> None:
    manifest = open_folder(shop).manifest
    evil = msgspec.structs.replace(manifest.files[0], name="../../evil")
    forged = dump_manifest(msgspec.structs.replace(manifest, files=(evil, *manifest.files[1:])))
    device.server.instead = lambda path, _: whole(forged) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="plain file name"):
        device.sync()

    assert not device.server.file_requests()


def test_a_digest_that_two_different_files_share_is_refused(device: Device, shop: Path) -> None:
    manifest = open_folder(shop).manifest
    other = msgspec.structs.replace(manifest.files[0], sha256=manifest.files[1].sha256)
    forged = dump_manifest(msgspec.structs.replace(manifest, files=(other, *manifest.files[1:])))
    device.server.instead = lambda path, _: whole(forged) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="share a digest"):
        device.sync()

    assert not device.server.file_requests()


def test_an_endless_manifest_is_cut_off(device: Device) -> None:
    device.server.instead = lambda path, _: FakeAnswer(200, {}, repeat(b" " * 65536)) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="more than 1048576 bytes"):
        device.sync()


def test_an_endless_file_is_cut_off_at_its_length(device: Device, shop: Path) -> None:
    sha256 = open_folder(shop).manifest.the("codes").sha256
    device.server.instead = lambda path, _: FakeAnswer(200, {}, repeat(b"x" * 1000)) if sha256 in path else None

    with pytest.raises(UpdateRefusedError, match="codes"):
        device.sync()

    assert sum(path.stat().st_size for path in (device.folder / "incoming").iterdir()) < 100_000


def test_a_file_that_is_shorter_on_the_server_is_refused(device: Device, shop: Path) -> None:
    sha256 = open_folder(shop).manifest.the("codes").sha256
    device.server.instead = lambda path, _: whole(b"short") if sha256 in path else None

    with pytest.raises(UpdateRefusedError, match="'5' bytes"):
        device.sync()


def test_a_broken_connection_goes_on_where_it_ended(device: Device) -> None:
    device.server.break_after = [100, 50, 1]

    report = device.sync()

    assert report.status == "installed"
    ranges = [headers["Range"] for _, headers in device.server.file_requests() if "Range" in headers]
    assert ranges == ["bytes=100-", "bytes=150-", "bytes=151-"]
    assert report.fetched_bytes == sum(path.stat().st_size for path in report.bundle.iterdir())


def test_a_connection_that_keeps_breaking_is_given_up_and_the_next_sync_goes_on(device: Device) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.asked.clear()

    device.sync()

    assert device.server.file_requests()[0][1]["Range"] == "bytes=100-"


def test_a_trickle_is_given_up_in_the_end(device: Device) -> None:
    device.server.break_after = [1] * 1_000_000

    with pytest.raises(ServerUnreachableError):
        device.sync()

    assert device.time.now < 300


def test_a_server_that_ignores_ranges_sends_the_whole_file_again(device: Device, shop: Path) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    files = {f"/v1/files/{entry.sha256}": shop / entry.name for entry in open_folder(shop).manifest.files}
    device.server.instead = lambda path, _: whole(files[path].read_bytes()) if path in files else None

    assert device.sync().status == "installed"


def test_a_part_file_with_wrong_bytes_is_fetched_anew(device: Device, shop: Path) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    (part,) = (device.folder / "incoming").glob("*.part")
    part.write_bytes(b"x" * 100)

    device.sync()

    assert device.release() == 1


@pytest.mark.parametrize("extra", [b"", b"and more"])
def test_a_part_file_that_is_complete_or_too_long_is_no_obstacle(device: Device, shop: Path, extra: bytes) -> None:
    entry = open_folder(shop).manifest.the("codes")
    (device.folder / "incoming").mkdir(parents=True)
    (device.folder / "incoming" / f"{entry.sha256}.part").write_bytes((shop / entry.name).read_bytes() + extra)

    device.sync()

    asked = [path for path, _ in device.server.file_requests()]
    assert (f"/v1/files/{entry.sha256}" in asked) is bool(extra)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(device: Device, status: int) -> None:
    refused: set[str] = set()

    def refuse_once(path: str, _: Mapping[str, str]) -> FakeAnswer | None:
        answer = None if path in refused else FakeAnswer(status)
        refused.add(path)
        return answer

    device.server.instead = refuse_once

    assert device.sync().status == "installed"
    assert device.time.now > 0


def test_a_redirect_is_not_followed(device: Device) -> None:
    device.server.instead = lambda path, _: FakeAnswer(302, {"Location": "http://elsewhere/"})

    with pytest.raises(UpdateRefusedError, match="Redirects are not followed"):
        device.sync()


def test_a_missing_target_is_answered_with_those_on_offer(device: Device) -> None:
    with pytest.raises(UpdateRefusedError, match="It offers: laptop-x86_64"):
        device.sync(target="phone")


def test_a_304_without_a_question_is_refused(device: Device) -> None:
    device.server.instead = lambda path, _: FakeAnswer(304)

    with pytest.raises(UpdateRefusedError, match="304"):
        device.sync()


@pytest.mark.parametrize("name", ["codes.safetensors", "manifest.json"])
def test_a_file_damaged_on_the_device_is_replaced_and_only_that_one(device: Device, name: str) -> None:
    device.sync()
    good = device.state()
    damaged = current_bundle(device.folder) / name
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    device.server.asked.clear()

    report = device.sync()

    assert report.status == "repaired"
    assert device.state() == good
    assert len(device.server.file_requests()) == (name != "manifest.json")


def test_a_slot_that_is_missing_is_put_there_again(device: Device) -> None:
    device.sync()
    slot = current_bundle(device.folder)
    slot.rename(device.folder / "slots" / "elsewhere")

    assert device.sync().status == "repaired"
    assert device.release() == 1


def test_a_release_that_fails_its_trial_is_not_used_and_not_fetched_twice(device: Device, shop: Path) -> None:
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=2)

    def refuse(bundle: Path) -> None:
        raise EngineError(f"no engine likes {open_folder(bundle).manifest.release}")

    with pytest.raises(EngineError, match="likes 2"):
        device.sync(trial=refuse)
    assert device.state() == before
    device.server.asked.clear()
    assert device.sync().release == 2
    assert not device.server.file_requests()


def test_a_release_whose_golden_vectors_disagree_fails_the_real_trial(tmp_path: Path, shop: Path) -> None:
    make_tiny_bundle(tmp_path / "other", seed=9)
    manifest = open_folder(shop).manifest
    (shop / "golden.safetensors").write_bytes((tmp_path / "other" / "golden.safetensors").read_bytes())
    strange = open_folder(tmp_path / "other").manifest.the("golden")
    files = tuple(strange if entry.role == "golden" else entry for entry in manifest.files)
    (shop / "manifest.json").write_bytes(dump_manifest(msgspec.structs.replace(manifest, files=files)))
    device = Device(tmp_path / "device", FakeServer({LAPTOP: shop}))

    with pytest.raises(EngineError, match="no engine passes"):
        device.sync()

    assert not (device.folder / "current.json").exists()


def test_too_little_room_is_said_before_anything_is_fetched(device: Device) -> None:
    with pytest.raises(SyncError, match="bytes of room"):
        device.sync(free_bytes=1000)

    assert not device.server.file_requests()


def test_progress_ends_at_all_of_it(device: Device) -> None:
    told: list[tuple[int, int]] = []

    report = device.sync(progress=lambda have, total: told.append((have, total)))

    manifest_bytes = (report.bundle / "manifest.json").stat().st_size
    assert told[-1] == (report.fetched_bytes - manifest_bytes,) * 2
    assert told == sorted(told)


def test_two_syncs_into_one_folder_do_not_meet(device: Device) -> None:
    device.sync()

    with locked(device.folder / "lock", "sync"), pytest.raises(BusyError, match="another sync"):
        device.sync()


def test_what_arrived_for_a_release_that_was_replaced_meanwhile_is_used_or_removed(device: Device, shop: Path) -> None:
    device.server.break_after = [10_000, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    make_tiny_bundle(shop, seed=3, release=2)

    device.sync()

    assert device.release() == 2
    assert not list((device.folder / "incoming").iterdir())


class Stopped(BaseException):
    """Stands for the moment at which a process ends."""


@pytest.mark.parametrize("step", range(0, 44, 2))
def test_a_stop_at_any_request_or_step_leaves_the_old_state_or_the_new_one(
    device: Device, shop: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.sync()
    old = device.state()
    make_tiny_bundle(shop, seed=1, release=2, extra=SHARED)
    left = step

    def count(*_: object, **__: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Stopped

    for name in ("os.fsync", "os.link", "os.replace", "shutil.rmtree"):
        monkeypatch.setattr(name, counted(name, count))
    device.server.instead = lambda path, _: count()
    try:
        device.sync()
    except Stopped:
        reached = device.state()
    else:
        pytest.fail("the sync has fewer steps than this test thinks")
    monkeypatch.undo()
    device.server.instead = lambda path, headers: None

    device.sync()

    assert reached in (old, device.state())
    assert device.release() == 2
    open_folder(current_bundle(device.folder)).check_all()


def counted(name: str, count: Callable[..., None]) -> Callable[..., object]:
    """Return the function called ``name``, with ``count`` called first."""
    import importlib

    module, _, attribute = name.rpartition(".")
    function: Callable[..., object] = getattr(importlib.import_module(module), attribute)

    def wrapper(*arguments: object, **named: object) -> object:
        count()
        return function(*arguments, **named)

    return wrapper
