"""Status, headers and bodies of the application's responses."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from server.app import AppOptions, application, create_app
from server.releases.service import ReleaseStore
from server.web.service import WebFiles
from tests.tiny_bundle import make_tiny_bundle

Client = TestClient[Litestar]
LAPTOP = "laptop-x86_64"
MANIFEST = f"/v1/channels/{LAPTOP}/manifest.json"
BIG = bytes(range(256)) * 4096  # four pieces of a stream


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "bundles"
    make_tiny_bundle(root / LAPTOP, extra={"big.bin": ("other", BIG)})
    return root


@pytest.fixture
def client(root: Path) -> Iterator[Client]:
    with TestClient(create_app(root, None, watch_s=3600)) as client:
        yield client


@pytest.fixture
def big() -> str:
    return f"/v1/files/{hashlib.sha256(BIG).hexdigest()}"


def test_the_manifest_is_served_byte_for_byte(client: Client, root: Path) -> None:
    answer = client.get(MANIFEST)

    assert answer.content == (root / LAPTOP / "manifest.json").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


def test_an_unchanged_manifest_gets_304_and_no_body(client: Client) -> None:
    path = MANIFEST
    etag = client.get(path).headers["etag"]

    answer = client.get(path, headers={"If-None-Match": etag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == etag


def test_the_list_of_channels_names_release_and_size(client: Client) -> None:
    (offer,) = client.get("/v1/channels").json()

    assert offer["target"] == LAPTOP
    assert offer["release"] == 1
    assert offer["bytes"] > len(BIG)


def test_a_whole_file_is_served_as_immutable(client: Client, big: str) -> None:
    answer = client.get(big)

    assert answer.content == BIG
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["etag"] == f'"{big.rpartition("/")[2]}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(BIG))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("0-9", 0, 10), ("1000000-", 1_000_000, None), ("-7", -7, None), ("0-99999999", 0, None)],
)
def test_a_range_has_a_content_range_header(client: Client, big: str, asked: str, start: int, stop: int | None) -> None:
    answer = client.get(big, headers={"Range": f"bytes={asked}"})

    assert answer.status_code == 206
    assert answer.content == BIG[start:stop]
    first = start % len(BIG)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(BIG)}"


def test_a_range_beyond_the_file_is_refused_with_its_size(client: Client, big: str) -> None:
    answer = client.get(big, headers={"Range": f"bytes={len(BIG)}-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(BIG)}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_a_range_of_another_version_gets_the_whole_file(client: Client, big: str) -> None:
    answer = client.get(big, headers={"Range": "bytes=5-", "If-Range": '"other"'})

    assert answer.status_code == 200
    assert answer.content == BIG


def test_a_cached_file_is_not_sent_again(client: Client, big: str) -> None:
    etag = client.get(big).headers["etag"]

    answer = client.get(big, headers={"If-None-Match": etag, "Range": "bytes=0-1"})

    assert answer.status_code == 304
    assert answer.content == b""
    assert "content-length" not in answer.headers
    assert "immutable" in answer.headers["cache-control"]


def test_head_returns_the_size_and_ignores_a_range(client: Client, big: str) -> None:
    answer = client.head(big, headers={"Range": "bytes=0-1"})

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(BIG))
    manifest = client.head(f"/v1/channels/{LAPTOP}/manifest.json")
    assert int(manifest.headers["content-length"]) > 1000
    assert manifest.headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/" + "0" * 64,
        "/v1/files/manifest.json",
        "/v1/channels/phone/manifest.json",
        "/v1/nothing",
        "/nothing.js",
        "/v1/files/..%2f..%2fsecret",
        "/%2e%2e/secret",
        "/..%5csecret",
        "/v1/channels/..%2f/manifest.json",
        "/%2fsecret",
    ],
)
def test_missing_files_are_404_and_never_read_from_a_path(client: Client, root: Path, path: str) -> None:
    (root.parent / "secret").write_text("secret")

    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404
    assert answer.json()["detail"]


def test_other_methods_are_refused_with_the_allowed_ones(client: Client) -> None:
    answer = client.post("/v1/channels")

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["title"] == "Method Not Allowed"


def test_the_404_for_a_missing_target_lists_the_available_ones(client: Client) -> None:
    assert LAPTOP in client.get("/v1/channels/phone/manifest.json").json()["detail"]


def test_no_response_sets_a_cookie_or_allows_sniffing(client: Client, big: str) -> None:
    for path in (f"/v1/channels/{LAPTOP}/manifest.json", "/v1/channels", big, "/", "/healthz", "/nothing"):
        headers = client.get(path).headers
        assert "set-cookie" not in headers, path
        assert headers["x-content-type-options"] == "nosniff", path


def test_health_names_the_refused_folder(root: Path) -> None:
    make_tiny_bundle(root / "phone", target="phone")
    (root / "phone" / "items.json.z").write_bytes(b"short")

    with TestClient(create_app(root, None, watch_s=3600)) as client:
        health = client.get("/healthz").json()
        offered = [offer["target"] for offer in client.get("/v1/channels").json()]

    assert health["status"] == "degraded"
    assert "phone/items.json.z" in health["problems"]["phone"]
    assert offered == [LAPTOP]


def test_a_modified_file_is_not_served(client: Client, root: Path, big: str) -> None:
    (root / LAPTOP / "big.bin").write_bytes(BIG[:-1])

    assert client.get(big).status_code == 503


def test_a_new_release_is_offered_without_a_restart(root: Path) -> None:
    with TestClient(create_app(root, None, watch_s=0.01)) as client:
        make_tiny_bundle(root / LAPTOP, seed=1, release=2)
        releases = [client.get("/v1/channels").json()[0]["release"] for _ in range(300)]

    assert releases[-1] == 2


def test_head_is_supported_wherever_get_is(client: Client, big: str) -> None:
    known = {"/v1/files/{sha256:str}": big, "/v1/channels/{target:str}/manifest.json": MANIFEST, "/{path:path}": "/"}
    for route in client.app.routes:
        if route.path.startswith("/schema"):  # the framework's own route
            continue
        path = known.get(route.path, route.path)
        got, head = client.get(path), client.head(path)
        is_signed = route.path.startswith(("/v1/metadata/", "/v1/targets/"))
        assert (path, head.status_code) == (path, 404 if is_signed else 200)
        if path != "/metrics":  # which counts its own requests
            assert (path, dict(head.headers)) == (path, dict(got.headers))


def test_a_failing_refresh_is_logged_once_and_later_ones_find_the_new_release(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Moody(ReleaseStore):
        looks = 0

        def refresh(self) -> None:
            self.looks += 1
            if 1 < self.looks < 6:
                raise ValueError("nobody foresaw this")
            super().refresh()

    store = Moody(root)
    with TestClient(application(store, WebFiles(None), None, AppOptions(watch_s=0.001))) as client:
        make_tiny_bundle(root / LAPTOP, seed=1, release=2)
        releases = [client.get("/v1/channels").json()[0]["release"] for _ in range(300)]

    assert releases[-1] == 2
    assert caplog.text.count("could not look for changes: ValueError: nobody foresaw this") == 1


def test_an_internal_error_reveals_nothing_about_the_request(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.releases.routes._newest", lambda *_: 1 / 0)
    error_client = TestClient(client.app, raise_server_exceptions=False)

    answer = error_client.get(f"/v1/channels/{LAPTOP}/manifest.json", headers={"X-Person": "somebody"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ZeroDivisionError" in caplog.text
    assert "somebody" not in caplog.text
