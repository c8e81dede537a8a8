"""Forgetting deletes everything on request, also from damaged files."""

import random
import sqlite3
from pathlib import Path

import pytest

from edge_runtime.errors import StateError
from edge_runtime.state.history import History


def test_forgetting_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    secret = "embarrassing-item"
    with History.open(tmp_path / "s.sqlite") as history:
        for number in range(200):
            history.add(f"{secret}-{number}", "like")
        history.set("nickname", secret)
        assert any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())

        history.forget()

        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert history.newest() == []
        assert history.setting("nickname") is None
        assert history.add("a").id == 1
    assert secret.encode() not in left
    assert b"like" not in left


def test_removing_one_event_overwrites_it(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        event = history.add("embarrassing-item")
        history.remove(event.id)
    with History.open(tmp_path / "s.sqlite"):
        left = (tmp_path / "s.sqlite").read_bytes()

    assert b"embarrassing" not in left


def test_forgetting_during_another_read_deletes_and_warns_of_traces(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        history.add("secret")
        history._connection.execute("PRAGMA busy_timeout = 50")
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchall()

        with pytest.raises(StateError, match=r"[Cc]lose that program"):
            history.forget()
        assert history.newest() == []

        reader.execute("COMMIT")
        reader.close()
        history.forget()
    assert b"secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def use_all_of_it(path: Path) -> None:
    with History.open(path) as history:
        history.newest()
        history.newest_interactions(50, {"item-1"}, 1 << 40)
        history.seen_items(["item-1", "gone"])
        history.setting("nickname")
        history.add("item-2")
        history.remove(1)
        history.set("nickname", "b")


def test_every_corruption_of_a_state_file_is_a_state_error_and_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        for number in range(60):
            history.add(f"item-{number}-é", "like")
        history.set("nickname", "a")
    intact = path.read_bytes()
    rng = random.Random(0)
    refused: list[str] = []
    for _ in range(150):
        data = bytearray(intact)
        for _ in range(rng.choice([1, 4, 40])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])

        try:
            use_all_of_it(path)
        except StateError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(message.startswith(str(path)) for message in refused)
