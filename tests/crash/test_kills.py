"""A kill at any write of a sync, an app or a publisher loses nothing. `benchmarks/kill_cycles.py` does more."""

import random
from pathlib import Path

import pytest

from tests.crash.kills import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_by_kills(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", "")
    killed = KINDS[kind](tmp_path, random.Random(0))

    assert sum(killed.cycle() for _ in range(6)) >= 3
