import numpy as np
import pytest
import torch

from train.distill.calibrated_codes import calibrate_codes, reassign_by
from train.distill.codes import CodedTable, CodePlan


def table_of(n_items: int = 200, dim: int = 8, *, own_books: bool = False) -> CodedTable:
    vectors = torch.randn(n_items, dim, generator=torch.Generator().manual_seed(0))
    plan = CodePlan(n_codes=(4, 2), shares=(0.2, 0.8), n_codewords=8, own_books=own_books)
    return CodedTable(vectors, plan, plan.tiers_of(np.arange(n_items)), seed=0)


def users(dim: int = 8) -> torch.Tensor:
    """Return states that differ mostly along one direction across all dimensions."""
    random = torch.Generator().manual_seed(1)
    common = torch.randn(300, 1, generator=random) * torch.ones(1, dim)
    return common + 0.2 * torch.randn(300, dim, generator=random)


def score_error(table: CodedTable, states: torch.Tensor) -> float:
    with torch.no_grad():
        return float((states @ (table.latent - table.decoded()).T).square().mean())


@pytest.mark.parametrize("own_books", [False, True])
def test_calibrated_codes_have_a_smaller_error_of_the_scores(own_books: bool) -> None:
    table, states = table_of(own_books=own_books), users()
    before, latent = score_error(table, states), table.latent.detach().clone()

    calibrate_codes(table, states, np.ones(200, dtype=np.int64))

    assert score_error(table, states) < 0.5 * before
    assert torch.equal(table.latent, latent)
    assert all(parameter.grad is None for parameter in table.books())


def test_items_with_more_events_are_represented_better() -> None:
    states, counts = users(), np.zeros(200, dtype=np.int64)
    counts[100:150] = 10_000
    equal, weighted = table_of(), table_of()

    calibrate_codes(equal, states, np.ones(200, dtype=np.int64))
    calibrate_codes(weighted, states, counts)

    with torch.no_grad():
        errors = [(states @ (each.latent - each.decoded())[100:150].T).square().mean() for each in (equal, weighted)]
    assert errors[1] < errors[0]


def test_with_the_plain_distance_the_codes_are_the_nearest_ones() -> None:
    table = table_of()
    table.reassign()
    nearest = [table.codes(tier).clone() for tier in range(2)]

    reassign_by(table, torch.eye(8))

    assert all(torch.equal(table.codes(tier), expected) for tier, expected in enumerate(nearest))
