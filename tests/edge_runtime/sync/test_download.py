"""Which bytes of a download are kept, and which responses are accepted."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import CHUNK_BYTES
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import Download, ResponseHead, body_start, request_headers

DATA = b"0123456789" * 10
SMALL = describe("small.bin", "other", DATA)
BIG_DATA = bytes(range(256)) * (2 * CHUNK_BYTES // 256 + 40)
BIG = describe("big.bin", "other", BIG_DATA)


@given(st.lists(st.integers(0, len(DATA)), max_size=6))
def test_a_file_is_accepted_in_pieces_of_any_size(cuts: list[int]) -> None:
    ends = sorted({*cuts, len(DATA)})
    download = Download(SMALL)

    for start, stop in zip([0, *ends], ends, strict=False):
        download.feed(DATA[start:stop])
    download.finish()

    assert download.missing == 0


def test_a_changed_file_is_refused_at_its_end_and_none_of_it_is_verified() -> None:
    download = Download(SMALL)
    download.feed(b"x" + DATA[1:])

    with pytest.raises(BundleIntegrityError, match="sha256"):
        download.finish()

    assert download.verified == 0


def test_a_short_file_is_refused() -> None:
    download = Download(SMALL)
    download.feed(DATA[:-1])

    with pytest.raises(BundleIntegrityError, match="99 bytes"):
        download.finish()


def test_a_changed_chunk_is_refused_at_its_end_and_earlier_chunks_stay_verified() -> None:
    damaged = bytearray(BIG_DATA)
    damaged[CHUNK_BYTES + 5] ^= 1
    download = Download(BIG)
    download.feed(bytes(damaged[:CHUNK_BYTES]))

    with pytest.raises(BundleIntegrityError, match="chunk 1"):
        download.feed(bytes(damaged[CHUNK_BYTES:]))

    assert download.verified == CHUNK_BYTES


def test_a_changed_last_chunk_is_refused_and_the_others_stay_verified() -> None:
    download = Download(BIG)

    with pytest.raises(BundleIntegrityError, match="chunk 2"):
        download.feed(BIG_DATA[:-1] + b"x")

    assert download.verified == 2 * CHUNK_BYTES


def test_a_range_is_requested_only_of_the_same_file() -> None:
    assert request_headers(SMALL, 0) == {}
    assert request_headers(SMALL, 7) == {"Range": "bytes=7-", "If-Range": f'"{hashlib.sha256(DATA).hexdigest()}"'}


def head(
    status: int, content_range: str | None = None, length: str | None = None, encoding: str | None = None
) -> ResponseHead:
    return ResponseHead(status, content_range, length, encoding)


@pytest.mark.parametrize(
    ("have", "response", "start"),
    [
        (0, head(200), 0),
        (0, head(200, length="100"), 0),
        (7, head(200, length="100"), 0),
        (7, head(206, "bytes 7-99/100", "93"), 7),
        (7, head(206, "bytes 7-99/100", encoding="identity"), 7),
    ],
)
def test_a_whole_file_or_the_requested_range_is_accepted(have: int, response: ResponseHead, start: int) -> None:
    assert body_start(SMALL, have, response) == start


@pytest.mark.parametrize(
    ("have", "response", "reason"),
    [
        (0, head(200, length="99"), "'99' bytes"),
        (0, head(200, length="1" * 5000), "the server announced"),
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
        (0, head(304), "not modified"),
    ],
)
def test_a_response_that_does_not_match_the_manifest_is_refused(have: int, response: ResponseHead, reason: str) -> None:
    with pytest.raises(UpdateRefusedError, match=reason):
        body_start(SMALL, have, response)


@pytest.mark.parametrize("encoding", ["identity", "Identity", "IDENTITY "])
def test_the_encoding_identity_is_none_in_any_case(encoding: str) -> None:
    assert body_start(SMALL, 0, head(200, encoding=encoding)) == 0


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_counts_as_unreachable(status: int) -> None:
    with pytest.raises(ServerUnreachableError, match=str(status)):
        body_start(SMALL, 0, head(status))
