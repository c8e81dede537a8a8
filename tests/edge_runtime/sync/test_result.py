"""With its user's consent a device says whether it took or refused a release, and nothing else."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_runtime.cli import application
from edge_runtime.errors import EngineError, SelfTestError
from edge_runtime.sync import opening
from edge_runtime.sync.opening import sync
from edge_runtime.sync.transport import HttpTransport
from tests.edge_runtime.sync.raw_server import raw_server
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop
from tests.live_server import serving


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    shop = SignedShop(tmp_path / "shop")
    shop.renew()
    return shop


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Return the messages that syncs send, which the server accepts."""
    messages: list[tuple[str, object]] = []

    def post(_: HttpTransport, path: str, body: bytes, *, within_s: float) -> int:
        assert within_s > 0
        messages.append((path, json.loads(body)))
        return 204

    monkeypatch.setattr(HttpTransport, "post", post)
    return messages


def test_a_release_that_was_taken_is_told_once(
    shop: SignedShop, tmp_path: Path, posted: list[tuple[str, object]]
) -> None:
    manifest = shop.release(1)
    with serving(shop.folder) as server:
        told = [sync(server.url, tmp_path / "device", target=LAPTOP, tell=True).told for _ in range(2)]
    assert told == [("taken",), ()]
    assert posted == [("/v1/receipts", {"target": LAPTOP, "manifest": manifest, "refused": False})]


def test_a_release_whose_self_test_fails_is_told_as_refused_once(
    shop: SignedShop, tmp_path: Path, posted: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> None:
        raise SelfTestError("no engine passes")

    monkeypatch.setattr(opening, "self_test", fails)
    manifest = shop.release(1)
    notes = list[list[str]]()
    with serving(shop.folder) as server:
        for _ in range(3):
            with pytest.raises(EngineError) as caught:
                sync(server.url, tmp_path / "device", target=LAPTOP, tell=True)
            notes.append(getattr(caught.value, "__notes__", []))
    assert ["has refused the new release" in " ".join(lines) for lines in notes] == [True, False, False]
    assert posted == [("/v1/receipts", {"target": LAPTOP, "manifest": manifest, "refused": True})]


def test_nothing_is_told_without_consent(shop: SignedShop, tmp_path: Path, posted: list[tuple[str, object]]) -> None:
    shop.release(1)
    with serving(shop.folder) as server:
        sync(server.url, tmp_path / "device", target=LAPTOP)
    assert posted == []


def test_a_server_that_does_not_want_to_know_changes_nothing_but_a_note(
    shop: SignedShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpTransport, "post", lambda *_, **__: 404)
    shop.release(1)
    with serving(shop.folder) as server:
        report = sync(server.url, tmp_path / "device", target=LAPTOP, tell=True)
    assert report.status == "installed"
    assert report.notes[-1] == "the server was not told of the result (status 404)"


def test_the_command_says_what_was_told(shop: SignedShop, tmp_path: Path, posted: list[tuple[str, object]]) -> None:
    shop.release(1)
    with serving(shop.folder) as server:
        words = ["sync", server.url, "--into", str(tmp_path / "device"), "--target", LAPTOP, "--insecure", "--tell"]
        first, again = (CliRunner().invoke(application(), words) for _ in range(2))
    assert (first.exit_code, again.exit_code, len(posted)) == (0, 0, 1)
    assert "Told the server that a device has taken the new release" in first.stdout
    assert "Told the server nothing: this device has no new result." in again.stdout


@pytest.mark.parametrize("status", [204, 404, 500])
def test_a_message_gets_its_status_and_is_kept(status: int) -> None:
    heads: list[str] = []

    def respond(head: str) -> Iterable[bytes]:
        heads.append(head)
        return (f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode(),)

    with raw_server(respond) as url:
        transport = HttpTransport(url)
        assert transport.post("/v1/receipts", b'{"refused":true}', within_s=5) == status
        transport.close()
    assert heads[0].startswith("POST /v1/receipts HTTP/1.1")
    assert b"".join(transport.sent).endswith(b'{"refused":true}')
    assert "cookie" not in heads[0].lower()
