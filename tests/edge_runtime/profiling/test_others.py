"""What other processes did is what all processors did, less the own work."""

from pathlib import Path

import pytest

from edge_runtime.profiling import others
from edge_runtime.profiling.others import Others


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ten seconds have passed, four of them at work, on two processors; the system counts in hundredths."""
    (tmp_path / "stat").write_text("cpu  600 100 200 5000 70 50 30 20 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    monkeypatch.setattr(others, "STAT", tmp_path / "stat")
    monkeypatch.setattr(others, "monotonic", lambda: 110.0)
    monkeypatch.setattr(others, "process_time", lambda: 7.0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.sysconf", lambda _: 100)


def test_idle_time_and_waiting_for_the_disk_are_no_work() -> None:
    assert others.worked_seconds() == 10.0


def test_the_own_work_is_not_that_of_others() -> None:
    assert Others(at=100.0, all=1.0, own=3.0).share() == pytest.approx((9 - 4) / 20)


def test_rounding_gives_no_negative_work() -> None:
    assert Others(at=100.0, all=9.0, own=3.0).share() == 0


def test_systems_that_do_not_tell_have_no_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(others, "STAT", tmp_path / "none")

    assert Others.now().share() is None
