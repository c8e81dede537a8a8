"""Signed releases are handed out byte for byte, and listed so that a page finds the newest manifest."""

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from edge_runtime.bundle.parsing import JsonError
from edge_runtime.bundle.release import ComponentDocument, Digested, dump_document
from server.app import create_app
from server.blob import Blob, Body
from server.health import Monitor
from server.releases.repository import RepositoryStore, is_repository
from tests.invented_repository import LAPTOP, Repository, release_of
from tests.tiny_bundle import make_tiny_bundle

Client = TestClient[Litestar]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository", tmp_path / "bundles")
    made.documents["targets"][f"bundle/{LAPTOP}.json"] = release_of(made.add(0, 1), 1)
    made.publish()
    return made


@pytest.fixture
def client(repository: Repository) -> Iterator[Client]:
    with TestClient(create_app(repository.root, None, watch_s=3600)) as client:
        yield client


def test_metadata_documents_and_files_are_handed_out_byte_for_byte(client: Client, repository: Repository) -> None:
    for folder in ("metadata", "targets", "files"):
        for path in sorted((repository.root / folder).rglob("*")):
            if path.is_file():
                answer = client.get(f"/v1/{path.relative_to(repository.root).as_posix()}")
                assert answer.content == path.read_bytes()


def test_only_the_timestamp_is_ever_asked_for_again(client: Client) -> None:
    assert client.get("/v1/metadata/timestamp.json").headers["cache-control"] == "public, max-age=60"
    assert "immutable" in client.get("/v1/metadata/1.targets.json").headers["cache-control"]


@pytest.mark.parametrize("path", ["metadata/2.root.json", "targets/bundle/x.json", "files/" + "0" * 64, "files/..%2f"])
def test_what_the_repository_does_not_have_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/v1/{path}").status_code == 404


def test_the_newest_release_of_each_target_is_listed_and_a_component_changes_it(repository: Repository) -> None:
    store = RepositoryStore(repository.root)
    store.refresh()
    assert store.view.channels[LAPTOP].manifest.release == 1

    base = json.loads(repository.documents["targets"][f"bundle/{LAPTOP}.json"])["manifest"]["sha256"]
    derived = Digested(1, repository.add(1, 2))
    document = ComponentDocument(
        name="tiny", target=LAPTOP, release=2, manifest=derived, component="adapter", base=base
    )
    repository.documents["adapter"][f"adapter/{LAPTOP}.json"] = dump_document(document)
    repository.publish()
    store.refresh()

    assert store.view.channels[LAPTOP].manifest.release == 2


def test_a_component_of_another_base_is_passed_over(repository: Repository) -> None:
    derived = Digested(1, repository.add(1, 2))
    document = ComponentDocument(
        name="tiny", target=LAPTOP, release=2, manifest=derived, component="adapter", base="0" * 64
    )
    repository.documents["adapter"][f"adapter/{LAPTOP}.json"] = dump_document(document)
    repository.publish()
    store = RepositoryStore(repository.root)
    store.refresh()

    assert store.view.channels[LAPTOP].manifest.release == 1


def test_a_target_whose_manifest_is_damaged_is_reported_and_its_metadata_still_served(repository: Repository) -> None:
    digest = json.loads(repository.documents["targets"][f"bundle/{LAPTOP}.json"])["manifest"]["sha256"]
    (repository.root / "files" / digest).write_bytes(b"{}")
    store = RepositoryStore(repository.root)
    store.refresh()

    assert not store.view.channels
    assert "damaged" in store.view.problems[LAPTOP]
    assert "timestamp.json" in store.view.metadata


def test_a_damaged_file_is_not_handed_out(client: Client, repository: Repository) -> None:
    path = next(path for path in (repository.root / "files").iterdir() if path.stat().st_size > 1000)
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    assert client.get(f"/v1/files/{path.name}").status_code == 404


def test_a_damaged_file_is_read_once_until_it_changes(
    client: Client, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def recorded(path: Path) -> Blob:
        opened.append(path.name)
        return Blob(os.open(path, os.O_RDONLY), (0, 0), hashlib.sha256(path.read_bytes()).hexdigest())

    path = next(path for path in (repository.root / "files").iterdir() if path.stat().st_size > 1000)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"?")
    monkeypatch.setattr("server.releases.repository.Blob.open", recorded)
    statuses = [client.get(f"/v1/files/{path.name}").status_code for _ in range(3)]
    monkeypatch.undo()
    path.write_bytes(good)

    assert statuses == [404] * 3
    assert opened == [path.name]
    assert client.get(f"/v1/files/{path.name}").content == good


def test_a_file_is_opened_once_for_all_that_ask_for_it_meanwhile(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, opening = threading.Event(), Blob.open
    opened: list[str] = []

    def slow(path: Path) -> Blob:
        opened.append(threading.current_thread().name)
        go.wait(10)
        return opening(path)

    store = RepositoryStore(repository.root)
    store.refresh()
    name = next((repository.root / "files").iterdir()).name
    monkeypatch.setattr("server.releases.repository.Blob.open", slow)

    async def ask() -> list[Body | None]:
        asked = [asyncio.create_task(store.view.file(name)) for _ in range(5)]
        await asyncio.sleep(0)  # the loop goes on while the file is opened
        asked[0].cancel()
        go.set()
        return await asyncio.gather(*asked[1:])

    blobs = asyncio.run(ask())

    assert {blob.sha256 for blob in blobs if blob is not None} == {name}
    assert [thread.startswith("opening") for thread in opened] == [True]


@pytest.mark.parametrize("content", [None, b"{"])
def test_a_repository_that_cannot_be_read_any_more_is_a_problem_until_it_can(
    repository: Repository, content: bytes | None
) -> None:
    store = RepositoryStore(repository.root)
    store.refresh()
    path = repository.root / "metadata" / "timestamp.json"
    before = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises((OSError, JsonError)):
        store.refresh()
    assert Monitor(store, None).health().status == "degraded"
    assert "cannot be read" in store.view.problems["repository"]
    assert str(repository.root) not in store.view.problems["repository"]
    assert LAPTOP in store.view.channels

    path.write_bytes(before)
    store.refresh()
    assert not store.view.problems


def test_a_document_that_arrives_after_the_timestamp_is_noticed(repository: Repository) -> None:
    (path,) = (repository.root / "targets" / "bundle").iterdir()
    document = path.read_bytes()
    path.unlink()
    store = RepositoryStore(repository.root)
    store.refresh()
    assert not store.view.channels

    path.write_bytes(document)
    store.refresh()

    assert LAPTOP in store.view.channels


def test_a_folder_of_bundles_is_no_repository_and_says_so(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / LAPTOP)
    assert not is_repository(tmp_path)
    with TestClient(create_app(tmp_path, None, watch_s=3600)) as client:
        answer = client.get("/v1/metadata/timestamp.json")
    assert answer.status_code == 404
    assert "not signed" in answer.json()["detail"]
