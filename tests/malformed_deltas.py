"""Malformed delta packs: both runtimes refuse them (`tests/golden/deltas.json`)."""

import zlib
from collections.abc import Iterator

from edge_runtime.bundle.delta.cursor import dump_numbers
from edge_runtime.bundle.delta.edits import MAX_EDITS
from edge_runtime.bundle.delta.pack import ARRAYS, MAGIC, OCTETS, Delta, dump_pack

OLD, NEW = bytes(range(20)), bytes(range(1, 21))
NAME = "codes.safetensors"
FULL, ROWS, NIBBLES, SUB = (bytes([code]) for code in range(4))


def deflate(payload: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(payload) + deflater.flush()


def delta(payload: bytes, kind: int = OCTETS, *, n_bytes: int | None = None, after: bytes = b"") -> Delta:
    return Delta(kind, len(payload) if n_bytes is None else n_bytes, deflate(payload) + after)


def edits(*numbers: int, values: bytes = b"") -> bytes:
    return dump_numbers(*numbers) + values


def malformed() -> Iterator[tuple[str, str, bytes]]:
    """Yield the name, a part of the message, and a pack that claims to make ``NEW`` from ``OLD``."""
    good = dump_pack({NAME: delta(FULL + NEW)})
    table = MAGIC + dump_numbers(1, len(NAME)) + NAME.encode()
    yield "empty", "found 0 bytes", b""
    yield "another-magic", "at the start", b"PRDELTA2" + good[8:]
    yield "cut-in-the-table", "bytes", good[:12]
    yield "cut-in-the-stream", "bytes", good[:-1]
    yield "bytes-behind", "after the end", good + b"x"
    yield "more-files-than-the-manifest", "found 99 files", MAGIC + dump_numbers(99)
    yield "unknown-file", "evil", dump_pack({"evil": delta(FULL)})
    yield "name-not-ascii", "found the file", MAGIC + dump_numbers(1, 2) + "é".encode()
    yield "name-of-terabytes", "expected 1,099", MAGIC + dump_numbers(1, 1 << 40)
    yield "number-of-eight-bytes", "more than 7 bytes", MAGIC + b"\xff" * 8 + b"\1"
    yield "unknown-kind", "kind 2", table + dump_numbers(2, 21, 5) + bytes(5)
    yield "stream-longer-than-the-pack", "bytes", table + dump_numbers(0, 21, 1 << 40)
    yield "delta-larger-than-the-file-allows", "at most 104", dump_pack({NAME: delta(FULL, n_bytes=105)})
    yield "no-deflate-stream", "no deflate stream", dump_pack({NAME: Delta(OCTETS, 21, b"\xff\xff")})
    yield "inflates-to-more", "expected 20", dump_pack({NAME: delta(FULL + NEW, n_bytes=20)})
    yield "inflates-to-less", "expected 22", dump_pack({NAME: delta(FULL + NEW, n_bytes=22)})
    yield "bomb", "expected 104", dump_pack({NAME: delta(bytes(1 << 20), n_bytes=104)})
    yield "stream-without-end", "expected 21", dump_pack({NAME: Delta(OCTETS, 21, deflate(FULL + NEW)[:-1])})
    yield "bytes-behind-the-stream", "expected 21", dump_pack({NAME: delta(FULL + NEW, after=b"x")})
    for name, (problem, payload) in _payloads().items():
        yield name, problem, dump_pack({NAME: delta(payload)})
    for name, (problem, payload) in _array_payloads().items():
        yield name, problem, dump_pack({NAME: delta(payload, ARRAYS)})


def _payloads() -> dict[str, tuple[str, bytes]]:
    return {
        "nothing": ("expected 1 more", b""),
        "unknown-operation": ("operation 4", b"\4"),
        "other-bytes": ("after the changes", FULL + OLD),
        "too-few-bytes": ("expected 20 more", FULL + NEW[1:]),
        "bytes-after-the-change": ("1 bytes after the end", FULL + NEW + b"x"),
        "more-edits-than-allowed": (f"at most {MAX_EDITS:,}", ROWS + dump_numbers(MAX_EDITS + 1)),
        "more-edits-than-bytes": ("found 0 bytes", ROWS + dump_numbers(1000)),
        "edits-beyond-the-older-file": ("at most 20 rows", ROWS + edits(1, 20, 1, 1, values=b"x")),
        "edits-of-terabytes": ("more rows", ROWS + edits(1, 0, 0, 1 << 40)),
        "edits-that-lead-to-another-size": ("lead to 20", ROWS + edits(1, 3, 1, 2, values=b"xx")),
        "two-edits-at-one-row": ("the same row", ROWS + edits(2, 3, 0, 1, 1, 1, 1, values=b"xx")),
        "values-missing": ("expected 2 more", ROWS + edits(1, 3, 2, 2, values=b"x")),
        "half-byte-of-more": ("at most 15", NIBBLES + edits(1, 0, 1, 1, values=b"\x10")),
        "differences-too-short": ("expected 20 more", SUB + bytes(19)),
    }


def _array_payloads() -> dict[str, tuple[str, bytes]]:
    def stated(header: bytes) -> bytes:
        return dump_numbers(len(header)) + header

    wide = b'{"a":{"dtype":"U8","shape":[12],"data_offsets":[0,12]}}'
    return {
        "no-header": ("header", stated(b"")),
        "header-not-json": ("header", stated(b"{")),
        "header-longer-than-the-file": ("header length", stated(wide)),
        "header-of-terabytes": ("expected 1,099", dump_numbers(1 << 40)),
        "tensor-not-described": ("header", stated(b'{"a":1}')),
    }
