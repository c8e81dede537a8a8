"""A folder that cannot be written to is refused before any work."""

import os
from pathlib import Path

import pytest
import typer

from edge_runtime.cli import main
from edge_runtime.terminal.out_folder import writable_folder


def test_a_folder_that_exists_or_can_be_created_is_taken(tmp_path: Path) -> None:
    assert writable_folder(tmp_path) == tmp_path
    assert writable_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(typer.BadParameter, match="file is a file, expected a folder"):
            writable_folder(path)


def test_a_read_only_parent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(typer.BadParameter, match=f"{tmp_path.name} cannot be written to"):
        writable_folder(tmp_path / "new")


@pytest.mark.parametrize(
    "command",
    [["train", "--data", "nowhere"], ["world"], ["export", "--run", "r", "--data", "d", "--target", "browser-wasm"]],
)
def test_commands_refuse_a_file_as_a_usage_error(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SystemExit) as stopped:
        main([*command, "--out", str(tmp_path / "file")])

    assert stopped.value.code == 2
    assert "is a file, expected a folder" in " ".join(capsys.readouterr().err.split())
