"""A history is carried to another device of the user: times, merging, files, and files with a passphrase."""

import base64
import json
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_runtime import Recommender, StateError
from edge_runtime.state.history import History
from edge_runtime.state.history_file import MAX_ITERATIONS, dump_history, read_history

T = 1_700_000_000_000
Wrong = Any
"""What a caller without a type checker may pass."""


def events(history: History) -> list[tuple[str, str, int]]:
    return [(one.item_id, one.event, one.time) for one in reversed(history.newest())]


def test_an_event_can_have_a_time_of_its_own(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        assert recommender.observe("item-1", time=T).time == T
        assert recommender.history()[0].time == T


@pytest.mark.parametrize(
    ("time", "error"),
    [(T // 1000, ValueError), (-1, ValueError), (T * 10, ValueError), (1.5, TypeError), (True, TypeError)],
)
def test_a_time_that_is_not_in_milliseconds_is_refused(bundle: Path, time: Wrong, error: type[Exception]) -> None:
    with Recommender.open(bundle) as recommender:
        with pytest.raises(error, match="milliseconds since 1970"):
            recommender.observe("item-1", time=time)
        assert recommender.count_events() == 0


def test_events_of_two_devices_are_merged_by_their_times(bundle: Path) -> None:
    with Recommender.open(bundle) as phone, Recommender.open(bundle) as laptop:
        phone.observe("item-1", time=T)
        phone.observe("item-2", "dislike", time=T + 20)
        laptop.observe("item-3", time=T + 10)
        laptop.recommend(3)

        assert laptop.import_history(phone.export_history()) == 2
        assert laptop.import_history(phone.export_history()) == 0

        assert [(one.item_id, one.event) for one in reversed(laptop.history())] == [
            ("item-1", "click"),
            ("item-3", "click"),
            ("item-2", "dislike"),
        ]
        assert "item-2" not in {item.item_id for item in laptop.recommend(40, include_seen=True)}
        assert phone.import_history(laptop.export_history()) == 1
        assert phone.recommend(10) == laptop.recommend(10)


def test_ids_of_merged_events_are_new() -> None:
    with History.open() as history:
        old = history.add("item-1", moment=T)
        history.merge([("item-2", "click", T - 5)])

        assert events(history) == [("item-2", "click", T - 5), ("item-1", "click", T)]
        assert not history.remove(old.id)


def test_a_file_is_json_that_anyone_can_read(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-1", "like", time=T)

        assert json.loads(recommender.export_history()) == {
            "format": "pocketrec-history",
            "version": 1,
            "events": [{"item_id": "item-1", "event": "like", "time": T}],
        }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"format": "other", "version": 1, "events": []}',
        b'{"format": "pocketrec-history", "version": 2, "events": []}',
        b'{"format": "pocketrec-history", "version": 1, "events": [{"item_id": "", "event": "x", "time": 1}]}',
        b'{"format": "pocketrec-history", "version": 1, "events": [{"item_id": "a", "event": "X", "time": 1}]}',
        b'{"format": "pocketrec-history", "version": 1, "events": [{"item_id": "a", "event": "x", "time": -1}]}',
    ],
)
def test_another_file_is_refused_and_adds_nothing(bundle: Path, data: bytes) -> None:
    with Recommender.open(bundle) as recommender:
        with pytest.raises(StateError, match=r"this is not a history file|has version 2"):
            recommender.import_history(data)
        assert recommender.count_events() == 0


class TestFilesSharedWithThePage:
    """The page's tests read the same (web_demo/tests/historyFile.test.ts)."""

    GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "history_files.json").read_text("utf-8"))

    def bytes_of(self, text: str) -> bytes:
        return base64.b64decode(text, validate=True)

    def listed(self, data: bytes, passphrase: str | None = None) -> list[dict[str, object]]:
        return [msgspec.to_builtins(one) for one in read_history(data, passphrase)]

    def test_a_readable_file_has_the_same_bytes(self) -> None:
        plain = self.bytes_of(self.GOLDEN["plain"])
        with History.open() as history:
            history.merge((one["item_id"], one["event"], one["time"]) for one in self.GOLDEN["events"])

            assert dump_history(history.newest()[::-1]) == plain
        assert self.listed(plain) == self.GOLDEN["events"]

    @pytest.mark.parametrize("writer", ["python", "page"])
    def test_a_sealed_file_of_either_is_opened(self, writer: str) -> None:
        sealed, passphrase = self.bytes_of(self.GOLDEN["sealed"][writer]), self.GOLDEN["passphrase"]

        assert self.listed(sealed, passphrase) == self.GOLDEN["events"]
        assert self.listed(sealed, unicodedata.normalize("NFD", passphrase)) == self.GOLDEN["events"]

    @pytest.mark.parametrize("case", GOLDEN["refused"], ids=lambda case: case["name"])
    def test_a_damaged_or_hostile_file_is_refused(self, case: dict[str, str]) -> None:
        with pytest.raises(StateError, match=case["says"]):
            read_history(self.bytes_of(case["file"]), self.GOLDEN["passphrase"])


