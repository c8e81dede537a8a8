"""Conditional and range requests (RFC 9110, sections 13 and 14), independent of I/O and of the web framework.

One byte range is supported. A request for several ranges gets the whole file, which the standard allows.
"""

import re
from dataclasses import dataclass
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


@dataclass(frozen=True, slots=True)
class FilePart:
    """Status of the response (200, 206, 304 or 416) and the bytes to send, ``start`` to ``stop`` (exclusive)."""

    status: int
    start: int = 0
    stop: int = 0


def requested_part(
    size: int, etag: str, *, if_none_match: str | None, byte_range: str | None, if_range: str | None
) -> FilePart:
    """Return the status and the bytes of the response to a GET request for a file.

    Args:
        size: size of the file in bytes.
        etag: strong entity tag of the file, including quotes.
        if_none_match: the If-None-Match header, or None; it takes precedence over a range.
        byte_range: the Range header, or None; a malformed one, or one in another unit, is ignored.
        if_range: the If-Range header, or None; a range is honoured only if it equals ``etag``. Dates never match,
            because the server sends none.
    """
    if if_none_match is not None and tag_matches(if_none_match, etag):
        return FilePart(304)
    match = _ONE_RANGE.fullmatch(byte_range.strip()) if byte_range is not None else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return FilePart(200, 0, size)
    return _part(size, *match.groups())


def tag_matches(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match header contains ``etag``, by weak comparison as RFC 9110 requires."""
    if if_none_match.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _TAG.findall(if_none_match))


def _part(size: int, first: str, last: str) -> FilePart:
    """Resolve ``first-last``, ``first-`` or ``-suffix`` for a file of ``size`` bytes."""
    if not first:
        if not last:
            return FilePart(200, 0, size)
        suffix = min(int(last), size)
        return FilePart(206, size - suffix, size) if suffix else FilePart(416)
    start = int(first)
    if last and int(last) < start:
        return FilePart(200, 0, size)
    if start >= size:
        return FilePart(416)
    return FilePart(206, start, min(int(last) + 1, size) if last else size)
