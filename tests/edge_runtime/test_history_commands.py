"""``pocketrec history`` carries a history to another device, and leaves nothing behind where it cannot."""

from pathlib import Path

import pytest

from edge_runtime.cli import main
from edge_runtime.history_commands import PASSPHRASE
from edge_runtime.state.history import History


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(["history", *map(str, words)])
    return int(left.value.code or 0)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "me.sqlite"
    with History.open(path) as history:
        history.add("item-1", "like", 1_700_000_000_000)
    return path


@pytest.fixture
def encrypted(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    assert run("export", tmp_path / "h", "--state", state, "--encrypt") == 0
    return tmp_path / "h"


def test_a_history_arrives_on_another_device(
    encrypted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", encrypted, "--state", tmp_path / "other.sqlite") == 0

    assert "1 event added" in capsys.readouterr().out
    with History.open(tmp_path / "other.sqlite") as history:
        assert [event.item_id for event in history.newest()] == ["item-1"]


@pytest.mark.parametrize("passphrase", ["another horse", "\udcff\udcfe12345678"])
def test_without_the_right_passphrase_nothing_is_created(
    encrypted: Path,
    passphrase: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(PASSPHRASE, passphrase)

    assert run("import", encrypted, "--state", tmp_path / "other.sqlite") == 1

    assert "passphrase" in capsys.readouterr().err
    assert not (tmp_path / "other.sqlite").exists()


def test_without_a_terminal_the_variable_of_the_passphrase_is_named(
    encrypted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(PASSPHRASE)

    assert run("import", encrypted, "--state", tmp_path / "other.sqlite") == 1

    assert f"Set {PASSPHRASE}" in capsys.readouterr().err
