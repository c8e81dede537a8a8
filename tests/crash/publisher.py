"""A repository whose writes are recorded while releases are published, and what must be true of it after any fault."""

import os
import subprocess
from pathlib import Path

from edge_runtime.sync import sync
from server.errors import RepositoryError
from server.repository.keys import KeyRing
from server.repository.offer import offer_of
from server.repository.publish import publish
from server.repository.repository import open_repository
from server.repository.status import read_status
from tests.crash.recording import Recorder
from tests.crash.signed_device import served_release
from tests.live_server import POCKETREC
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_repository import PASSPHRASE, TARGET

REPOSITORY = "releases"
KEYS = "keys"
NOTHING = -1
_TIMEOUT_S = 120


def recorded_releases(recorder: Recorder, bundles: Path, n_releases: int) -> None:
    """Create a repository and its keys, publish, and replace two keys after the second release; each is marked.

    Raises:
        AssertionError: a command failed.
    """
    os.environ["POCKETREC_PASSPHRASE"] = PASSPHRASE
    _run(recorder, "init", "--yes")
    recorder.mark("0")
    for number in range(1, n_releases + 1):
        make_tiny_bundle(bundles / TARGET, seed=number, target=TARGET, n_items=40)
        _run(recorder, "publish", str(bundles))
        recorder.mark(str(number))
        if number == 2:
            for key in ("timestamp", "targets"):
                _run(recorder, "rotate", key)


def _run(recorder: Recorder, command: str, *words: str) -> None:
    folder = recorder.folder
    line = [*POCKETREC, "release", command, str(folder / REPOSITORY), *words, "--keys", str(folder / KEYS)]
    done = subprocess.run(
        line, env=recorder.environment(), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr


def check_repository(image: Path, bundles: Path, *, reported: int) -> None:
    """Check that a repository offers a whole release at least as new as the reported one, and goes on from it.

    Args:
        image: the folder with the repository and its keys.
        bundles: the bundles of the last release.
        reported: number of the release that was reported last; 0 for an empty repository, :data:`NOTHING` for none.

    Raises:
        AssertionError: it offers an older one, or a device or the next release does not find it whole.
        PocketRecError: something is damaged.
    """
    path = image / REPOSITORY
    for file in (image / KEYS).glob("*.pem"):
        file.chmod(0o600)  # images have no modes
    if reported == NOTHING and not (path / "metadata").is_dir():
        return
    offered = _offered(path)
    assert offered >= reported, f"it offers release {offered}, but reported {reported}"
    if offered:
        device = image / "device"
        assert sync(path, device, target=TARGET).release == served_release(device) == offered
    assert read_status(path).unfinished == ()
    try:
        published = publish(path, bundles, KeyRing([image / KEYS]))[0].release
    except RepositoryError as error:
        if "on offer already" not in str(error):
            raise
        return
    assert published == offered + 1
    assert _offered(path) == published


def _offered(path: Path) -> int:
    """Return the release on offer, of which every byte is right; 0 if there is none."""
    repository = open_repository(path)
    if not repository.released_targets():
        return 0
    offer = offer_of(repository, TARGET)
    for entry in offer.final.manifest.files:
        repository.store.read(entry.sha256)
    return offer.final.document.release
