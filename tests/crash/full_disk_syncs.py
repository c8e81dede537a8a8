"""Syncs while the disk is full after each of some numbers of bytes: ``full_disk_syncs.py SHOP SAVED DEVICE ROOM...``.

Runs with the recorder preloaded, which counts the bytes. Prints what each sync ended with, and what the device served.
"""

import ctypes
import json
import os
import shutil
import sys
from pathlib import Path

from edge_runtime.errors import PocketRecError
from edge_runtime.sync import sync
from tests.crash.signed_device import served_release, trusted_version


def main(shop: Path, saved: Path, device: Path, rooms: list[int]) -> list[list[object]]:
    """Return room, error, the release served and the version seen after the full disk, and the release after that."""
    recorder = ctypes.CDLL(os.environ["LD_PRELOAD"])
    found: list[list[object]] = []
    for room in rooms:
        shutil.rmtree(device, ignore_errors=True)
        shutil.copytree(saved, device)
        error = None
        recorder.recorder_set_room(ctypes.c_long(room))
        try:
            sync(shop, device, target="laptop-x86_64")
        except (PocketRecError, OSError) as caught:
            error = f"{type(caught).__name__}: {caught}"
        recorder.recorder_set_room(ctypes.c_long(-1))
        served, seen = served_release(device), trusted_version(device)
        found.append([room, error, served, seen, sync(shop, device, target="laptop-x86_64").release])
    return found


if __name__ == "__main__":
    first, second, third, *rest = sys.argv[1:]
    sys.stdout.write(json.dumps(main(Path(first), Path(second), Path(third), [int(word) for word in rest])))
