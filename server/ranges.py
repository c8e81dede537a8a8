"""Which part of a file a request asks for, by RFC 9110 sections 13 and 14. Text in, numbers out: no IO, no framework.

Only what a download needs: one byte range. Several ranges in one request are answered with the whole file, which
the standard allows and every client must expect.
"""

import re
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to send: status 200, 206, 304 or 416, and the bytes ``start`` up to ``stop``."""

    status: int
    start: int = 0
    stop: int = 0


def wanted_part(
    size: int, etag: str, *, if_none_match: str | None, byte_range: str | None, if_range: str | None
) -> Wanted:
    """Decide how to answer a GET for a file of ``size`` bytes with the strong tag ``etag``.

    Args:
        size: of the file.
        etag: its tag, quotes included.
        if_none_match: that header, if it was sent; it goes before any range.
        byte_range: the Range header. One that is malformed or in another unit counts as absent.
        if_range: that header. A range holds only if it is exactly ``etag``; dates never match, we send none.
    """
    if if_none_match is not None and tag_matches(if_none_match, etag):
        return Wanted(304)
    match = _ONE_RANGE.fullmatch(byte_range.strip()) if byte_range is not None else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return Wanted(200, 0, size)
    return _part(size, *match.groups())


def tag_matches(if_none_match: str, etag: str) -> bool:
    """Say whether ``etag`` is in an If-None-Match header, by the weak comparison that the standard asks for."""
    if if_none_match.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _TAG.findall(if_none_match))


def _part(size: int, first: str, last: str) -> Wanted:
    """Resolve ``first-last``, ``first-`` or ``-suffix`` against the size."""
    if not first:
        if not last:
            return Wanted(200, 0, size)
        suffix = min(int(last), size)
        return Wanted(206, size - suffix, size) if suffix else Wanted(416)
    start = int(first)
    if last and int(last) < start:
        return Wanted(200, 0, size)
    if start >= size:
        return Wanted(416)
    return Wanted(206, start, min(int(last) + 1, size) if last else size)
