"""A real server process with signed releases: receipts, halting, several at once."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from server.releases.repository import RepositoryStore
from server.repository.publish import Rollout, publish
from tests.live_server import LiveServer, serving
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository

WAIT_S = 20.0


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRepository:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    made = make_repository(tmp_path)
    made.bundle()
    publish(made.path, made.bundles, made.ring(), rollout=Rollout(24.0, (0.01, 0.1, 1.0), 0.02))
    return made


def manifest_of(signed: TinyRepository) -> str:
    store = RepositoryStore(signed.path)
    store.refresh()
    return store.view.channels[TARGET].sha256


def tell(server: LiveServer, manifest: str, *, refused: bool) -> int:
    body = json.dumps({"target": TARGET, "manifest": manifest, "refused": refused}).encode()
    request = urllib.request.Request(f"{server.url}/v1/receipts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def read(server: LiveServer, path: str) -> str:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def wait_until(server: LiveServer, path: str, text: str) -> str:
    end = time.monotonic() + WAIT_S
    while text not in (found := read(server, path)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def test_a_server_with_keys_halts_a_rollout_that_devices_refuse(signed: TinyRepository, tmp_path: Path) -> None:
    keys = signed.ring("rollout", "snapshot", "timestamp").folders[0]
    client = signed.client(tmp_path / "client")
    manifest = manifest_of(signed)
    with serving(signed.path, "--keys", str(keys)) as server:
        assert [tell(server, manifest, refused=refused) for refused in [False] * 8 + [True] * 4] == [204] * 12
        wait_until(server, "/metrics", 'stage="halted",')
        code, output = server.stop()

    assert code == 0
    assert "halted release 1" in output
    assert b'"halted":true' in (client.document(f"rollout/{TARGET}.json") or b"")


def test_a_server_without_keys_says_what_to_do(signed: TinyRepository) -> None:
    manifest = manifest_of(signed)
    with serving(signed.path) as server:
        for _ in range(12):
            tell(server, manifest, refused=True)
        health = wait_until(server, "/healthz", "--halt")
        assert 'stage="halted: needs keys",' in read(server, "/metrics")
        code, output = server.stop()

    assert json.loads(health)["status"] == "degraded"
    assert "pocketrec release promote" in output
    assert code == 0
