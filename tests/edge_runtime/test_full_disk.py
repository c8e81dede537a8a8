"""On a full disk no event can be recorded, but everything can be forgotten."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime import Recommender, StateError
from edge_runtime.state.history import History

SCRIPT = Path(__file__).with_name("full_disk.py")
SMALL_DISK = 'mount -t tmpfs -o size=256k pocketrec "$1" && exec "$2" "$3" "$1" fill "$4"'


def lived(command: list[str | Path]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_a_namespace(folder: Path, command: str, *arguments: str | Path) -> list[str | Path]:
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh", folder, *arguments]


def can_mount(folder: Path) -> bool:
    try:
        done = subprocess.run(in_a_namespace(folder, 'mount -t tmpfs none "$1"'), capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def check(found: dict[str, Any]) -> None:
    assert found["n_before"] == 12
    assert found["n_after"] == 0
    assert found["traces"] == 0
    assert found["first_id"] == 1
    assert found["kept"] == ["a"]
    messages = found["refused"]
    assert "the event was not recorded" in messages["add"]
    assert "the event was not removed" in messages["remove"]
    assert "the setting was not saved" in messages["set"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
@pytest.mark.parametrize("when", ["open", "reopened"])
def test_everything_can_be_forgotten_if_no_byte_can_be_written(tmp_path: Path, when: str) -> None:
    check(lived([sys.executable, SCRIPT, tmp_path, "limit", when]))


@pytest.mark.parametrize("when", ["open", "reopened"])
def test_on_a_full_disk_everything_can_be_forgotten(tmp_path: Path, when: str) -> None:
    if not can_mount(tmp_path):
        pytest.skip("needs the right to mount a small disk; the tests above need none")

    check(lived(in_a_namespace(tmp_path, SMALL_DISK, sys.executable, SCRIPT, when)))


def test_an_event_can_be_removed_with_a_full_log(tmp_path: Path) -> None:
    history = History.open(tmp_path / "s.sqlite")
    for number in range(40):
        history.add(f"item-{number}")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "s.sqlite-wal").stat().st_size, hard))
    try:
        removed = history.remove(3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert removed
    assert len(history.newest()) == 39
    history.close()


def test_a_full_disk_and_a_concurrent_program_are_both_reported(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history, History.open(tmp_path / "s.sqlite") as other:
        history.add("secret")
        assert len(other.newest()) == 1
        for one in (history, other):
            one._connection.execute("PRAGMA busy_timeout = 50")
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(StateError, match=r"nothing was deleted\. Close that program"):
                history.forget()
            assert len(other.newest()) == 1

            other.close()
            history.forget()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert history.newest() == []
    assert b"secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_an_app_continues_after_forgetting_on_a_full_disk(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "s.sqlite") as recommender:
        fresh = recommender.recommend(5)
        recommender.observe("item-3", "like")
        assert recommender.recommend(5) != fresh
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            recommender.forget()
            forgotten = recommender.recommend(5)
            with pytest.raises(StateError, match="could not be opened"):
                recommender.observe("item-3")
            recommender.forget()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        recommender.observe("item-4")

    assert forgotten == fresh
    with History.open(tmp_path / "s.sqlite") as history:
        assert [event.item_id for event in history.newest()] == ["item-4"]
