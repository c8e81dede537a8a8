"""Messages about exceeded budgets have the name, the excess and what to do."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.probe.target import Budgets
from export.budget import bytes_by_role, check_budgets, check_each_budget, manifest_budgets
from export.errors import BudgetError


@pytest.fixture
def manifest(bundles: Path) -> Manifest:
    return open_folder(bundles / "laptop-x86_64").manifest


def test_the_sizes_of_the_parts_sum_to_the_size_of_the_bundle(manifest: Manifest) -> None:
    assert sum(bytes_by_role(manifest).values()) == manifest.bundle_bytes


def test_the_manifest_contains_the_limits_of_the_target() -> None:
    limits = manifest_budgets(
        Budgets(ranking_bytes=10, bundle_bytes=99, ranking_bytes_per_item=2, parts={"items": 7}), n_items=5
    )

    assert limits == {"ranking_bytes": 20, "bundle_bytes": 99, "part:items": 7}


def test_limits_of_time_and_memory_are_whole_microseconds_and_bytes() -> None:
    budgets = Budgets(ranking_bytes=10, bundle_bytes=99, peak_memory_bytes=5, p95_ms=2.5)

    limits = manifest_budgets(budgets, n_items=5)

    assert (limits["peak_memory_bytes"], limits["p95_us"]) == (5, 2500)


def test_the_ranking_budget_has_a_minimum_for_small_catalogues() -> None:
    budgets = Budgets(ranking_bytes=10, bundle_bytes=99, ranking_bytes_per_item=2, ranking_bytes_at_least=50)

    assert [budgets.ranking_limit(n_items) for n_items in (0, 20, 21)] == [50, 50, 52]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("ranking_bytes", "Distil with shorter codes"),
        ("bundle_bytes", "Leave out what the bundle has of a language model"),
        ("part:items", "Shorten titles"),
        ("part:golden", "Raise `part:golden`"),
    ],
)
def test_the_message_has_the_actual_and_allowed_size_and_advice(manifest: Manifest, name: str, advice: str) -> None:
    narrow = msgspec.structs.replace(manifest, budgets={**manifest.budgets, name: 100})

    with pytest.raises(BudgetError) as caught:
        check_budgets(narrow)

    message = str(caught.value)
    actual = next(check.actual for check in check_each_budget(narrow) if check.name == name)
    assert message.startswith(f"laptop-x86_64: {name} is {actual:,} bytes, {actual - 100:,} over the 100 ")
    assert advice in message


def test_a_budget_of_a_newer_version_is_ignored(manifest: Manifest) -> None:
    check_budgets(msgspec.structs.replace(manifest, budgets={"watts": 1}))
