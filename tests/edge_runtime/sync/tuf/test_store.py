"""The store gives back what was committed, and says so if it cannot."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_runtime.errors import BusyError, DamagedStoreError, StateError
from edge_runtime.sync.tuf import Floors, MetadataStore, TrustedMetadata
from tests.edge_runtime.sync.tuf.repository import PUBLISHING, Device, Repository

STRANGE = "CREATE TABLE metadata (name TEXT, content BLOB, sha256 BLOB)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "store.sqlite"


def test_a_new_store_is_empty_and_private(path: Path) -> None:
    with MetadataStore(path) as store:
        assert store.load() is None
        assert store.lost_at is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_metadata_bounds_and_settings_are_read_back(repository: Repository, device: Device) -> None:
    repository.delegate("adapter", "adapter/*")
    repository.publish("adapter", *PUBLISHING)
    trusted = device.find("adapter/x").trusted

    with MetadataStore(device.path) as store:
        assert store.load() == trusted
        store.commit(trusted, {"target": b"laptop"})
    with MetadataStore(device.path) as store:
        assert store.load() == trusted
        assert store.settings()["target"] == b"laptop"


def test_the_draw_is_made_once(path: Path, tmp_path: Path) -> None:
    with MetadataStore(path) as store:
        draw = store.draw
    with MetadataStore(path) as store:
        assert store.draw == draw
    with MetadataStore(tmp_path / "other.sqlite") as store:
        assert store.draw != draw
    assert len(draw) == 16


def test_what_did_not_change_is_not_written(repository: Repository, device: Device) -> None:
    trusted = device.refresh()
    with MetadataStore(device.path) as store, closing(sqlite3.connect(device.path)) as other:
        before = other.execute("PRAGMA data_version").fetchone()
        store.commit(trusted)
        assert other.execute("PRAGMA data_version").fetchone() == before


def test_a_commit_over_another_process_is_refused(repository: Repository, device: Device) -> None:
    with MetadataStore(device.path) as store:
        old = store.load()
        assert old is not None
        new = device.refresh()

        with pytest.raises(BusyError, match="another process has updated it"):
            store.commit(old)

        assert store.load() == new
        store.commit(old)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 4096,
        b"not a database, but longer than its header, which has a hundred bytes" * 4,
    ],
    ids=["empty", "zeroed", "text"],
)
def test_a_damaged_file_is_not_taken_for_a_new_one(path: Path, damage: bytes) -> None:
    MetadataStore(path).close()
    path.write_bytes(damage)

    with pytest.raises(DamagedStoreError, match="lost which versions it has seen"):
        MetadataStore(path)
    assert path.read_bytes() == damage


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE metadata SET content = substr(content, 1, 100) WHERE name = 'timestamp'",
        "UPDATE metadata SET content = (SELECT content FROM metadata WHERE name = 'root'), "
        "sha256 = (SELECT sha256 FROM metadata WHERE name = 'root') WHERE name = 'targets'",
        "UPDATE metadata SET content = 'text'",
        "UPDATE settings SET content = x'7b7d' WHERE name = 'floors'",
        "DELETE FROM settings WHERE name = 'floors'",
        "DELETE FROM metadata WHERE name = 'root'",
        "DROP TABLE metadata",
    ],
)
def test_changed_rows_are_noticed(repository: Repository, device: Device, statement: str) -> None:
    device.refresh()
    with closing(sqlite3.connect(device.path)) as connection:
        connection.execute(statement)
        connection.commit()

    with MetadataStore(device.path) as store, pytest.raises(DamagedStoreError):
        store.load()


def test_a_damaged_store_is_replaced_and_says_so_from_then_on(repository: Repository, device: Device) -> None:
    device.refresh()
    device.path.write_bytes(b"damage")

    with MetadataStore.replaced(device.path) as store:
        assert store.load() is None
        assert store.lost_at is not None
        store.commit(TrustedMetadata.pinned(repository.files["1.root.json"]))
    device.refresh()

    with MetadataStore(device.path) as store:
        assert store.lost_at is not None
    assert device.path.with_name("store.sqlite.damaged").read_bytes() == b"damage"


def test_a_store_is_replaced_again_and_again(path: Path) -> None:
    MetadataStore(path).close()
    for content in (b"first", b"second"):
        path.write_bytes(content)
        MetadataStore.replaced(path).close()

    assert path.with_name("store.sqlite.damaged").read_bytes() == b"second"


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([STRANGE], "a database of another program"),
        ([STRANGE, f"PRAGMA application_id = {0x706F7475}", "PRAGMA user_version = 2"], "written by a newer pocketrec"),
    ],
)
def test_files_of_others_and_newer_files_are_left_alone(path: Path, statements: list[str], message: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)

    with pytest.raises(StateError, match=message) as caught:
        MetadataStore(path)
    assert not isinstance(caught.value, DamagedStoreError)


def test_a_folder_in_place_of_the_file_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)

    with pytest.raises(StateError):
        MetadataStore(path)


def test_the_rest_of_a_creation_that_was_killed_is_no_obstacle(path: Path) -> None:
    path.parent.mkdir()
    path.with_name("store.sqlite.new").write_bytes(b"half")
    path.with_name("store.sqlite.new-wal").write_bytes(b"half")

    with MetadataStore(path) as store:
        assert store.load() is None


def states(repository: Repository, device: Device, copy: Path) -> tuple[TrustedMetadata, TrustedMetadata]:
    """Copy a store with an uncheckpointed change to ``copy``; return what it held before and after."""
    repository.publish("root", *PUBLISHING)
    old = device.refresh()
    repository.publish("root", *PUBLISHING)
    repository.rotate("timestamp")
    repository.publish("root", "timestamp")
    with MetadataStore(device.path) as keeps_the_log:
        new = device.refresh()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{device.path}{suffix}", f"{copy}{suffix}")
        keeps_the_log.close()
    return old, new


def power_cuts(log: bytes, step: int) -> Iterator[bytes]:
    """Yield what may be left of a log: cut off, followed by zeros, torn within, or without one block."""
    for n_bytes in (*range(0, len(log), step), len(log)):
        yield log[:n_bytes]
        yield log[:n_bytes] + bytes(len(log) - n_bytes)
        yield log[:n_bytes] + log[n_bytes:][::-1]
        yield log[:n_bytes] + bytes(min(512, len(log) - n_bytes)) + log[n_bytes + 512 :]


def test_a_power_cut_at_any_byte_leaves_the_old_state_or_the_new_one(
    repository: Repository, device: Device, tmp_path: Path
) -> None:
    image, trial = tmp_path / "image.sqlite", tmp_path / "trial.sqlite"
    old, new = states(repository, device, image)
    seen = set()
    for log in power_cuts(Path(f"{image}-wal").read_bytes(), 509):
        shutil.copyfile(image, trial)
        Path(f"{trial}-wal").write_bytes(log)
        with MetadataStore(trial) as store:
            state = store.load()
        assert state in (old, new)
        seen.add(state == new)
        trial.unlink()

    assert seen == {False, True}


def test_a_power_cut_while_the_log_is_copied_into_the_file_leaves_the_new_state(
    repository: Repository, device: Device, tmp_path: Path
) -> None:
    image, trial = tmp_path / "image.sqlite", tmp_path / "trial.sqlite"
    _, new = states(repository, device, image)
    before, after = image.read_bytes(), device.path.read_bytes()  # the last connection has copied the log
    assert before != after
    for n_bytes in range(0, len(after) + 512, 512):
        for torn in (after[:n_bytes] + before[n_bytes:], before[:n_bytes] + after[n_bytes:]):
            trial.write_bytes(torn)
            shutil.copyfile(f"{image}-wal", f"{trial}-wal")
            with MetadataStore(trial) as store:
                assert store.load() == new
            trial.unlink()


COMMITTER = """
import sys
from pathlib import Path
from edge_runtime.sync.tuf import MetadataStore, TrustedMetadata, Floors
from msgspec import structs
from dataclasses import replace
with MetadataStore(Path(sys.argv[1])) as store:
    trusted = store.load()
    for number in range(1, 100_000):
        floors = Floors(timestamp={"timestamp.json": number}, time=float(number))
        store.commit(replace(trusted, floors=floors), {"number": str(number).encode()})
        print(number, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kills a process")
def test_a_kill_loses_no_acknowledged_commit_and_mixes_none(repository: Repository, device: Device) -> None:
    for n_commits in (1, 7, 20):
        with subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(device.path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(n_commits):
                process.stdout.readline()
            process.kill()
            last = int([str(n_commits), *process.stdout.read().split()][-1])
        assert process.returncode == -signal.SIGKILL

        with MetadataStore(device.path) as store:
            trusted = store.load()
            number = int(store.settings()["number"])
        assert trusted is not None
        assert trusted.floors == Floors(timestamp={"timestamp.json": number}, time=float(number))
        assert number in (last, last + 1)
