import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.train.items.tiny_catalogue import draw, encode
from train.items.colour import colour
from train.items.picture import UnreadableError, open_picture


def written(kind: str) -> bytes:
    """Return the bytes of a small picture with EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, kind, exif=exif)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return the header of a PNG with the given size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")

    assert open_picture(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_picture_is_rotated_by_its_exif_orientation(tmp_path: Path) -> None:
    sideways = Image.new("RGB", (64, 16), "white")
    sideways.paste("black", (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "sideways.jpg", exif=exif)

    upright = open_picture(tmp_path / "sideways.jpg")

    assert upright.size == (16, 64)
    pixels = np.asarray(upright)
    assert pixels[:16].max() < 50
    assert pixels[-16:].min() > 200


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK"])
def test_every_mode_is_converted_to_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.new("RGB", (5, 7), "white").convert(mode).save(path)

    picture = open_picture(path)

    assert (picture.mode, picture.size) == ("RGB", (5, 7))
    assert picture.getpixel((2, 2)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a picture", id="text"),
        pytest.param(written("JPEG")[:200], id="truncated"),
        pytest.param(written("PNG")[:200], id="truncated png"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="unsupported format"),
        pytest.param(png_header(30_000, 30_000), id="decompression bomb"),
        pytest.param(png_header(9_000, 9_000), id="larger than the limit"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)

    with pytest.raises(UnreadableError):
        open_picture(tmp_path / "broken.png")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP"]),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, kind: str, changes: list[tuple[float, int]]) -> None:
    content = bytearray(written(kind))
    for index, value in changes:
        content[int(index * len(content))] = value
    (tmp_path / "damaged").write_bytes(content)

    try:
        picture = open_picture(tmp_path / "damaged")
    except UnreadableError:
        return

    assert picture.mode == "RGB"


def test_an_unreadable_picture_gives_a_warning_and_no_vector(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"?")
    paths = [tmp_path / "broken.jpg", draw(tmp_path / "red.png", "red"), tmp_path / "missing.png"]

    with pytest.warns(UserWarning, match="left out") as warned:
        result = encode(colour(), paths)

    assert set(result) == {1}
    assert len(warned) == 2


def test_a_thousand_unreadable_pictures_give_four_warnings(tmp_path: Path) -> None:
    paths = [tmp_path / f"missing-{number}.png" for number in range(1000)]

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        result = encode(colour(), paths)

    assert result == {}
    assert len(warned) == 4
    assert "997 more" in str(warned[-1].message)
