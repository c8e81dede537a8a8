"""Names, facts, popularity and thumbnails."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.bundle.items import dump_items, read_items
from edge_runtime.errors import BudgetError
from export import items as exported_items
from export.items import MAX_TITLE, MAX_VALUE, MAX_VALUES, make_items, make_pictures, popularity
from export.target import PictureChoice
from train.data.dataset import Catalogue

CHOICE = PictureChoice(side_pixels=32, quality=50, bytes=1 << 20)


def catalogue_of(
    titles: Sequence[str],
    *,
    fields: dict[str, tuple[tuple[str, ...], ...]] | None = None,
    images: Sequence[Path | None] | None = None,
) -> Catalogue:
    n = len(titles)
    return Catalogue(
        item_ids=tuple(f"i{row}" for row in range(n)),
        titles=tuple(titles),
        fields=fields or {},
        descriptions=("A long story.",) * n,
        images=tuple(images or [None] * n),
        videos=((),) * n,
    )


def test_facts_are_what_the_catalogue_says_and_descriptions_stay_behind() -> None:
    catalogue = catalogue_of(["A", "B"], fields={"brand": (("Elm",), ()), "categories": (("x", "y"), ("y",))})

    data = dump_items(make_items(catalogue))

    items = read_items(data, 2)
    assert items.title == ["A", "B"]
    assert items.facts(0) == {"brand": ["Elm"], "categories": ["x", "y"]}
    assert items.facts(1) == {"categories": ["y"]}
    assert "story" not in repr(items)


def test_long_texts_are_cut_and_long_lists_shortened() -> None:
    many = tuple(f"value {n}" for n in range(MAX_VALUES + 5))
    catalogue = catalogue_of(["T" * 1000], fields={"cast": (many,), "brand": (("b" * 500,),)})

    items = make_items(catalogue)

    assert len(items.title[0]) == MAX_TITLE
    assert items.facts(0)["cast"] == list(many[:MAX_VALUES])
    assert len(items.facts(0)["brand"][0]) == MAX_VALUE


def test_facts_that_no_device_would_inflate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_items, "MAX_INFLATED_BYTES", 100)

    with pytest.raises(BudgetError, match="Shorten titles"):
        make_items(catalogue_of([f"A title of some length, number {n}" for n in range(10)]))


def test_popularity_is_the_formula_of_the_format() -> None:
    rows = np.array([0, 0, 0, 1, 3], dtype=np.int32)

    levels = popularity(rows, 5)

    one = round(255 * np.log(2) / np.log(4))
    assert levels.tolist() == [255, one, 0, one, 0]


def test_popularity_of_a_log_without_events_is_zero() -> None:
    assert popularity(np.zeros(0, dtype=np.int32), 3).tolist() == [0, 0, 0]


def test_thumbnails_are_small_webp_and_their_offsets_fit(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", (300, 100))
    catalogue = catalogue_of(["A", "B"], images=[None, picture])

    arrays = make_pictures(catalogue, np.array([9, 1], dtype=np.uint8), CHOICE)

    assert arrays is not None
    offset, data = arrays["offset"], arrays["data"]
    assert offset.tolist() == [0, 0, len(data)]
    (tmp_path / "thumbnail.webp").write_bytes(data.tobytes())
    with Image.open(tmp_path / "thumbnail.webp") as image:
        assert (image.format, image.size) == ("WEBP", (32, 11))


def test_popular_items_get_their_thumbnails_first(tmp_path: Path) -> None:
    pictures = [draw(tmp_path / f"{row}.png", (64, 64), noise=True) for row in range(3)]
    levels = np.array([10, 30, 20], dtype=np.uint8)
    whole = make_pictures(catalogue_of("ABC", images=pictures), levels, CHOICE)
    assert whole is not None
    room_for_two = int(whole["offset"][-1]) - 1 + 256 + 4 * 4

    arrays = make_pictures(
        catalogue_of("ABC", images=pictures), levels, PictureChoice(side_pixels=32, quality=50, bytes=room_for_two)
    )

    assert arrays is not None
    assert (np.diff(arrays["offset"].astype(np.int64)) > 0).tolist() == [False, True, True]


def test_a_file_that_is_no_picture_gives_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    catalogue = catalogue_of(["A", "B"], images=[broken, draw(tmp_path / "b.png", (40, 40))])

    arrays = make_pictures(catalogue, np.array([2, 1], dtype=np.uint8), CHOICE)

    assert arrays is not None
    assert arrays["offset"][1] == 0


def test_a_catalogue_without_pictures_gives_no_file() -> None:
    assert make_pictures(catalogue_of(["A"]), np.array([1], dtype=np.uint8), CHOICE) is None


def draw(path: Path, size: tuple[int, int], *, noise: bool = False) -> Path:
    data = os.urandom(3 * size[0] * size[1]) if noise else bytes([40, 90, 200]) * (size[0] * size[1])
    Image.frombytes("RGB", size, data).save(path)
    return path
