"""Whatever happens between a server of signed releases and a device: the device serves a release, never an older one,
parses nothing that is not signed, and takes the next release once the fault is over.
"""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import repeat
from pathlib import Path

import pytest

from edge_runtime.bundle import parsing
from edge_runtime.bundle.delta import Pack
from edge_runtime.errors import ExpiredMetadataError, PocketRecError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync import assembly
from edge_runtime.sync.trial import self_test
from tests.crash.signed_device import served_release, trusted_version
from tests.edge_runtime.sync.device import Time
from tests.edge_runtime.sync.fake_server import FakeResponse, whole
from tests.edge_runtime.sync.faulty_transport import Change, FaultyTransport
from tests.edge_runtime.sync.signed_shop import SignedDevice, SignedShop, adapted
from tests.edge_runtime.sync.tuf.repository import TODAY


@dataclass(slots=True)
class Parsed:
    """What was parsed, and what may be: the device's own pointer, and what the shop has signed.

    Attributes:
        signed: digests of what is signed.
        others: what was parsed although it is not.
        depth: how many parsers are at work; what they parse in turn are parts of what they were given.
    """

    signed: set[str] = field(default_factory=set)
    others: list[bytes] = field(default_factory=list)
    depth: int = 0

    def note(self, data: bytes) -> None:
        is_pointer = data.startswith(b'{"slot":')
        if not self.depth and hashlib.sha256(data).hexdigest() not in self.signed and not is_pointer:
            self.others.append(data)

    @contextmanager
    def inside(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def self_test(self, bundle: Path) -> None:
        """Test a bundle, whose files were checked against their digests."""
        with self.inside():
            self_test(bundle)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Parsed:
    """Watch all parsers of what releases consist of: JSON, arrays and deltas."""
    parsed = Parsed()

    def watched(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(data: bytes, *arguments: object) -> object:
            parsed.note(data)
            with parsed.inside():
                return function(data, *arguments)

        return wrapper

    for module, name in ((parsing, "check_utf8"), (assembly, "read_pack")):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))

    def apply(pack: Pack, name: str, old: bytes | None) -> bytes:
        if old is not None:
            parsed.note(old)
        with parsed.inside():
            return made(pack, name, old)

    made = Pack.apply
    monkeypatch.setattr(Pack, "apply", apply)
    return parsed


@dataclass(slots=True)
class World:
    """A device with release 1, and a shop with release 2, which comes as a delta.

    Attributes:
        shop: the shop.
        device: the device.
        older: the repository before release 2.
        parsed: what was parsed.
        normal: path below ``/v1/`` and length of every file of an update without a fault.
    """

    shop: SignedShop
    device: SignedDevice
    older: Path
    parsed: Parsed
    normal: list[tuple[str, int]]

    def again(self) -> None:
        """Bring back the device with release 1."""
        shutil.rmtree(self.device.folder)
        shutil.copytree(self.device.folder.with_name("saved"), self.device.folder)

    def fails_safely(self, transport: FaultyTransport, time: Time | None = None) -> PocketRecError | None:
        """Sync over a faulty transport, then without a fault; return the first sync's error, None if it succeeded."""
        seen = trusted_version(self.device.folder)
        error, expected = None, 1
        try:
            expected = self.device.sync(transport=transport, time=time, test=self.parsed.self_test).release
        except PocketRecError as caught:
            error = caught
        assert served_release(self.device.folder) == expected
        assert trusted_version(self.device.folder) >= seen
        assert self.parsed.others == []
        assert self.device.sync(test=self.parsed.self_test).release == served_release(self.device.folder) == 2
        return error


@pytest.fixture
def world(tmp_path: Path, parsed: Parsed) -> World:
    shop = SignedShop(tmp_path / "shop")
    first = shop.release(1)
    device = SignedDevice(tmp_path / "device", shop)
    device.sync()
    shutil.copytree(shop.folder, tmp_path / "older")
    shop.release(2, bundle=adapted(shop, first, 2))
    shutil.copytree(device.folder, tmp_path / "saved")
    files = (path for path in shop.folder.rglob("*") if path.is_file())
    parsed.signed = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    transport = FaultyTransport(shop.folder)
    device.sync(transport=transport)
    world = World(shop, device, tmp_path / "older", parsed, transport.served)
    world.again()
    parsed.others.clear()
    return world


