"""A device follows a repository through releases, releases of components, rollbacks and new keys."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder, write_folder
from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.golden import dump_golden
from edge_runtime.bundle.items import dump_items, read_items
from edge_runtime.sync import SyncReport, sync
from server.repository.publish import publish, roll_back
from server.repository.roles import KEYS
from server.repository.rotate import rotate
from server.repository.status import read_status
from tests.tiny_bundle import Shape, compute_golden
from tests.tiny_repository import TARGET, TinyRepository

N_ITEMS = 30


@pytest.fixture
def published(repository: TinyRepository) -> TinyRepository:
    """A repository with one release."""
    repository.bundle(0, n_items=N_ITEMS)
    publish(repository.path, repository.bundles, repository.ring())
    return repository


def test_a_device_follows_every_kind_of_release(published: TinyRepository, tmp_path: Path) -> None:
    device = tmp_path / "device"
    reports = [updated(published, device)]
    train_adapter(published.bundles / TARGET)
    publish(published.path, published.bundles, published.ring(), component="adapter")
    reports.append(updated(published, device))
    rename_item(published.bundles / TARGET)
    publish(published.path, published.bundles, published.ring(), component="codebook")
    reports.append(updated(published, device))
    with Recommender.open(device) as recommender:
        assert recommender.items.title[0].endswith("!")
    roll_back(published.path, published.ring(), to=1)
    reports.append(updated(published, device))

    assert [report.release for report in reports] == [1, 2, 3, 4]
    assert {report.status for report in reports} == {"installed"}
    with Recommender.open(device) as recommender:
        assert not recommender.items.title[0].endswith("!")
    last = updated(published, device)
    assert (last.status, last.requests) == ("up to date", 2)
    assert last.fetched_bytes < 700


def test_a_device_follows_when_every_key_was_replaced(published: TinyRepository, tmp_path: Path) -> None:
    device = tmp_path / "device"
    updated(published, device)

    for name in KEYS:
        rotate(published.path, name, published.ring())
    published.bundle(1, n_items=N_ITEMS)
    publish(published.path, published.bundles, published.ring())

    assert updated(published, device).release == 2


def test_a_device_that_was_away_for_many_releases_takes_the_last_one(published: TinyRepository, tmp_path: Path) -> None:
    device = tmp_path / "device"
    updated(published, device)
    for _ in range(5):
        rename_item(published.bundles / TARGET)
        publish(published.path, published.bundles, published.ring())

    report = updated(published, device)

    assert report.release == 6
    bundle_bytes = open_folder(published.bundles / TARGET).manifest.bundle_bytes
    assert report.reused_bytes > 0.8 * bundle_bytes


def test_the_status_says_what_devices_fetch(published: TinyRepository, tmp_path: Path) -> None:
    def follow() -> None:
        """Update each device, of which each has one of the releases so far, and compare."""
        (state,) = read_status(published.path).releases
        for update in state.updates:
            device = tmp_path / f"device-{update.release}"
            found[state.release, update.release] = update.bytes, updated(published, device).fetched_bytes
        for release in range(1, state.release):
            shutil.rmtree(tmp_path / f"device-{release}")
            shutil.copytree(tmp_path / f"kept-{release}", tmp_path / f"device-{release}")
        for name in ("kept", "device"):
            updated(published, tmp_path / f"{name}-{state.release}")

    found: dict[tuple[int, int], tuple[int, int]] = {}
    follow()
    rename_item(published.bundles / TARGET)
    publish(published.path, published.bundles, published.ring())
    follow()
    train_adapter(published.bundles / TARGET)
    publish(published.path, published.bundles, published.ring(), component="adapter")
    follow()
    rename_item(published.bundles / TARGET)
    publish(published.path, published.bundles, published.ring(), component="codebook")
    follow()
    roll_back(published.path, published.ring(), to=1)
    follow()

    assert found.keys() == {(2, 1), (3, 2), (3, 1), (4, 3), (4, 2), (5, 4), (5, 3), (5, 1)}
    assert {name: said for name, (said, _) in found.items()} == {name: took for name, (_, took) in found.items()}


def updated(repository: TinyRepository, device: Path) -> SyncReport:
    """Let a device look for the newest release in the repository's folder."""
    root = (repository.path / "metadata" / "1.root.json").read_bytes()
    return sync(repository.path, device, target=TARGET, root=root)


def train_adapter(folder: Path) -> None:
    """Give a bundle an adapter with other values, and the golden vectors that follow from it."""
    manifest = open_folder(folder).manifest
    contents = {entry.name: (entry.role, (folder / entry.name).read_bytes()) for entry in manifest.files}
    arrays = load_arrays(contents["adapter.safetensors"][1], "adapter")
    trained = {name: np.asarray(values) * 0.5 for name, values in arrays.items()}
    contents["adapter.safetensors"] = (
        "adapter",
        dump_arrays({n: v.astype(arrays[n].dtype) for n, v in trained.items()}),
    )
    golden = compute_golden(manifest, contents, Shape().n_golden, np.random.default_rng(0))
    data = dump_arrays(dump_golden(golden, manifest.encoder.max_length))
    write_folder(folder, manifest, contents | {"golden.safetensors": ("golden", data)})


def rename_item(folder: Path) -> None:
    """Append something to the title of a bundle's first item."""
    manifest = open_folder(folder).manifest
    contents = {entry.name: (entry.role, (folder / entry.name).read_bytes()) for entry in manifest.files}
    items = read_items(contents["items.json.z"][1], N_ITEMS)
    renamed = replace(items, title=[items.title[0] + "!", *items.title[1:]])
    write_folder(folder, manifest, contents | {"items.json.z": ("items", dump_items(renamed))})
