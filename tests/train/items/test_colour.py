from math import cos, pi, sqrt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.train.items.tiny_catalogue import draw, encode
from train.items.colour import colour, colour_layout, edge_histogram, luma_and_chroma

ZIGZAG = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]


def reference_frequency(grid: NDArray[np.float64], v: int, u: int) -> float:
    """Compute the two-dimensional DCT by the formula of JPEG (ITU-T T.81, A.3.3)."""

    def c(frequency: int) -> float:
        return 1 / sqrt(2) if frequency == 0 else 1.0

    total = sum(
        grid[y, x] * cos((2 * x + 1) * u * pi / 16) * cos((2 * y + 1) * v * pi / 16) for y in range(8) for x in range(8)
    )
    return c(u) * c(v) * float(total) / 4


def test_the_layout_is_the_zigzag_of_the_transformed_mean_colours() -> None:
    planes = np.random.default_rng(0).normal(0, 40, (2, 64, 64, 3)).astype(np.float32)

    layout = colour_layout(planes)

    assert layout.shape == (2, 41)
    for first, plane in ((0, 0), (21, 1), (31, 2)):
        for picture in range(2):
            grid = planes[picture, :, :, plane].astype(np.float64).reshape(8, 8, 8, 8).mean((1, 3))
            expected = [reference_frequency(grid, v, u) for v, u in ZIGZAG]
            np.testing.assert_allclose(layout[picture, first : first + 10], expected, atol=1e-3)


def test_luma_and_chroma_are_those_of_jfif() -> None:
    picture = Image.effect_noise((8, 8), 90).convert("RGB")

    planes = luma_and_chroma(np.asarray(picture))

    np.testing.assert_allclose(planes + 128, np.asarray(picture.convert("YCbCr")), atol=1.01)


@pytest.mark.parametrize(("direction", "axis"), [(0, 2), (2, 1)])
def test_a_ramp_has_edges_of_one_direction_only(direction: int, axis: int) -> None:
    ramp = np.cumsum(np.ones((1, 64, 64), dtype=np.float32), axis=axis)

    cells = edge_histogram(ramp).reshape(16, 4)

    assert (cells[:, direction] > 0).all()
    assert cells.sum() == pytest.approx(cells[:, direction].sum())


def test_a_picture_of_one_colour_has_no_edges() -> None:
    assert not edge_histogram(np.full((1, 64, 64), 7, dtype=np.float32)).any()


def test_similar_pictures_are_nearer_than_others(tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{name}.png", name) for name in ("red", "darkred", "blue")]

    result = encode(colour(), paths)

    red, dark_red, blue = (np.asarray(result[which]) for which in range(3))
    assert red @ dark_red > red @ blue
    np.testing.assert_allclose([np.linalg.norm(each) for each in (red, dark_red, blue)], 1, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (700, 3)])
def test_pictures_of_odd_sizes_are_encoded(tmp_path: Path, size: tuple[int, int]) -> None:
    result = encode(colour(), [draw(tmp_path / "odd.png", "green", size)])

    assert np.linalg.norm(result[0]) == pytest.approx(1, abs=1e-5)


def test_medium_grey_has_a_finite_vector(tmp_path: Path) -> None:
    result = encode(colour(), [draw(tmp_path / "grey.png", "#808080")])

    assert np.isfinite(result[0]).all()


def test_pictures_with_the_same_colours_differ_by_their_edges(tmp_path: Path) -> None:
    stripes = np.tile(np.repeat(np.asarray([0, 255], dtype=np.uint8), 4), (64, 8))
    Image.fromarray(stripes).save(tmp_path / "upright.png")
    Image.fromarray(stripes.T).save(tmp_path / "lying.png")

    result = encode(colour(), [tmp_path / "upright.png", tmp_path / "lying.png"])

    upright, lying = np.asarray(result[0]), np.asarray(result[1])
    np.testing.assert_allclose(upright[:41], lying[:41], atol=1e-5)
    assert np.abs(upright[41:] - lying[41:]).max() > 0.05
