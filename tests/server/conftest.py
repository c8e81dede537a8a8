"""A database in a file."""

from pathlib import Path

import pytest

from server.database.database import file_url, migrate


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    migrate(file_url(path))
    return path


@pytest.fixture
def database_url(empty_database: Path, tmp_path: Path) -> str:
    path = tmp_path / "server.sqlite3"
    path.write_bytes(empty_database.read_bytes())
    return file_url(path)
