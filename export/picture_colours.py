"""Adds the colours that pictures show to the facts of a catalogue that states none."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from edge_runtime.bundle.manifest import SHOP
from export.parts import PartCache, digest_of
from train.data.dataset import Catalogue
from train.items.colour_names import picture_colour

STATED: Final = ("colour", "color", "colours", "colors")
OF_PICTURES: Final = "picture_colour"
# Where fewer pictures have one clear colour, it says little about the items.
_LEAST_SHARE: Final = 0.05

Names = Sequence[str | None]


def colour_field(catalogue: Catalogue, kind: str) -> str | None:
    """Return the field in which the colours of a catalogue's pictures are facts; None if they are not needed.

    A picture of a product shows the product: the field is ``colour``. That of a video or an article is a picture only.
    """
    if not any(catalogue.images) or any(name in catalogue.fields for name in STATED):
        return None
    return STATED[0] if kind == SHOP else OF_PICTURES


def with_picture_colours(catalogue: Catalogue, field: str | None, names: Names) -> Catalogue:
    """Return the catalogue with a colour for each item that has a name; as it is if too few have one, or no field."""
    n_pictures = sum(image is not None for image in catalogue.images)
    if field is None or field in catalogue.fields or sum(map(bool, names)) < _LEAST_SHARE * max(n_pictures, 1):
        return catalogue
    values = tuple(() if name is None else (name,) for name in names)
    return replace(catalogue, fields={**catalogue.fields, field: values})


def picture_colours(images: Sequence[Path | None]) -> list[str | None]:
    """Return the colour of each picture; None where there is no picture, or no single clear colour."""
    return [None if image is None else picture_colour(image) for image in images]


def cached_picture_colours(images: Sequence[Path | None], parts: PartCache) -> Names:
    """Return :func:`picture_colours`, from the cache if the files are the same."""
    files = [path and (str(path), (found := path.stat()).st_size, found.st_mtime_ns) for path in images]
    inputs = {"images": digest_of(repr(files).encode())}
    data = parts.get("colours.json", inputs, lambda: msgspec.json.encode(picture_colours(images)))
    return msgspec.json.decode(data, type=list[str | None])
