"""A power cut at any write of a publisher leaves a repository that offers a whole release, and keys for the next."""

import random
from pathlib import Path

import pytest

from tests.crash.publisher import NOTHING, check_repository, recorded_releases
from tests.crash.recording import Recorder
from tests.crash.signed_device import cuts

N_IMAGES = 24


@pytest.mark.slow
def test_a_power_cut_at_any_write_of_a_publisher_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    recorder = Recorder.over(tmp_path / "recorded", tmp_path)
    recorded_releases(recorder, tmp_path / "bundles", 3)

    offered = set()
    for reported, image in cuts(recorder, tmp_path / "images", N_IMAGES, random.Random(0), NOTHING):
        check_repository(image, tmp_path / "bundles", reported=reported)
        offered.add(reported)

    assert offered >= {NOTHING, 1, 2, 3}
