"""A device of signed releases whose writes are recorded, and what must be true of it after any fault."""

import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.device_folder import current_bundle, slot_name
from edge_runtime.errors import BundleError
from edge_runtime.sync import sync
from edge_runtime.sync.layout import TRUSTED
from edge_runtime.sync.tuf import MetadataStore
from tests.crash.disk import Disk
from tests.crash.recording import Recorder
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop, adapted
from tests.live_server import POCKETREC

DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Releases:
    """A shop that releases bundles, of which every second one differs from the one before in its adapter only.

    Attributes:
        shop: the repository.
        versions: the version of the timestamp at each release.
        manifests: the digest of the manifest of each release.
    """

    shop: SignedShop
    versions: dict[int, int] = field(default_factory=dict)
    manifests: dict[int, str] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        """Number of the newest release; 0 if there is none."""
        return max(self.versions, default=0)

    def next(self) -> int:
        """Make the next release and return its number."""
        number = self.newest + 1
        is_small = number % 2 == 0
        bundle = adapted(self.shop, self.manifests[number - 1], number) if is_small else None
        self.manifests[number] = self.shop.release(number, bundle=bundle)
        if number == 1:
            self.shop.renew()
        self.versions[number] = self.shop.tuf.timestamp.version
        return number


def recorded_sync(
    recorder: Recorder, origin: str | Path, *options: str, kill_after: int | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `pocketrec sync` into the recorded device, killed after a number of records."""
    command = (*POCKETREC, "sync", str(origin), "--into", str(recorder.folder / DEVICE), "--target", LAPTOP, *options)
    return subprocess.run(
        command, env=recorder.environment(kill_after), capture_output=True, text=True, timeout=60, check=False
    )


def recorded_syncs(recorder: Recorder, releases: Releases, n_releases: int, rng: random.Random) -> None:
    """Install releases one after another; syncs are killed twice before each, at random, and the last one is marked."""
    for _ in range(n_releases):
        number = releases.next()
        for kill_after in rng.sample(range(1, 150), 2):
            recorded_sync(recorder, releases.shop.folder, kill_after=kill_after)
        done = recorded_sync(recorder, releases.shop.folder)
        assert done.returncode == 0, done.stderr
        recorder.mark(str(number))


def cuts(
    recorder: Recorder, into: Path, n_images: int, rng: random.Random, first: int = 0
) -> Iterator[tuple[int, Path]]:
    """Yield the number that was marked last, ``first`` at first, and the recorded folder after each of some power cuts.

    Args:
        recorder: what was recorded.
        into: folder of the images, each of which may be removed after it is yielded.
        n_images: number of power cuts, of which each twentieth is at the end.
        rng: decides when the power is cut, and what is lost.
        first: what to yield before the first mark.
    """
    n_operations = sum(1 for _ in recorder.operations())
    moments = Counter(n_operations if i % 20 == 0 else rng.randrange(n_operations) for i in range(n_images))
    disk = Disk(recorder.folder)
    reported = first
    into.mkdir()
    for number, operation in enumerate((*recorder.operations(), None)):
        for i in range(moments[number]):
            image = into / f"{number}-{i}"
            disk.cut(image, rng.getrandbits(32))
            yield reported, image
        if operation is None:
            return
        if operation.kind == "mark":
            reported = int(operation.path)
        else:
            disk.do(operation)


def served_release(device: Path) -> int:
    """Return the release that a device serves, of which every byte is right; 0 if it has none yet."""
    try:
        bundle = current_bundle(device)
    except BundleError:
        if (device / "current.json").exists():
            raise
        return 0
    folder = open_folder(bundle)
    folder.check_all()
    assert slot_name((bundle / "manifest.json").read_bytes()) == bundle.name
    return folder.manifest.release


def trusted_version(device: Path) -> int:
    """Return the highest version of the timestamp that a device has seen; 0 if it trusts nothing yet."""
    if not (device / TRUSTED).exists():
        return 0
    with MetadataStore(device / TRUSTED) as store:
        trusted = store.load()
    return 0 if trusted is None else trusted.floors.timestamp.get("timestamp.json", 0)


def check_device(device: Path, releases: Releases, *, reported: int) -> None:
    """Check that a device serves a release at least as new as the reported one, and that its next sync succeeds.

    Raises:
        AssertionError: it serves an older one, has forgotten a version, or the sync does not lead to the newest one.
        PocketRecError: something is damaged.
    """
    served = served_release(device)
    assert served >= reported, f"it serves release {served}, but reported {reported}"
    seen, expected = trusted_version(device), releases.versions.get(served, 0)
    assert seen >= expected, f"it serves release {served} of timestamp {expected}, but has only seen timestamp {seen}"
    report = sync(releases.shop.folder, device, target=LAPTOP)
    assert report.release == served_release(device) == releases.newest
    with Recommender.open(device) as recommender:
        assert recommender.recommend(3)
