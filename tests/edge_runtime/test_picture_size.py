"""Sizes of pictures, read from their first bytes."""

from io import BytesIO

import pytest
from PIL import Image

from edge_runtime.bundle.picture_size import picture_size


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"exif": b"Exif\0\0" + bytes(300), "comment": b"a comment"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0" + bytes(20)}),
    ],
)
def test_the_size_is_read_from_the_head(kind: str, options: dict[str, object]) -> None:
    file = BytesIO()
    Image.new("RGB", (321, 123), (200, 90, 40)).save(file, kind, **options)

    assert picture_size(file.getvalue()) == (321, 123)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_types_have_no_size(kind: str) -> None:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind)

    assert picture_size(file.getvalue()) is None
