"""The static files of the web demo."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from server.app import create_app
from server.web.service import WebFiles, accepted_encodings

Client = TestClient[Litestar]
SCRIPT = b"export const answer = 42;\n" * 50


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>shelf</title>")
    (dist / "sw.js").write_text("self.addEventListener('fetch', () => {});")
    (dist / "app.webmanifest").write_text("{}")
    (dist / "assets" / "app-B1x9_Zq0.js").write_bytes(SCRIPT)
    (dist / "assets" / "app-B1x9_Zq0.js.gz").write_bytes(gzip.compress(SCRIPT))
    (dist / "assets" / "app-B1x9_Zq0.js.br").write_bytes(b"brotli, as far as anybody here can tell")
    (dist / "assets" / "ort-wasm-simd-threaded-Cq3k9aZz.wasm").write_bytes(b"\0asm")
    (dist / "assets" / "worker-Dk29xPq1.mjs").write_bytes(b"export {};")
    (dist / "assets" / "rose-sunlight.png").write_bytes(b"\x89PNG")
    (dist / ".env").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (dist / "link.txt").symlink_to(tmp_path / "secret.txt")
    return dist


@pytest.fixture
def client(dist: Path, tmp_path: Path) -> Iterator[Client]:
    with TestClient(create_app(tmp_path, dist, watch_s=3600)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/sw.js", "text/javascript; charset=utf-8"),
        ("/assets/worker-Dk29xPq1.mjs", "text/javascript; charset=utf-8"),
        ("/assets/ort-wasm-simd-threaded-Cq3k9aZz.wasm", "application/wasm"),
        ("/app.webmanifest", "application/manifest+json"),
    ],
)
def test_files_have_the_media_type_that_browsers_require(client: Client, path: str, media_type: str) -> None:
    assert client.get(path).headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/", "no-cache"),
        ("/sw.js", "no-cache"),
        ("/assets/rose-sunlight.png", "no-cache"),
        ("/assets/app-B1x9_Zq0.js", "public, max-age=31536000, immutable"),
    ],
)
def test_only_names_with_a_digest_are_immutable(client: Client, path: str, policy: str) -> None:
    assert client.get(path).headers["cache-control"] == policy


def test_the_page_is_isolated_and_connects_to_its_origin_only(client: Client) -> None:
    headers = client.get("/").headers

    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None), ("", None)],
)
def test_a_compressed_copy_is_sent_to_clients_that_accept_it(
    client: Client, accepted: str, encoding: str | None
) -> None:
    with client.stream("GET", "/assets/app-B1x9_Zq0.js", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(raw)
    assert (raw == SCRIPT) is (encoding is None)


def test_each_encoding_has_its_own_tag(client: Client) -> None:
    tags = {
        client.head("/assets/app-B1x9_Zq0.js", headers={"Accept-Encoding": name}).headers["etag"]
        for name in ("br", "gzip", "identity")
    }

    assert len(tags) == 3


def test_an_unchanged_page_gets_304(client: Client) -> None:
    etag = client.get("/").headers["etag"]

    assert client.get("/", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "path", ["/shelf", "/assets/", "/.env", "/link.txt", "/assets/app-B1x9_Zq0.js.gz", "/INDEX.html"]
)
def test_only_files_of_the_page_are_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("web", [None, Path("/nowhere/at/all")])
def test_without_a_built_page_the_server_explains_how_to_build_it(tmp_path: Path, web: Path | None) -> None:
    with TestClient(create_app(tmp_path, web)) as client:
        answer = client.get("/")

    assert answer.status_code == 200
    assert "npm run build" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_a_rebuilt_page_is_noticed(dist: Path) -> None:
    files = WebFiles(dist)
    files.refresh()
    before = files.find("")

    (dist / "index.html").write_text("<!doctype html><title>new</title>")
    files.refresh()

    after = files.find("")
    assert before is not None
    assert after is not None
    assert before.variants["identity"].etag != after.variants["identity"].etag


def test_quality_zero_refuses_an_encoding() -> None:
    assert accepted_encodings("gzip;q=0, br;q=0.001, deflate; q=0.0") == {"br"}
