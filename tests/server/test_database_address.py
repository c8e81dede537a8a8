"""An address of a database that cannot keep anything is refused at the start."""

import pytest

from server.database.database import Database
from server.errors import DatabaseError


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "mysql://h/d", "nonsense"])
def test_only_a_file_or_a_server_is_accepted(url: str) -> None:
    with pytest.raises(DatabaseError, match="sqlite"):
        Database(url)
