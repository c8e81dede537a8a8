"""Broken connections, busy servers and stopped processes: received data is kept, the bundle in use stays."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import BusyError, ServerUnreachableError, SyncError, UpdateRefusedError
from edge_runtime.lock import locked
from tests.edge_runtime.sync.device import SHARED, Device
from tests.edge_runtime.sync.fake_server import FakeResponse, whole
from tests.tiny_bundle import make_tiny_bundle


def test_a_download_resumes_after_a_broken_connection(device: Device) -> None:
    device.server.break_after = [100, 50, 1]

    report = device.sync()

    assert report.status == "installed"
    ranges = [headers["Range"] for _, headers in device.server.file_requests() if "Range" in headers]
    assert ranges == ["bytes=100-", "bytes=150-", "bytes=151-"]
    assert report.fetched_bytes == sum(path.stat().st_size for path in report.bundle.iterdir())


def test_a_sync_fails_if_the_connection_keeps_breaking_and_the_next_one_resumes(device: Device) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.received.clear()

    device.sync()

    assert device.server.file_requests()[0][1]["Range"] == "bytes=100-"


def test_a_download_that_is_too_slow_fails(device: Device) -> None:
    device.server.break_after = [1] * 1_000_000

    with pytest.raises(ServerUnreachableError):
        device.sync()

    assert device.time.now < 300


def test_a_server_that_ignores_ranges_sends_the_whole_file_again(device: Device, shop: Path) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    files = {f"/v1/files/{entry.sha256}": shop / entry.name for entry in open_folder(shop).manifest.files}
    device.server.override = lambda path, _: whole(files[path].read_bytes()) if path in files else None

    assert device.sync().status == "installed"


@pytest.mark.parametrize(
    "answer",
    [
        FakeResponse(416),
        FakeResponse(403),
        FakeResponse(500),
        FakeResponse(206, {"Content-Range": "bytes 0-9/10"}),
        FakeResponse(200, {"Content-Length": "5"}),
    ],
    ids=["416", "403", "500", "another range", "another length"],
)
def test_the_whole_file_is_requested_from_a_server_that_never_sends_ranges(
    device: Device, answer: FakeResponse
) -> None:
    device.server.break_after = [100, *[0] * 9]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.break_after.clear()
    device.server.override = lambda _, headers: replace(answer) if "Range" in headers else None

    assert device.sync().status == "installed"


def test_a_file_that_is_refused_as_a_range_and_as_a_whole_leaves_no_part(device: Device) -> None:
    device.server.break_after = [100, *[0] * 9]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.override = lambda path, _: FakeResponse(403) if path.startswith("/v1/files/") else None

    with pytest.raises(UpdateRefusedError, match="403"):
        device.sync()

    assert not list((device.folder / "incoming").iterdir())


def test_a_connection_that_breaks_before_the_first_byte_loses_no_received_bytes(device: Device) -> None:
    device.server.break_after = [100, *[0] * 30]
    for _ in range(3):
        with pytest.raises(ServerUnreachableError):
            device.sync()

    (part,) = (device.folder / "incoming").glob("*.part")
    assert part.stat().st_size == 100


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_to_a_busy_server_is_retried(device: Device, status: int) -> None:
    refused: set[str] = set()

    def refuse_once(path: str, _: Mapping[str, str]) -> FakeResponse | None:
        answer = None if path in refused else FakeResponse(status)
        refused.add(path)
        return answer

    device.server.override = refuse_once

    assert device.sync().status == "installed"
    assert device.time.now > 0


def test_a_second_sync_into_the_same_folder_is_refused(device: Device) -> None:
    device.sync()

    with locked(device.folder / "lock", "sync"), pytest.raises(BusyError, match="another sync"):
        device.sync()


def test_downloads_for_a_replaced_release_are_reused_or_removed(device: Device, shop: Path) -> None:
    device.server.break_after = [10_000, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    make_tiny_bundle(shop, seed=3, release=2)

    device.sync()

    assert device.release() == 2
    assert not list((device.folder / "incoming").iterdir())


class Stopped(BaseException):
    """Simulates the end of the process."""


@pytest.mark.parametrize("step", range(0, 44, 2))
def test_a_stop_at_any_request_or_step_leaves_the_old_or_the_new_state(
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
    device.server.override = lambda path, _: count()
    try:
        device.sync()
    except Stopped:
        reached = device.state()
    else:
        pytest.fail("the sync has fewer steps than this test thinks")
    monkeypatch.undo()
    device.server.override = lambda path, headers: None

    device.sync()

    assert reached in (old, device.state())
    assert device.release() == 2
    open_folder(current_bundle(device.folder)).check_all()


@pytest.mark.parametrize("step", range(0, 44, 2))
def test_a_full_disk_at_any_step_is_an_error_unless_the_new_release_is_in_use(
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
            raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("os.fsync", "os.link", "os.replace", "os.mkdir", "shutil.copyfile"):
        monkeypatch.setattr(name, counted(name, count))
    try:
        reported: int | None = device.sync().release
    except (OSError, SyncError):
        reported = None
    monkeypatch.undo()

    assert device.state() == old if reported is None else device.release() == reported == 2
    assert device.sync().release == 2


def counted(name: str, count: Callable[..., None]) -> Callable[..., object]:
    """Return the function called ``name``, wrapped so that ``count`` is called first."""
    import importlib

    module, _, attribute = name.rpartition(".")
    function: Callable[..., object] = getattr(importlib.import_module(module), attribute)

    def wrapper(*arguments: object, **named: object) -> object:
        count()
        return function(*arguments, **named)

    return wrapper
