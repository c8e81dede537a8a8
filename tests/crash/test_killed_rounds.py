"""Killed servers lose no update after its answer, and count none twice."""

import random
from pathlib import Path

import pytest

from tests.crash.killed_rounds import (
    Databases,
    KilledServer,
    KilledWorkers,
    Kind,
    killed,
    real_postgresql,
    sqlite,
)
from tests.live_postgresql import postgresql_folder

needs_postgresql = pytest.mark.skipif(
    postgresql_folder() is None, reason="PostgreSQL is missing; run `apt-get install postgresql`"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "databases"),
    [
        (KilledServer, sqlite),
        (KilledWorkers, sqlite),
        pytest.param(KilledWorkers, real_postgresql, marks=needs_postgresql),
    ],
    ids=["server, SQLite", "worker, SQLite", "worker, PostgreSQL"],
)
def test_no_update_is_lost_after_its_answer_and_none_is_counted_twice(
    kind: Kind, databases: Databases, tmp_path: Path
) -> None:
    with killed(kind, databases, tmp_path, random.Random(0)) as made:
        answered = [made.cycle() for _ in range(3)]

        assert min(answered) > 0
        assert made.check() >= sum(answered)
