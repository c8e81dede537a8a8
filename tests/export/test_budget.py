"""Budgets name what is broken, by how much, and what to do."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import Manifest, open_folder
from export.budget import budget_lines, bytes_by_role, check_budgets, manifest_budgets
from export.errors import BudgetError
from export.target import Budgets


@pytest.fixture
def manifest(bundles: Path) -> Manifest:
    return open_folder(bundles / "laptop-x86_64").manifest


def test_the_parts_add_up_to_the_bundle(manifest: Manifest) -> None:
    assert sum(bytes_by_role(manifest).values()) == manifest.bundle_bytes


def test_the_limits_of_a_target_stand_in_the_manifest() -> None:
    limits = manifest_budgets(
        Budgets(ranking_bytes=10, bundle_bytes=99, ranking_bytes_per_item=2, parts={"items": 7}), n_items=5
    )

    assert limits == {"ranking_bytes": 20, "bundle_bytes": 99, "part:items": 7}


def test_what_ranking_may_take_has_a_floor_for_small_catalogues() -> None:
    budgets = Budgets(ranking_bytes=10, bundle_bytes=99, ranking_bytes_per_item=2, ranking_bytes_at_least=50)

    assert [budgets.ranking_limit(n_items) for n_items in (0, 20, 21)] == [50, 50, 52]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("ranking_bytes", "Distil with shorter codes"),
        ("bundle_bytes", "--no-language-model"),
        ("part:items", "Shorten titles"),
        ("part:golden", "Raise `part:golden`"),
    ],
)
def test_a_broken_budget_is_named_with_found_allowed_and_advice(manifest: Manifest, name: str, advice: str) -> None:
    narrow = msgspec.structs.replace(manifest, budgets={**manifest.budgets, name: 100})

    with pytest.raises(BudgetError) as caught:
        check_budgets(narrow)

    message = str(caught.value)
    found = next(line.found for line in budget_lines(narrow) if line.name == name)
    assert message.startswith(f"laptop-x86_64: {name} is {found:,} bytes, {found - 100:,} over the 100 ")
    assert advice in message


def test_a_budget_of_a_newer_version_is_left_alone(manifest: Manifest) -> None:
    check_budgets(msgspec.structs.replace(manifest, budgets={"watts": 1}))
