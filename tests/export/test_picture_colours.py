"""The colours that pictures show become facts of a catalogue that states none."""

from pathlib import Path

import pytest
from PIL import Image

from export.parts import PartCache
from export.picture_colours import cached_picture_colours, colour_field, with_picture_colours
from train.data.dataset import Catalogue


def catalogue_of(images: tuple[Path | None, ...], **fields: tuple[tuple[str, ...], ...]) -> Catalogue:
    """Return a catalogue with these pictures and fields."""
    ids = tuple(f"i{number}" for number in range(len(images)))
    return Catalogue(ids, ids, fields, (None,) * len(ids), images, ((),) * len(ids))


PICTURES = (Path("a.png"), Path("b.png"), None)


@pytest.mark.parametrize(("kind", "field"), [("shop", "colour"), ("video", "picture_colour"), ("x", "picture_colour")])
def test_only_the_picture_of_a_product_shows_the_colour_of_the_item(kind: str, field: str) -> None:
    assert colour_field(catalogue_of(PICTURES), kind) == field


@pytest.mark.parametrize("stated", ["colour", "color"])
def test_a_stated_colour_is_enough(stated: str) -> None:
    assert colour_field(catalogue_of(PICTURES, **{stated: (("green",), (), ())}), "shop") is None


def test_a_catalogue_without_pictures_gets_no_field() -> None:
    assert colour_field(catalogue_of((None, None, None)), "shop") is None


def test_items_without_a_clear_colour_have_no_value() -> None:
    found = with_picture_colours(catalogue_of(PICTURES), "colour", ["green", None, None])

    assert found.fields["colour"] == (("green",), (), ())


def test_a_catalogue_stays_as_it_is_where_hardly_a_picture_has_a_clear_colour() -> None:
    catalogue = catalogue_of((Path("a.png"),) * 100)

    assert with_picture_colours(catalogue, "colour", ["green"] + [None] * 99) is catalogue


def test_a_changed_picture_is_looked_at_again(tmp_path: Path) -> None:
    picture, parts = tmp_path / "a.png", PartCache(tmp_path / "parts")
    Image.new("RGB", (8, 8), (200, 30, 30)).save(picture)
    first = cached_picture_colours([picture, None], parts)
    again = cached_picture_colours([picture, None], parts)
    Image.new("RGB", (16, 16), (30, 60, 150)).save(picture)

    assert first == again == ["red", None]
    assert cached_picture_colours([picture, None], parts) == ["blue", None]
