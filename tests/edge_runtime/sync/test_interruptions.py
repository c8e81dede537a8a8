"""Connections that break, busy servers, processes that stop: what has arrived is kept, what is in use stays."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.errors import BusyError, ServerUnreachableError, SyncError, UpdateRefusedError
from edge_runtime.lock import locked
from edge_runtime.sync.slots import current_bundle
from tests.edge_runtime.sync.device import SHARED, Device
from tests.edge_runtime.sync.fake_server import FakeAnswer, whole
from tests.tiny_bundle import make_tiny_bundle


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


@pytest.mark.parametrize(
    "answer",
    [
        FakeAnswer(416),
        FakeAnswer(403),
        FakeAnswer(500),
        FakeAnswer(206, {"Content-Range": "bytes 0-9/10"}),
        FakeAnswer(200, {"Content-Length": "5"}),
    ],
    ids=["416", "403", "500", "another range", "another length"],
)
def test_a_server_that_never_gives_out_the_rest_of_a_file_is_asked_for_the_whole(
    device: Device, answer: FakeAnswer
) -> None:
    device.server.break_after = [100, *[0] * 9]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.break_after.clear()
    device.server.instead = lambda _, headers: replace(answer) if "Range" in headers else None

    assert device.sync().status == "installed"


def test_a_file_that_is_refused_in_part_and_as_a_whole_leaves_nothing_behind(device: Device) -> None:
    device.server.break_after = [100, *[0] * 9]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    device.server.instead = lambda path, _: FakeAnswer(403) if path.startswith("/v1/files/") else None

    with pytest.raises(UpdateRefusedError, match="403"):
        device.sync()

    assert not list((device.folder / "incoming").iterdir())


def test_a_connection_that_breaks_before_the_first_byte_costs_nothing_of_what_is_here(device: Device) -> None:
    device.server.break_after = [100, *[0] * 30]
    for _ in range(3):
        with pytest.raises(ServerUnreachableError):
            device.sync()

    (part,) = (device.folder / "incoming").glob("*.part")
    assert part.stat().st_size == 100


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


@pytest.mark.parametrize("step", range(0, 44, 2))
def test_a_disk_that_is_full_from_any_step_on_is_an_error_unless_the_new_release_is_in_use(
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
    """Return the function called ``name``, with ``count`` called first."""
    import importlib

    module, _, attribute = name.rpartition(".")
    function: Callable[..., object] = getattr(importlib.import_module(module), attribute)

    def wrapper(*arguments: object, **named: object) -> object:
        count()
        return function(*arguments, **named)

    return wrapper
