"""A real server process with signed releases: receipts, halting, several at once."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from server.releases.repository import RepositoryStore
from server.repository.publish import Rollout, publish
from tests.live_server import POCKETREC, LiveServer, serving
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


def test_several_workers_share_port_counters_and_metrics(signed: TinyRepository) -> None:
    manifest = manifest_of(signed)
    with serving(signed.path, "--workers", "3") as server:
        for _ in range(12):
            tell(server, manifest, refused=True)
        wait_until(server, "/healthz", "--halt")  # whichever worker answers
        found = wait_until(server, "/metrics", 'pocketrec_receipts_total{result="counted"} 12.0')
        code, output = server.stop()

    assert code == 0
    assert "pocketrec_releases_on_offer 1.0" in found
    assert "Traceback" not in output


def workers_of(server: LiveServer) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_a_worker_that_dies_is_replaced(signed: TinyRepository) -> None:
    with serving(signed.path, "--workers", "2") as server:
        before = workers_of(server)
        os.kill(before[0], signal.SIGKILL)
        end = time.monotonic() + WAIT_S
        while len(now := workers_of(server)) < 2 or before[0] in now:
            assert time.monotonic() < end
            time.sleep(0.05)
        read(server, "/healthz")
        code, _ = server.stop()

    assert (code, before[0] in now, before[1] in now) == (0, False, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_first_process(signed: TinyRepository, number: int) -> None:
    with serving(signed.path, "--workers", "2") as server:
        workers = workers_of(server)
        server.process.send_signal(number)
        server.process.wait(timeout=WAIT_S)
        end = time.monotonic() + WAIT_S
        while any(is_running(pid) for pid in workers):
            assert time.monotonic() < end
            time.sleep(0.05)

    assert len(workers) == 2


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_with_log_json_each_line_of_the_log_is_an_object(signed: TinyRepository) -> None:
    manifest = manifest_of(signed)
    with serving(signed.path, "--log-json") as server:
        for _ in range(12):
            tell(server, manifest, refused=True)
        wait_until(server, "/healthz", "--halt")
        _, output = server.stop()

    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [(line["level"], line["logger"]) for line in lines] == [("error", "server.halting.service")]
    assert "promote" in lines[0]["event"]
    assert lines[0]["timestamp"].endswith("Z")


def test_traces_are_exported_where_asked_for_and_say_nothing_about_who_asked(signed: TinyRepository) -> None:
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "console"}
    with serving(signed.path, environment=environment) as server:
        request = urllib.request.Request(f"{server.url}/v1/metadata/timestamp.json", headers={"User-Agent": "a-person"})
        urllib.request.urlopen(request, timeout=10).read()
        _, output = server.stop()

    assert '"http.route": "metadata"' in output
    assert '"http.response.status_code": 200' in output
    assert "a-person" not in output
    assert "127.0.0.1" not in output.replace(server.url, "")


def test_an_exporter_that_is_not_installed_is_named(signed: TinyRepository) -> None:
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "elsewhere"}
    command = [*POCKETREC, "serve", str(signed.path), "--port", "0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    assert result.returncode == 1
    assert "'elsewhere'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_that_cannot_be_used_is_named_without_its_password(signed: TinyRepository) -> None:
    url = "postgresql+asyncpg://somebody:secret-word@127.0.0.1:9/none"
    command = [*POCKETREC, "serve", str(signed.path), "--port", "0", "--database-url", url]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert result.returncode == 1
    assert "cannot use the database postgresql+asyncpg://somebody:***@127.0.0.1:9/none" in result.stderr
    assert "secret-word" not in result.stdout + result.stderr


@pytest.mark.parametrize("url", ["mysql://host/name", "not a url", "postgresql://host/name"])
def test_a_database_of_another_kind_is_refused(signed: TinyRepository, url: str) -> None:
    command = [*POCKETREC, "serve", str(signed.path), "--port", "0", "--database-url", url]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert result.returncode == 1
    assert "expected `postgresql+asyncpg://" in result.stderr
    assert "Traceback" not in result.stderr