class TestEncrypted:
    @pytest.fixture
    def sealed(self) -> bytes:
        with History.open() as history:
            history.add("item-secret", moment=T)
            return dump_history(history.newest(), "café au lait")

    def test_a_passphrase_opens_the_file_however_its_accents_are_typed(self, sealed: bytes) -> None:
        assert b"item-secret" not in sealed
        for passphrase in ("café au lait", "cafe\u0301 au lait"):
            assert [one.item_id for one in read_history(sealed, passphrase)] == ["item-secret"]

    def test_two_files_of_one_history_differ(self, sealed: bytes) -> None:
        with History.open() as history:
            history.add("item-secret", moment=T)
            assert dump_history(history.newest(), "café au lait") != sealed

    def test_another_passphrase_or_none_is_refused(self, sealed: bytes) -> None:
        with pytest.raises(StateError, match="passphrase is another one"):
            read_history(sealed, "cafe au lait")
        with pytest.raises(StateError, match="is encrypted"):
            read_history(sealed)

    @pytest.mark.parametrize("position", [13, 30, 41, -1])
    def test_a_changed_byte_anywhere_is_refused(self, sealed: bytes, position: int) -> None:
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(StateError, match=r"cannot be decrypted|was changed"):
            read_history(bytes(changed), "café au lait")

    @pytest.mark.parametrize("iterations", [0, 99_999, MAX_ITERATIONS + 1, (1 << 32) - 1])
    def test_a_file_cannot_make_the_key_cheap_or_endless(self, sealed: bytes, iterations: int) -> None:
        changed = sealed[:9] + iterations.to_bytes(4, "big") + sealed[13:]
        with pytest.raises(StateError, match="cut short or was changed"):
            read_history(changed, "café au lait")

    def test_a_short_passphrase_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 8 characters, got 5"):
            dump_history([], "seven")


def test_a_file_goes_from_one_state_to_another(tmp_path: Path) -> None:
    with History.open(tmp_path / "one") as history:
        history.add("item-1", moment=T)

    transfer("export", tmp_path / "file.json", tmp_path / "one")
    transfer("import", tmp_path / "file.json", tmp_path / "other")

    with History.open(tmp_path / "other") as history:
        assert events(history) == [("item-1", "click", T)]
    assert (tmp_path / "file.json").stat().st_mode & 0o077 == 0


def test_an_export_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text("mine")
    History.open(tmp_path / "one").close()

    with pytest.raises(StateError, match="exists"):
        transfer("export", tmp_path / "file.json", tmp_path / "one")

    assert (tmp_path / "file.json").read_text() == "mine"


def test_the_passphrase_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", "café au lait")
    with History.open(tmp_path / "one") as history:
        history.add("item-1", moment=T)

    transfer("export", tmp_path / "file", tmp_path / "one", encrypt=True)
    transfer("import", tmp_path / "file", tmp_path / "other")

    assert b"item-1" not in (tmp_path / "file").read_bytes()
    with History.open(tmp_path / "other") as history:
        assert history.count() == 1


def transfer(action: str, file: Path, state: Path, *, encrypt: bool = False) -> None:
    from edge_runtime.history_commands import Action, history

    history(Action(action), file, state, encrypt=encrypt, as_json=True)
