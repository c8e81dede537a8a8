"""Thumbnails are small, popular items come first, and unreadable files are skipped."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.bundle.pictures import Pictures
from edge_runtime.probe.target import PictureChoice
from export.pictures import make_thumbnails
from train.data.dataset import Catalogue

CHOICE = PictureChoice(side_pixels=32, quality=50, bytes=1 << 20)


def catalogue_of(
    titles: Sequence[str],
    images: Sequence[Path | None] | None = None,
) -> Catalogue:
    n = len(titles)
    return Catalogue(
        item_ids=tuple(f"i{row}" for row in range(n)),
        titles=tuple(titles),
        fields={},
        descriptions=(None,) * n,
        images=tuple(images or [None] * n),
        videos=((),) * n,
    )


def test_thumbnails_are_small_webp_pictures_at_their_offsets(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", (300, 100))
    catalogue = catalogue_of(["A", "B"], images=[None, picture])

    arrays = make_thumbnails(catalogue, np.array([9, 1], dtype=np.uint8), CHOICE)

    assert arrays is not None
    offset, data = arrays["offset"], arrays["data"]
    assert offset.tolist() == [0, 0, len(data)]
    (tmp_path / "thumbnail.webp").write_bytes(data.tobytes())
    with Image.open(tmp_path / "thumbnail.webp") as image:
        assert (image.format, image.size) == ("WEBP", (32, 11))


def test_popular_items_get_their_thumbnails_first(tmp_path: Path) -> None:
    pictures = [draw(tmp_path / f"{row}.png", (64, 64), noise=True) for row in range(3)]
    levels = np.array([10, 30, 20], dtype=np.uint8)
    all_three = make_thumbnails(catalogue_of("ABC", images=pictures), levels, CHOICE)
    assert all_three is not None
    limit = int(all_three["offset"][-1]) - 1 + 256 + 4 * 4

    arrays = make_thumbnails(
        catalogue_of("ABC", images=pictures), levels, PictureChoice(side_pixels=32, quality=50, bytes=limit)
    )

    assert arrays is not None
    assert (np.diff(arrays["offset"].astype(np.int64)) > 0).tolist() == [False, True, True]


def test_a_thumbnail_above_the_limit_of_the_format_gets_a_lower_quality(tmp_path: Path) -> None:
    catalogue = catalogue_of(["A"], images=[draw(tmp_path / "a.png", (1000, 1000), noise=True)])

    arrays = make_thumbnails(
        catalogue, np.array([1], dtype=np.uint8), PictureChoice(side_pixels=1000, quality=100, bytes=1 << 20)
    )

    assert arrays is not None
    assert 1 << 10 < len(arrays["data"]) <= 256 << 10
    assert Pictures.open(arrays, 1).of(0).startswith(b"RIFF")


def test_a_file_that_is_not_a_picture_is_skipped(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    catalogue = catalogue_of(["A", "B"], images=[broken, draw(tmp_path / "b.png", (40, 40))])

    arrays = make_thumbnails(catalogue, np.array([2, 1], dtype=np.uint8), CHOICE)

    assert arrays is not None
    assert arrays["offset"][1] == 0


def test_a_catalogue_without_pictures_has_no_thumbnails() -> None:
    assert make_thumbnails(catalogue_of(["A"]), np.array([1], dtype=np.uint8), CHOICE) is None


def draw(path: Path, size: tuple[int, int], *, noise: bool = False) -> Path:
    data = os.urandom(3 * size[0] * size[1]) if noise else bytes([40, 90, 200]) * (size[0] * size[1])
    Image.frombytes("RGB", size, data).save(path)
    return path
