"""Syncs through a proxy: which one is used, what it may see, and what it may not make a device do."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_runtime.address import parse_address
from edge_runtime.errors import ServerUnreachableError, UnprotectedError
from edge_runtime.sync import sync
from edge_runtime.sync.proxy import Proxy, parse_proxy, proxy_for
from edge_runtime.sync.receipts import read_receipts
from edge_runtime.sync.transport import HttpTransport
from tests.connect_proxy import ConnectProxy, proxying, tls_front
from tests.edge_runtime.sync.raw_server import raw_responses
from tests.live_server import POCKETREC, serving
from tests.tiny_repository import PASSPHRASE, TARGET, make_repository

NAME = "shop.example"
PASSWORD = "se:cret%"
PAIR = f"ada:{PASSWORD}"
QUOTED = "ada:se%3Acret%25"
SECRETS = (PASSWORD, QUOTED, base64.b64encode(PAIR.encode()).decode())
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Shop:
    """A server behind TLS, whose name only a proxy knows."""

    plain: str
    encrypted: str
    certificate: Path
    root: bytes


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
        made = make_repository(folder)
        made.publish()
    root = (made.path / "metadata" / "1.root.json").read_bytes()
    with serving(made.path) as server, tls_front(server.url, NAME, folder) as (url, certificate):
        yield Shop(server.url, url, certificate, root)


@pytest.fixture(autouse=True)
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(shop.certificate))


def with_credentials(proxy: ConnectProxy, pair: str = QUOTED) -> str:
    return proxy.url.replace("//", f"//{pair}@")


def test_a_sync_goes_through_the_proxy_of_the_environment_and_no_password_is_written_down(
    shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "root.json").write_bytes(shop.root)
    options = ["--into", str(tmp_path / "device"), "--target", TARGET, "--root", str(tmp_path / "root.json"), "--json"]
    with proxying(shop.encrypted, PAIR) as proxy:
        done = subprocess.run(
            [*POCKETREC, "sync", f"https://{NAME}", *options],
            capture_output=True,
            text=True,
            env=os.environ | {"HTTPS_PROXY": with_credentials(proxy)},
            timeout=60,
        )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "installed"
    assert set(proxy.requests) == {f"CONNECT {NAME}:443 HTTP/1.1"}
    receipt = "".join(read_receipts(tmp_path / "device")[0].requests)
    assert f"CONNECT {NAME}:443" in receipt
    assert "GET /v1/metadata/timestamp.json" in receipt
    everything = [done.stdout, done.stderr, receipt]
    everything += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [secret for secret in SECRETS for text in everything if secret in text]


def test_plain_http_is_handed_to_the_proxy_with_the_whole_address(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(shop.plain, PAIR) as proxy:
        monkeypatch.setenv("http_proxy", with_credentials(proxy))
        report = sync(f"http://{NAME}:8080/", tmp_path / "device", target=TARGET, root=shop.root)

    assert report.status == "installed"
    assert proxy.requests[0].startswith(f"GET http://{NAME}:8080/v1/")
    receipt = "".join(read_receipts(tmp_path / "device")[0].requests)
    assert "Proxy-Authorization: ***" in receipt
    assert not [secret for secret in SECRETS if secret in receipt]


@pytest.mark.parametrize(("pair", "found"), [("ada:wrong", "does not accept"), ("", "asks for a user name")])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_another_password_is_named_without_it(
    shop: Shop, tmp_path: Path, pair: str, found: str, scheme: str
) -> None:
    with proxying(shop.plain, PAIR) as proxy:
        given = with_credentials(proxy, pair) if pair else proxy.url
        with pytest.raises(ServerUnreachableError, match=found) as refused:
            sync(f"{scheme}://{NAME}", tmp_path / "device", target=TARGET, root=shop.root, proxy=given)

    assert proxy.url in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_the_certificate_is_checked_through_a_proxy(shop: Shop, tmp_path: Path) -> None:
    with proxying(shop.encrypted) as proxy, pytest.raises(ServerUnreachableError, match="certificate is not valid"):
        sync("https://other.example", tmp_path / "device", target=TARGET, root=shop.root, proxy=proxy.url)


def test_none_switches_the_proxy_of_the_environment_off(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(shop.encrypted) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(ServerUnreachableError):
            sync(f"https://{NAME}", tmp_path / "device", target=TARGET, root=shop.root, proxy="none")

    assert proxy.requests == []


def test_a_proxy_that_is_not_there_is_named(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachableError, match=r"proxy http://127.0.0.1:9 cannot be reached"):
        sync(f"https://{NAME}", tmp_path / "device", target=TARGET, root=shop.root, proxy="http://127.0.0.1:9")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nmore than the tunnel",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9999,
    ],
)
def test_what_a_proxy_answers_is_bounded_and_checked(answer: bytes) -> None:
    with raw_responses(answer) as url:
        transport = HttpTransport(f"https://{NAME}", proxy=url)
        with pytest.raises(ServerUnreachableError, match="did not answer as HTTP requires"):
            get(transport)


def test_a_proxy_that_is_silent_times_out() -> None:
    with raw_responses(b"", pause_s=3.0) as url:
        transport = HttpTransport(f"https://{NAME}", proxy=url, idle_s=0.2)
        with pytest.raises(ServerUnreachableError, match="no response in time"):
            get(transport)


def get(transport: HttpTransport) -> None:
    try:
        with transport.get("/x", {}, within_s=3.0):
            pass
    finally:
        transport.close()


def test_plain_http_to_this_machine_is_not_protected_if_a_proxy_sees_it() -> None:
    assert HttpTransport("http://localhost:1").is_protected
    with pytest.raises(UnprotectedError):
        HttpTransport("http://localhost:1", proxy="http://proxy.example:3128")


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://a.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example", {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "http://p:1"),
        ("https://a.example", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://a.example", {"HTTP_PROXY": "p"}, "http://p:80"),
        ("https://a.example", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example", {"HTTPS_PROXY": ""}, None),
        ("https://127.0.0.1:8000", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example, a.example"}, None),
        ("https://x.a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.example"}, None),
        ("https://x.a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example"}, None),
        ("https://xa.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example"}, "http://p:1"),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://a.example:8443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:8443"}, None),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:8443"}, "http://p:1"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "2001:db8::/32"}, None),
        ("https://a.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ""}, "http://p:1"),
    ],
)
def test_the_environment_names_the_proxy_as_for_other_programs(
    url: str, environ: dict[str, str], expected: str | None
) -> None:
    found = proxy_for(parse_address(url), None, environ)

    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    "text", ["socks5://u:secret@p:1", "http://u:secret@", "http://u:secret@p:x", "http://u:secret@p/x"]
)
def test_an_address_that_is_no_proxy_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        parse_proxy(text, "HTTPS_PROXY")

    assert "secret" not in str(refused.value)
    assert str(refused.value).startswith("HTTPS_PROXY: ")


def test_a_proxy_shows_no_password() -> None:
    proxy = parse_proxy(f"http://{QUOTED}@proxy.example:3128", "x")

    assert proxy == Proxy("proxy.example", 3128, f"Basic {SECRETS[2]}")
    assert not [secret for secret in SECRETS for text in (repr(proxy), str(proxy)) if secret in text]
