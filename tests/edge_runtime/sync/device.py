"""A device that syncs with a server in memory, with a simulated clock."""

from collections.abc import Callable
from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.sync.apply import apply, writing
from edge_runtime.sync.channel import UnsignedChannel
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.report import SyncReport
from edge_runtime.sync.trial import self_test
from tests.edge_runtime.sync.fake_server import FakeServer

LAPTOP = "laptop-x86_64"
MANIFEST = f"/v1/channels/{LAPTOP}/manifest.json"
MODEL = bytes(range(256)) * 20
SHARED = {"model.bin": ("other", MODEL)}


class Time:
    """A clock that advances only in :meth:`sleep`."""

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
        self.tested: list[Path] = []
        self.time = Time()

    def sync(
        self,
        *,
        target: str = LAPTOP,
        allow_older: bool = False,
        test: Callable[[Path], None] = self_test,
        free_bytes: int = 1 << 40,
        progress: Callable[[int, int], None] | None = None,
    ) -> SyncReport:
        def recorded_test(bundle: Path) -> None:
            self.tested.append(bundle)
            test(bundle)

        source = Source(self.server, clock=self.time.clock, sleep=self.time.sleep)
        with writing(self.folder):
            return apply(
                self.folder,
                channel=UnsignedChannel(source, target, allow_older=allow_older),
                self_test=recorded_test,
                progress=progress,
                free_bytes=lambda path: free_bytes,
            )

    def release(self) -> int:
        return open_folder(current_bundle(self.folder)).manifest.release

    def state(self) -> dict[str, bytes]:
        """Return the files that a reader sees: the pointer and the bundle in use."""
        files = [self.folder / "current.json", *sorted(current_bundle(self.folder).iterdir())]
        return {file.name: file.read_bytes() for file in files}
