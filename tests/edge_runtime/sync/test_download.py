"""Which bytes of a file may be kept, and which answers can be the file."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import CHUNK_BYTES
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import Download, Head, body_start, request_headers

DATA = b"0123456789" * 10
SMALL = describe("small.bin", "other", DATA)
BIG_DATA = bytes(range(256)) * (2 * CHUNK_BYTES // 256 + 40)
BIG = describe("big.bin", "other", BIG_DATA)


@given(st.lists(st.integers(0, len(DATA)), max_size=6))
def test_a_file_is_accepted_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    ends = sorted({*cuts, len(DATA)})
    download = Download(SMALL)

    for start, stop in zip([0, *ends], ends, strict=False):
        download.feed(DATA[start:stop])
    download.finish()

    assert download.missing == 0


def test_a_changed_file_is_refused_at_its_end_and_nothing_of_it_is_good() -> None:
    download = Download(SMALL)
    download.feed(b"x" + DATA[1:])

    with pytest.raises(BundleIntegrityError, match="sha256"):
        download.finish()

    assert download.good == 0


def test_a_short_file_is_refused() -> None:
    download = Download(SMALL)
    download.feed(DATA[:-1])

    with pytest.raises(BundleIntegrityError, match="99 bytes"):
        download.finish()


def test_a_changed_piece_is_refused_at_its_end_and_the_pieces_before_it_stay_good() -> None:
    damaged = bytearray(BIG_DATA)
    damaged[CHUNK_BYTES + 5] ^= 1
    download = Download(BIG)
    download.feed(bytes(damaged[:CHUNK_BYTES]))

    with pytest.raises(BundleIntegrityError, match="piece 1"):
        download.feed(bytes(damaged[CHUNK_BYTES:]))

    assert download.good == CHUNK_BYTES


def test_a_changed_last_piece_is_refused_and_the_others_stay_good() -> None:
    download = Download(BIG)

    with pytest.raises(BundleIntegrityError, match="piece 2"):
        download.feed(BIG_DATA[:-1] + b"x")

    assert download.good == 2 * CHUNK_BYTES


def test_the_rest_is_asked_for_only_if_it_is_the_same_file() -> None:
    assert request_headers(SMALL, 0) == {}
    assert request_headers(SMALL, 7) == {"Range": "bytes=7-", "If-Range": f'"{hashlib.sha256(DATA).hexdigest()}"'}


def head(status: int, content_range: str | None = None, length: str | None = None, encoding: str | None = None) -> Head:
    return Head(status, content_range, length, encoding)


@pytest.mark.parametrize(
    ("have", "answer", "start"),
    [
        (0, head(200), 0),
        (0, head(200, length="100"), 0),
        (7, head(200, length="100"), 0),
        (7, head(206, "bytes 7-99/100", "93"), 7),
        (7, head(206, "bytes 7-99/100", encoding="identity"), 7),
    ],
)
def test_a_whole_file_or_its_rest_is_taken(have: int, answer: Head, start: int) -> None:
    assert body_start(SMALL, have, answer) == start


@pytest.mark.parametrize(
    ("have", "answer", "reason"),
    [
        (0, head(200, length="99"), "'99' bytes"),
        (0, head(200, length="1" * 5000), "bytes to send"),
        (0, head(200, encoding="gzip"), "gzip"),
        (0, head(206, "bytes 0-99/100"), "206"),
        (7, head(206), "range None"),
        (7, head(206, "bytes 8-99/100"), "bytes 8-99/100"),
        (7, head(206, "bytes 7-98/100"), "bytes 7-98/100"),
        (7, head(206, "bytes 7-99/200"), "bytes 7-99/200"),
        (7, head(206, "bytes 7-99/100", "5"), "'5' bytes"),
        (0, head(301), "redirect"),
        (0, head(404), "does not have"),
        (0, head(403), "403"),
        (0, head(304), "304"),
    ],
)
def test_an_answer_that_cannot_be_the_file_is_refused(have: int, answer: Head, reason: str) -> None:
    with pytest.raises(UpdateRefusedError, match=reason):
        body_start(SMALL, have, answer)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_later(status: int) -> None:
    with pytest.raises(ServerUnreachableError, match=str(status)):
        body_start(SMALL, 0, head(status))