def test_an_update_without_a_fault_parses_signed_bytes_only_and_takes_a_delta(world: World) -> None:
    assert world.fails_safely(FaultyTransport(world.shop.folder)) is None
    kinds = {name.split("/")[0] for name, _ in world.normal}
    assert kinds == {"metadata", "targets", "files"}
    assert sum(length for _, length in world.normal) < 20_000


def test_the_watch_notices_bytes_that_are_not_signed(world: World) -> None:
    parsing.parse_json(b"{}", dict)

    assert world.parsed.others == [b"{}"]


def test_the_network_may_break_after_any_number_of_bytes(world: World) -> None:
    total = sum(length for _, length in world.normal)
    ends = list(_ends(world.normal))
    moments = {*range(0, total, 499), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}
    for n_bytes in sorted(moments):
        world.again()
        error = world.fails_safely(FaultyTransport(world.shop.folder, bytes_left=n_bytes))
        assert isinstance(error, ServerUnreachableError) == (n_bytes < total), n_bytes


def test_any_byte_may_be_flipped(world: World) -> None:
    rng = random.Random(0)
    for name, length in world.normal:
        for at in {0, length // 2, length - 1, *(rng.randrange(length) for _ in range(5))}:
            world.again()
            world.fails_safely(FaultyTransport(world.shop.folder, flipped(name, at, 1 << rng.randrange(8))))


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_responses_may_come_in_another_order(world: World, shift: int) -> None:
    bodies = [(world.shop.folder / name).read_bytes() for name, _ in world.normal]
    n_asked = 0

    def rotated(_: str, __: bytes) -> FakeResponse:
        nonlocal n_asked
        n_asked += 1
        return whole(bodies[(n_asked - 1 + shift) % len(bodies)])

    assert world.fails_safely(FaultyTransport(world.shop.folder, rotated)) is not None


def test_any_response_may_be_that_to_another_request(world: World) -> None:
    names = [name for name, _ in world.normal]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        world.again()
        body = (world.shop.folder / other).read_bytes()
        world.fails_safely(FaultyTransport(world.shop.folder, replaced(name, body)))


BODIES: dict[str, Callable[[bytes], FakeResponse]] = {
    "twice": lambda body: whole(body * 2),
    "nothing": lambda body: whole(b""),
    "half": lambda body: whole(body[: len(body) // 2]),
    "endless": lambda body: FakeResponse(200, {}, repeat(b"x" * 65536)),
    "right, then endless": lambda body: FakeResponse(200, {}, _then_endless(body)),
    "too short by its length": lambda body: FakeResponse(200, {"Content-Length": str(len(body) + 1)}, iter([body])),
    "too long by its length": lambda body: FakeResponse(200, {"Content-Length": str(len(body) - 1)}, iter([body])),
    "gzip": lambda body: whole(body, **{"Content-Encoding": "gzip"}),
    "a redirect": lambda body: FakeResponse(302, {"Location": "https://elsewhere.example/"}),
    "not modified": lambda body: FakeResponse(304),
    "an unrequested range": lambda body: FakeResponse(206, {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}),
    "not found": lambda body: FakeResponse(404),
    "a page": lambda body: whole(b"<html>Please log in</html>"),
    "nested": lambda body: whole(b"[" * 16_000),
}


@pytest.mark.parametrize("answer", BODIES.values(), ids=BODIES)
def test_any_response_may_be_wrong(world: World, answer: Callable[[bytes], FakeResponse]) -> None:
    for name, _ in world.normal:
        world.again()
        transport = FaultyTransport(world.shop.folder, only(name, answer))
        world.fails_safely(transport)
        assert len(transport.served) < 60, "it asks over and over"


def test_a_storm_of_503_responses_ends_and_a_short_one_is_survived(world: World) -> None:
    time = Time()
    error = world.fails_safely(FaultyTransport(world.shop.folder, lambda path, body: FakeResponse(503)), time)
    assert isinstance(error, ServerUnreachableError)
    assert time.now < 60

    world.again()
    asked: set[str] = set()

    def first_only(path: str, _: bytes) -> FakeResponse | None:
        is_first = path not in asked
        asked.add(path)
        return FakeResponse(503) if is_first else None

    assert world.fails_safely(FaultyTransport(world.shop.folder, first_only)) is None


def test_a_server_that_drips_is_given_up_in_time(world: World) -> None:
    for name, _ in world.normal:
        world.again()
        time = Time()

        def drips(body: bytes, time: Time = time) -> FakeResponse:
            return FakeResponse(200, {}, _dripping(body, time))

        world.fails_safely(FaultyTransport(world.shop.folder, only(name, drips)), time)
        assert time.now < 3600


@pytest.mark.parametrize("kept", ["metadata", "targets", "files"])
def test_metadata_documents_and_files_of_different_times_do_not_mix(world: World, kept: str) -> None:
    for name, _ in world.normal:
        old = world.older / name
        if old.is_file() and name.startswith(kept):
            world.again()
            world.fails_safely(FaultyTransport(world.shop.folder, replaced(name, old.read_bytes())))


def test_a_replayed_repository_is_refused_after_the_next_one_was_seen(world: World) -> None:
    world.device.sync()

    with pytest.raises(UpdateRefusedError, match="version"):
        world.device.sync(transport=FaultyTransport(world.older))

    assert served_release(world.device.folder) == 2


def test_files_that_others_signed_are_refused(world: World, tmp_path: Path) -> None:
    other = SignedShop(tmp_path / "other" / "shop")
    with world.parsed.inside():
        other.release(1)
        other.release(9)
    for name, _ in world.normal:
        forged = other.folder / name
        if forged.is_file():
            world.again()
            change = replaced(name, forged.read_bytes())
            assert isinstance(world.fails_safely(FaultyTransport(world.shop.folder, change)), UpdateRefusedError)


@pytest.mark.parametrize("now", [0.0, 1e9, TODAY.timestamp() - 365 * 86_400])
def test_a_clock_that_is_behind_or_absent_does_not_stop_updates(world: World, now: float) -> None:
    world.device.now = now

    assert world.device.sync().release == 2


@pytest.mark.parametrize("now", [4e9, 253_402_300_800.0, 1e15])
def test_a_clock_that_is_ahead_stops_updates_until_it_is_right_again(world: World, now: float) -> None:
    world.device.now = now
    with pytest.raises(ExpiredMetadataError, match="If the date is right"):
        world.device.sync()
    assert served_release(world.device.folder) == 1

    world.device.now = TODAY.timestamp()
    assert world.device.sync().release == 2


def test_a_device_without_a_clock_is_not_kept_on_expired_metadata(world: World) -> None:
    for metadata in world.shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=60)
    world.shop.tuf.publish("root", "targets", "snapshot", "timestamp")
    world.shop.write()
    world.device.now += 45 * 86_400
    world.device.sync()
    world.device.now = 0.0

    with pytest.raises(UpdateRefusedError):
        world.device.sync(transport=FaultyTransport(world.older))


def flipped(name: str, at: int, bit: int) -> Change:
    """Change one bit of a file."""
    return only(name, lambda body: whole(body[:at] + bytes([body[at] ^ bit]) + body[at + 1 :]))


def replaced(name: str, body: bytes) -> Change:
    """Send another body for one file."""
    return only(name, lambda _: whole(body))


def only(name: str, answer: Callable[[bytes], FakeResponse]) -> Change:
    """Answer differently for one file."""
    return lambda path, body: answer(body) if path == name else None


def _ends(files: list[tuple[str, int]]) -> Iterator[int]:
    end = 0
    for _, length in files:
        end += length
        yield end


def _then_endless(body: bytes) -> Iterator[bytes]:
    yield body
    yield from repeat(b"x" * 65536)


def _dripping(body: bytes, time: Time) -> Iterator[bytes]:
    for value in body:
        time.sleep(5.0)
        yield bytes([value])
