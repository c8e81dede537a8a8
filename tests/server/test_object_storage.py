"""`pocketrec serve --store` over a real S3 server, and the device that syncs from it."""

import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from unittest import mock

import pytest
from litestar.testing import TestClient

from edge_runtime.device_folder import current_bundle
from server.app import AppOptions, application, releases_in
from server.errors import StorageError
from server.objects import Objects
from server.releases.object_repository import LIST_S, ObjectContents
from server.releases.repository import RepositoryStore
from server.repository import key_file
from server.repository.create import create
from server.repository.keys import KeyRing
from server.repository.passphrase import PASSPHRASE as VARIABLE
from server.repository.publish import publish
from server.web.service import WebFiles
from tests.live_s3 import URL, LiveS3, s3
from tests.live_server import POCKETREC, LiveServer, run_sync, started
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_repository import PASSPHRASE, TARGET

LARGE = 48 << 20


@pytest.fixture(scope="module")
def storage() -> Iterator[LiveS3]:
    with s3() as running:
        yield running


@pytest.fixture
def keys(storage: LiveS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys of a repository with one release."""
    for name, value in (storage.environment | {VARIABLE: PASSPHRASE}).items():
        monkeypatch.setenv(name, value)
    storage.empty()
    with mock.patch.object(key_file, "ITERATIONS", 1000):
        create(URL, tmp_path / "keys", {})
    release(tmp_path, 1)
    return tmp_path / "keys"


def release(folder: Path, seed: int) -> str:
    """Publish a bundle, and return the digest of its manifest."""
    make_tiny_bundle(folder / "bundles" / TARGET, seed=seed, target=TARGET, n_items=40)
    return publish(URL, folder / "bundles", KeyRing([folder / "keys"]))[0].manifest


@contextmanager
def serving(*options: str) -> Iterator[LiveServer]:
    with started(*POCKETREC, "serve", "--store", URL, "--port", "0", *options, environment=os.environ) as server:
        yield server


def get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=60) as answer:
            return answer.status, answer.read(), _lower(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), _lower(error.headers)


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_a_device_syncs_from_it_and_takes_the_next_release_as_a_delta(keys: Path, tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    first_root = Objects(URL).get("metadata/1.root.json", 1 << 20)
    assert first_root is not None
    root.write_bytes(first_root[0])
    sync = ("--root", str(root), "--target", TARGET, "--json")
    with serving() as server:
        first = run_sync(server.url, tmp_path / "device", *sync, insecure=False)
        assert first.returncode == 0, first.stderr

        manifest = release(tmp_path, 2)
        server.wait_for_release(TARGET, 2)
        second = run_sync(server.url, tmp_path / "device", *sync, insecure=False)

    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["fetched_bytes"] < json.loads(first.stdout)["fetched_bytes"]
    installed = (current_bundle(tmp_path / "device") / "manifest.json").read_bytes()
    assert hashlib.sha256(installed).hexdigest() == manifest


def test_several_workers_serve_it(keys: Path) -> None:
    with serving("--workers", "2") as server:
        answers = [get(f"{server.url}/v1/metadata/timestamp.json")[0] for _ in range(8)]

    assert answers == [200] * 8


def test_ranges_of_a_large_file_are_passed_on_without_holding_it_in_memory(keys: Path) -> None:
    piece = bytes(range(256)) * (1 << 12)
    sha256 = hashlib.sha256(piece * (LARGE // len(piece))).hexdigest()
    Objects(URL).write(f"files/{sha256}", iter([piece] * (LARGE // len(piece))))
    with serving() as server:
        url = f"{server.url}/v1/files/{sha256}"
        before = _peak_memory(server)
        status, body, headers = get(url)
        assert (status, hashlib.sha256(body).hexdigest(), headers["etag"]) == (200, sha256, f'"{sha256}"')
        assert _peak_memory(server) - before < LARGE // 2

        status, body, headers = get(url, {"Range": "bytes=1048570-1048600", "If-Range": f'"{sha256}"'})
        assert (status, body) == (206, (piece * 2)[1048570:1048601])
        assert headers["content-range"] == f"bytes 1048570-1048600/{LARGE}"
        assert get(url, {"Range": f"bytes={LARGE}-"})[0] == 416
        assert get(url, {"If-None-Match": f'"{sha256}"'})[0] == 304
        assert get(f"{server.url}/v1/files/{'0' * 64}")[0] == 404


def _peak_memory(server: LiveServer) -> int:
    """Return the most memory that the server has used, in bytes."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) << 10


def test_what_was_read_last_stays_on_offer_while_the_storage_does_not_answer(keys: Path, tmp_path: Path) -> None:
    store = RepositoryStore(ObjectContents(Objects(URL), clock=iter([0.0, LIST_S]).__next__))
    store.refresh()
    with (
        mock.patch.object(Objects, "get", side_effect=PermissionError("cut")),
        pytest.raises(PermissionError),
    ):
        store.refresh()

    assert store.view.channels[TARGET].manifest.release == 1
    assert "cannot be read" in store.view.problems["repository"]


def test_a_file_is_unavailable_and_not_missing_while_the_storage_does_not_answer(keys: Path) -> None:
    with TestClient(application(releases_in(URL), WebFiles(None), None, AppOptions(watch_s=3600))) as client:
        sha256 = client.get(f"/v1/channels/{TARGET}/manifest.json").json()["files"][0]["sha256"]
        with mock.patch.object(Objects, "head", side_effect=StorageError("no answer")):
            assert client.get(f"/v1/files/{sha256}").status_code == 503
        answer = client.get(f"/v1/files/{sha256}")

    assert hashlib.sha256(answer.content).hexdigest() == sha256


def test_a_place_without_a_repository_is_refused_at_the_start(keys: Path) -> None:
    command = [*POCKETREC, "serve", "--store", "s3://releases/elsewhere", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "pocketrec release init s3://releases/elsewhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("--store", "ftp://x/y"), (".", "--store", URL)])
def test_one_folder_or_one_url_is_expected(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([*POCKETREC, "serve", *arguments], capture_output=True, text=True, timeout=60)

    assert done.returncode == 2


def test_operators_keys_of_a_repository_in_object_storage_are_in_the_database_of_the_server(
    keys: Path, tmp_path: Path
) -> None:
    command = [*POCKETREC, "operator-keys", "add", URL, "Ada"]
    database = f"sqlite+aiosqlite:///{tmp_path / 'server.sqlite3'}"

    without = subprocess.run(command, capture_output=True, text=True, timeout=60)
    added = subprocess.run([*command, "--database-url", database], capture_output=True, text=True, timeout=60)

    assert (without.returncode, added.returncode) == (2, 0), added.stderr
    assert "--database-url" in without.stderr
    with serving("--database-url", database) as server:
        secret = next(word for word in added.stdout.split() if len(word) > 40)
        headers = {"Authorization": f"Bearer {secret}"}
        assert get(f"{server.url}/v1/operators/rollouts", headers)[0] == 200
