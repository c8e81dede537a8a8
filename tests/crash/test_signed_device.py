"""A power cut at any write, and a kill at any, leave a device that serves a release and takes the next one."""

import random
from pathlib import Path

import pytest

from tests.crash.recording import Recorder
from tests.crash.signed_device import DEVICE, Releases, check_device, cuts, recorded_syncs
from tests.edge_runtime.sync.signed_shop import SignedShop

N_IMAGES = 100


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder.over(tmp_path / "recorded", tmp_path)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(SignedShop(tmp_path / "shop"))


def test_a_power_cut_at_any_write_of_a_sync_loses_nothing_that_was_reported(
    recorder: Recorder, releases: Releases, tmp_path: Path
) -> None:
    rng = random.Random(0)
    recorded_syncs(recorder, releases, 3, rng)

    served = set()
    for reported, image in cuts(recorder, tmp_path / "images", N_IMAGES, rng):
        check_device(image / DEVICE, releases, reported=reported)
        served.add(reported)

    assert served == {0, 1, 2, 3}
