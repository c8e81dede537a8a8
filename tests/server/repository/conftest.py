"""The repository that the tests of this folder start from."""

from pathlib import Path

import pytest

from server.repository.passphrase import PASSPHRASE as VARIABLE
from tests.tiny_repository import PASSPHRASE, TinyRepository, make_repository


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRepository:
    """An empty repository, whose passphrase is in the environment."""
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    return make_repository(tmp_path)
