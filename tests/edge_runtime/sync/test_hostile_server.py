"""A server of raw bytes that tries to make a device read or write more than it requested."""

from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.errors import SyncError
from edge_runtime.sync.apply import apply, writing
from edge_runtime.sync.channel import UnsignedChannel
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.session import RetryPolicy
from edge_runtime.sync.transport import HttpTransport
from tests.edge_runtime.sync.device import LAPTOP, MANIFEST
from tests.edge_runtime.sync.raw_server import Respond, raw_server

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
RETRIES = RetryPolicy(manifest_s=5, grace_s=5, pauses_s=(0.01,), manifest_pauses_s=())
FLOOD = [b"x" * 65536] * 200

ENDLESS_BODIES = {
    "negative-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", *FLOOD),
    "negative-chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"-ffff\r\n" + b"x" * 65536] * 200),
    "huge-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", *FLOOD),
    "negative-length": (OK + b"Content-Length: -1\r\n\r\n", *FLOOD),
    "length-of-5000-digits": (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", *FLOOD),
    "no-length": (OK + b"\r\n", *FLOOD),
    "two-lengths": (OK + b"Content-Length: 10\r\nContent-Length: 99999999\r\n\r\n", *FLOOD),
    "gzip": (OK + b"Content-Encoding: gzip\r\n\r\n", *FLOOD),
    "an-unrequested-range": (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/10\r\n\r\n", *FLOOD),
}


def spoiling(shop: Path, spoilt: str, answer: Iterable[bytes]) -> Respond:
    """Respond to requests for the path ``spoilt`` with ``answer``, and correctly to all others."""
    files = {f"/v1/files/{entry.sha256}": shop / entry.name for entry in open_folder(shop).manifest.files}
    files[MANIFEST] = shop / "manifest.json"

    def respond(head: str) -> Iterable[bytes]:
        path = head.split(" ")[1]
        if path == spoilt:
            return answer
        body = files[path].read_bytes()
        return (OK + f"Content-Length: {len(body)}\r\n\r\n".encode() + body,)

    return respond


def sync_in_vain(url: str, into: Path, reason: str = ".") -> Source:
    transport = HttpTransport(url)
    source = Source(transport, retries=RETRIES)
    try:
        with pytest.raises(SyncError, match=reason), writing(into):
            apply(into, channel=UnsignedChannel(source, LAPTOP), self_test=lambda _: None)
    finally:
        transport.close()
    return source


@pytest.mark.parametrize("body", ENDLESS_BODIES.values(), ids=ENDLESS_BODIES)
def test_no_framing_of_a_file_writes_more_bytes_than_its_manifest_entry_states(
    tmp_path: Path, shop: Path, body: tuple[bytes, ...]
) -> None:
    entry = open_folder(shop).manifest.required_role("codes")

    with raw_server(spoiling(shop, f"/v1/files/{entry.sha256}", body)) as url:
        source = sync_in_vain(url, tmp_path / "device")

    parts = list((tmp_path / "device" / "incoming").glob("*.part"))
    assert sum(part.stat().st_size for part in parts) <= entry.bytes
    assert source.fetched_bytes < 500_000
    assert not (tmp_path / "device" / "current.json").exists()


@pytest.mark.parametrize("body", ENDLESS_BODIES.values(), ids=ENDLESS_BODIES)
def test_no_framing_of_a_manifest_is_read_beyond_the_size_limit(
    tmp_path: Path, shop: Path, body: tuple[bytes, ...]
) -> None:
    with raw_server(spoiling(shop, MANIFEST, body)) as url:
        source = sync_in_vain(url, tmp_path / "device")

    assert source.fetched_bytes <= (1 << 20) + 1
    assert not list((tmp_path / "device" / "slots").iterdir())


def test_a_deeply_nested_list_of_channels_is_ignored(tmp_path: Path) -> None:
    nested = b"[" * 30_000 + b"]" * 30_000
    missing = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    def respond(head: str) -> Iterable[bytes]:
        return chain([OK + b"\r\n"], [nested]) if head.startswith("GET /v1/channels ") else repeat(missing, 1)

    with raw_server(respond) as url:
        source = sync_in_vain(url, tmp_path / "device", "Check the address")

    assert source.requests == 2
