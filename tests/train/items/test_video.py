from pathlib import Path

import numpy as np
import pytest

from tests.train.items.tiny_catalogue import draw, make_catalogue, no_events
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.video import MAX_FRAMES, evenly_spaced, frames


@pytest.mark.parametrize(
    ("n", "expected"),
    [(0, []), (1, [0]), (2, [0, 1]), (8, list(range(8))), (16, [1, 3, 5, 7, 9, 11, 13, 15])],
)
def test_frames_are_the_centres_of_equal_parts(n: int, expected: list[int]) -> None:
    assert evenly_spaced(n, MAX_FRAMES) == expected


@pytest.mark.parametrize("n", range(9, 60))
def test_a_long_video_has_eight_different_frames_in_order(n: int) -> None:
    kept = evenly_spaced(n, MAX_FRAMES)

    assert kept == sorted(set(kept))
    assert len(kept) == MAX_FRAMES
    assert kept[-1] < n


def test_shorter_videos_are_masked_and_each_frame_is_a_token(tmp_path: Path) -> None:
    red, blue = draw(tmp_path / "red.png", "red"), draw(tmp_path / "blue.png", "blue")
    catalogue = make_catalogue(["None", "Two", "Three"], videos=[(), (red, blue), (blue, blue, red)])

    features = plugin_inputs(catalogue, no_events(), ExtractorConfig(), dim=4, seed=0, cache_dir=None).video()

    assert features.present.tolist() == [[False] * 3, [True, True, False], [True] * 3]
    np.testing.assert_array_equal(features.vectors[1, 0], features.vectors[2, 2])
    assert not features.vectors[0].any()
    assert not features.vectors[1, 2].any()


def test_only_an_unreadable_frame_is_absent(tmp_path: Path) -> None:
    red = draw(tmp_path / "red.png", "red")
    catalogue = make_catalogue(["Film"], videos=[(red, tmp_path / "missing.png", red)])
    inputs = plugin_inputs(catalogue, no_events(), ExtractorConfig(), dim=4, seed=0, cache_dir=None)

    with pytest.warns(UserWarning, match="missing"):
        features = inputs.video()

    assert features.present.tolist() == [[True, False, True]]


def test_a_catalogue_without_videos_has_one_absent_token_per_item() -> None:
    paths, layout = frames(make_catalogue(["One", "Two"]))

    assert paths == []
    assert layout.shape == (2, 1)
