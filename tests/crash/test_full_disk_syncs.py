"""A disk that is full after any byte of a sync leaves the release in use, and the next sync goes on."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.recording import Recorder
from tests.crash.signed_device import DEVICE, Releases, recorded_sync, trusted_version
from tests.edge_runtime.sync.signed_shop import SignedShop

N_ROOMS = 40


@pytest.mark.parametrize("before", [0, 1])
def test_a_disk_that_is_full_after_any_byte_stops_a_sync_and_nothing_else(tmp_path: Path, before: int) -> None:
    recorder = Recorder.over(tmp_path / "recorded", tmp_path)
    releases = Releases(SignedShop(tmp_path / "shop"))
    device, saved = recorder.folder / DEVICE, tmp_path / "saved"
    device.mkdir()
    for _ in range(before):
        releases.next()
        assert recorded_sync(recorder, releases.shop.folder).returncode == 0
    shutil.copytree(device, saved)
    seen = trusted_version(device)
    newest = releases.next()
    recorder.log.unlink(missing_ok=True)
    assert recorded_sync(recorder, releases.shop.folder).returncode == 0
    n_bytes = sum(len(operation.data) for operation in recorder.operations() if operation.kind == "write")
    rooms = [0, n_bytes, *random.Random(0).sample(range(1, n_bytes), N_ROOMS)]

    words = map(str, ("-m", "tests.crash.full_disk_syncs", releases.shop.folder, saved, device, *rooms))
    done = subprocess.run(
        [sys.executable, *words], env=recorder.environment(), capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    errors = []
    for room, error, served, seen_after, after in json.loads(done.stdout):
        assert served in ((newest,) if error is None else (before, newest)), (room, error)
        assert seen_after >= seen
        assert after == newest
        errors += [] if error is None else [error]
    assert len(errors) > N_ROOMS // 3
    assert all(error.startswith(("SyncError", "StateError")) for error in errors), errors
    assert all("space" in error or "full" in error for error in errors), errors
