"""The commit beside a figure is that of our code, whatever repository the user works in."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.hostile_folder import HostileFolder
from train.suites import origin

CHECKOUT = Path(origin.__file__).parents[2]
needs_checkout = pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="the code lies in no checkout")


@needs_checkout
def test_the_commit_is_that_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = subprocess.run(["git", "-C", CHECKOUT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    monkeypatch.chdir(tmp_path)

    found = origin.commit()

    assert found is not None
    assert found.removesuffix("-dirty") == wanted.stdout.strip()


@needs_checkout
def test_a_hostile_repository_is_neither_asked_nor_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = origin.commit()
    hostile = HostileFolder(tmp_path / "hostile")
    monkeypatch.chdir(hostile.path)
    monkeypatch.setenv("GIT_DIR", str(hostile.path / ".git"))
    monkeypatch.setenv("PATH", f":{os.environ['PATH']}")

    assert origin.commit() == wanted
    assert not hostile.was_run


def test_code_that_lies_in_somebody_elses_repository_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = HostileFolder(tmp_path / "hostile")
    monkeypatch.setattr(origin, "_CHECKOUT", hostile.path / "copy-of-the-code")

    assert origin.commit() is None
    assert not hostile.was_run
