"""Invalid pictures: types that are not allowed, and sizes that would exhaust the memory of a page."""

from collections.abc import Callable

import numpy as np

from tests.attacks.draft import Attack, Draft
from tests.tiny_bundle import tiny_png

_EXIF = b"\xff\xe1\x00\x06Exif"


def pictures() -> dict[str, Attack]:
    def last(picture: bytes) -> Attack:
        return _last_picture(lambda _: picture)

    return {
        "pictures/png-wide": last(_png(1025, 1)),
        "pictures/png-high": last(_png(1, 1025)),
        "pictures/png-of-gigapixels": last(_png(1 << 31, 1 << 31)),
        "pictures/png-without-pixels": last(_png(0, 8)),
        "pictures/png-cut-in-its-size": last(_png(8, 8)[:23]),
        "pictures/png-with-another-chunk-first": last(b"\x89PNG\r\n\x1a\n\0\0\0\x01tEXt." + _png(8, 8)[8:]),
        "pictures/jpeg-wide": last(_jpeg(1025, 8)),
        "pictures/jpeg-high": last(_jpeg(8, 1025)),
        "pictures/jpeg-progressive-wide": last(_jpeg(1025, 8, marker=0xC2)),
        "pictures/jpeg-wide-behind-exif": last(_jpeg(1025, 8, before=_EXIF)),
        "pictures/jpeg-without-height": last(_jpeg(8, 0)),
        "pictures/jpeg-without-size": last(b"\xff\xd8\xff\xd9" + bytes(20)),
        "pictures/jpeg-with-a-hidden-size": last(_jpeg(8, 8, before=b"\xff\x01\xff\xc0\x00\x0b\x08\xff\xff\xff\xff")),
        "pictures/jpeg-with-bytes-between": last(_jpeg(8, 8, before=b"\x00")),
        "pictures/jpeg-of-an-empty-segment": last(_jpeg(8, 8, before=b"\xff\xe1\x00\x00")),
        "pictures/webp-lossy-wide": last(_webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + _little(1025, 2) + _little(8, 2))),
        "pictures/webp-lossy-without-code": last(_webp(b"VP8 ", b"\0\0\0\0\0\0" + _little(8, 2) + _little(8, 2))),
        "pictures/webp-lossless-high": last(_webp(b"VP8L", b"\x2f" + _little(7 | 1024 << 14, 4) + bytes(5))),
        "pictures/webp-extended-wide": last(_webp(b"VP8X", bytes(4) + _little(1 << 16, 3) + _little(7, 3))),
        "pictures/webp-extended-high": last(_webp(b"VP8X", bytes(4) + _little(7, 3) + _little(1 << 16, 3))),
        "pictures/webp-of-another-chunk": last(_webp(b"ALPH", bytes(10))),
        "pictures/gif": last(b"GIF89a\x08\0\x08\0" + bytes(20)),
        "pictures/svg": last(b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        "pictures/of-one-byte": last(b"\xff"),
        "pictures/of-too-many-bytes": _last_picture(lambda picture: picture + bytes((256 << 10) + 1 - len(picture))),
    }


def _last_picture(change: Callable[[bytes], bytes]) -> Attack:
    """Return an attack that changes the picture of the last item that has one."""

    def attack(draft: Draft) -> None:
        arrays = draft.arrays("pictures.safetensors")
        offset, data = arrays["offset"].copy(), arrays["data"].tobytes()
        start = int(offset[offset < offset[-1]][-1])
        data = data[:start] + change(data[start:])
        offset[offset > start] = len(data)
        draft.replace_arrays("pictures.safetensors", offset=offset, data=np.frombuffer(data, dtype=np.uint8))

    return attack


def _png(width: int, height: int) -> bytes:
    whole = tiny_png((1, 2, 3))
    return whole[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + whole[24:]


def _jpeg(width: int, height: int, *, marker: int = 0xC0, before: bytes = b"") -> bytes:
    frame = bytes((0xFF, marker, 0, 11, 8)) + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8" + (before or b"\xff\xe0\x00\x04JF") + frame + bytes(16)


def _webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + _little(12 + len(body), 4) + b"WEBP" + kind + _little(len(body), 4) + body


def _little(value: int, n_bytes: int) -> bytes:
    return value.to_bytes(n_bytes, "little")
