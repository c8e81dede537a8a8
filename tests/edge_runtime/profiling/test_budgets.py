"""Budgets of time and memory are decided on the machines of the target, by undisturbed runs."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.profiling.budgets import budget_checks
from edge_runtime.profiling.report import Distribution, Memory, Row, State, Verdict
from edge_runtime.profiling.steps import LIST
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    found = make_tiny_bundle(tmp_path)
    budgets = found.budgets | {"p95_us": 2000, "peak_memory_bytes": 100}
    return msgspec.structs.replace(found, budgets=budgets, machines=("x86_64",))


def row(p95: float | None, state: State = "valid") -> Row:
    times = Distribution(200, 0.5, 1.0, 1.5, p95, None)
    return Row("steady", LIST, "A", times, None, 1.0, 1.0, 0.0, 0.02, None, "unknown", Verdict(state))


def passed(
    manifest: Manifest, one: Row, peak: int = 90, machine: str = "x86_64", *, busy: bool = False
) -> dict[str, bool | None]:
    found = budget_checks(manifest, "A", [one], [Memory("A", 11, 10, 80, peak)], machine, busy=busy)
    return {check.name: check.passed for check in found}


def test_budgets_that_are_kept_pass(manifest: Manifest) -> None:
    assert passed(manifest, row(1.9)) == {"p95_us": True, "peak_memory_bytes": True}


def test_budgets_that_are_exceeded_fail(manifest: Manifest) -> None:
    assert passed(manifest, row(2.1), peak=101) == {"p95_us": False, "peak_memory_bytes": False}


def test_a_disturbed_run_shows_that_latency_is_kept_but_not_that_it_is_exceeded(manifest: Manifest) -> None:
    assert passed(manifest, row(2.1, "noisy"))["p95_us"] is None
    assert passed(manifest, row(1.9, "noisy"))["p95_us"] is True
    assert passed(manifest, row(2.1), busy=True)["p95_us"] is None
    assert passed(manifest, row(1.9), busy=True)["p95_us"] is True


def test_another_machine_decides_nothing(manifest: Manifest) -> None:
    assert passed(manifest, row(9.0), machine="arm64") == {"p95_us": None, "peak_memory_bytes": None}


def test_a_percentile_of_too_few_runs_and_a_budget_that_is_not_set_are_left_out(manifest: Manifest) -> None:
    assert passed(manifest, row(None)) == {"peak_memory_bytes": True}
    assert passed(msgspec.structs.replace(manifest, budgets={}), row(1.0)) == {}
