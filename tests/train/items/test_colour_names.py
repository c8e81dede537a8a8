"""A picture has the name of its colour if there is one clear colour, and none otherwise."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from train.items.colour_names import PALETTE, colour_name, picture_colour, to_lab

Rgb = tuple[int, int, int]
WHITE = (250, 248, 244)


def painted(paper: Rgb, subject: Rgb, *, share: float = 0.5) -> NDArray[np.uint8]:
    """Return a picture of 40 x 40 pixels with a square in its middle, of a share of the area."""
    pixels = np.full((40, 40, 3), paper, dtype=np.uint8)
    side = round(40 * share**0.5)
    start = (40 - side) // 2
    pixels[start : start + side, start : start + side] = subject
    return pixels


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [((255, 255, 255), (100, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (53.24, 80.09, 67.20))],
)
def test_colours_are_converted_as_published(rgb: Rgb, lab: tuple[float, float, float]) -> None:
    assert to_lab(np.asarray(rgb, dtype=np.uint8)) == pytest.approx(lab, abs=0.02)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((205, 40, 40), "red"), ((35, 110, 55), "green"), ((30, 60, 150), "blue"), ((250, 220, 60), "yellow"),
        ((10, 10, 12), "black"), ((130, 130, 132), "grey"), ((100, 65, 40), "brown"), ((60, 165, 165), "turquoise"),
    ],
)  # fmt: skip
def test_the_subject_is_named_and_not_the_paper_behind_it(rgb: Rgb, name: str) -> None:
    assert colour_name(painted(WHITE, rgb)) == name


def test_a_colour_between_two_names_has_none() -> None:
    amber = (244, 176, 50)

    assert colour_name(painted(WHITE, amber)) is None


def test_a_picture_of_two_colours_has_no_name() -> None:
    pixels = painted(WHITE, (205, 40, 40))
    pixels[:, 20:][(pixels[:, 20:] == (205, 40, 40)).all(-1)] = (30, 60, 150)

    assert colour_name(pixels) is None


def test_black_print_on_white_is_not_grey() -> None:
    pixels = painted(WHITE, (128, 128, 128))
    pixels[::2][(pixels[::2] == 128).all(-1)] = (20, 20, 20)

    assert colour_name(pixels) is None


def test_a_dark_border_is_a_part_of_the_picture() -> None:
    assert colour_name(painted((8, 8, 10), (205, 40, 40), share=0.2)) == "black"


def test_a_subject_that_is_hardly_there_has_no_name() -> None:
    assert colour_name(painted(WHITE, (205, 40, 40), share=0.02)) is None


def test_every_example_of_the_palette_has_its_own_name_or_none() -> None:
    for name, examples in PALETTE.items():
        for rgb in examples:
            found = colour_name(np.full((8, 8, 3), rgb, dtype=np.uint8))
            assert found in {name, None}, (name, rgb, found)


def test_a_file_is_read_and_a_broken_one_has_no_name(tmp_path: Path) -> None:
    Image.fromarray(painted(WHITE, (205, 40, 40))).save(tmp_path / "red.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")

    assert picture_colour(tmp_path / "red.png") == "red"
    assert picture_colour(tmp_path / "broken.png") is None
