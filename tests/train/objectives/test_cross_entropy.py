import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from train.objectives.cross_entropy import Teacher, fast_product_dtype, full_cross_entropy


def drawn(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale
    return values.requires_grad_()


def reference(states: Tensor, table: Tensor, targets: Tensor, teacher: Teacher | None) -> Tensor:
    """Compute the formula with the whole matrix in memory."""
    expected = F.one_hot(targets, len(table)).to(states.dtype)
    if teacher is not None:
        logits = teacher.states @ teacher.table.T
        added = 0.0 if teacher.added is None else teacher.added(slice(None))
        soft = torch.softmax(logits + added, dim=-1)
        expected = (1 - teacher.weight) * expected + teacher.weight * soft
    return -(expected * torch.log_softmax(states @ table.T, dim=-1)).sum(-1).mean()


# With 31 items, a chunk has 256 rows.
@pytest.mark.parametrize("n_rows", [1, 255, 256, 515])
@pytest.mark.parametrize("weight", [None, 0.0, 0.5, 1.0])
def test_loss_and_gradients_match_the_reference(n_rows: int, weight: float | None) -> None:
    states, table = drawn(n_rows, 8), drawn(31, 8, seed=1)
    targets = torch.arange(n_rows) % 31
    teacher = None
    if weight is not None:
        teacher = Teacher(drawn(n_rows, 5, seed=2).detach(), drawn(31, 5, seed=3).detach(), weight)

    ours = full_cross_entropy(states, table, targets, teacher=teacher, product_dtype=torch.float32)
    theirs = reference(states, table, targets, teacher)

    torch.testing.assert_close(ours, theirs)
    mine = torch.autograd.grad(3 * ours, [states, table])
    yours = torch.autograd.grad(3 * theirs, [states, table])
    torch.testing.assert_close(mine, yours, atol=1e-6, rtol=1e-4)


def test_rows_are_weighted() -> None:
    states, table, targets = drawn(5, 8), drawn(31, 8, seed=1), torch.arange(5)
    weights = torch.tensor([2.0, 0.0, 1.0, 0.5, 1.0])

    ours = full_cross_entropy(states, table, targets, weights=weights, product_dtype=torch.float32)
    rows = -torch.log_softmax(states @ table.T, dim=-1)[torch.arange(5), targets]
    theirs = (weights * rows).sum() / weights.sum()

    torch.testing.assert_close(ours, theirs)
    mine = torch.autograd.grad(ours, [states, table])
    torch.testing.assert_close(mine, torch.autograd.grad(theirs, [states, table]), atol=1e-6, rtol=1e-4)


def test_weights_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        full_cross_entropy(
            drawn(2, 4),
            drawn(3, 4),
            torch.zeros(2, dtype=torch.int64),
            weights=torch.zeros(2),
            product_dtype=torch.float32,
        )


def test_huge_scores_stay_finite() -> None:
    states, table = drawn(4, 8, scale=1e3), drawn(9, 8, seed=1, scale=1e3)

    loss = full_cross_entropy(states, table, torch.zeros(4, dtype=torch.int64), product_dtype=torch.float32)
    torch.autograd.backward(loss)

    assert torch.isfinite(loss)
    assert states.grad is not None
    assert torch.isfinite(states.grad).all()


def test_a_catalogue_of_one_item_has_zero_loss() -> None:
    loss = full_cross_entropy(drawn(3, 4), drawn(1, 4), torch.zeros(3, dtype=torch.int64), product_dtype=torch.float32)

    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        full_cross_entropy(drawn(0, 4), drawn(3, 4), torch.zeros(0, dtype=torch.int64), product_dtype=torch.float32)


def test_bfloat16_products_are_close_to_float32() -> None:
    states, table, targets = drawn(300, 64), drawn(500, 64, seed=1, scale=0.2), torch.arange(300)

    exact = full_cross_entropy(states, table, targets, product_dtype=torch.float32)
    narrow = full_cross_entropy(states, table, targets, product_dtype=torch.bfloat16)

    assert float(narrow.detach()) == pytest.approx(float(exact.detach()), rel=2e-2)


def test_a_processor_without_bfloat16_uses_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})

    assert fast_product_dtype(torch.device("cpu")) == torch.float32


# With 3,000 items, a tile has 1,024 of them, and a chunk has 512 rows.
@pytest.mark.parametrize("n_items", [31, 3000])
def test_added_values_change_the_teachers_distribution(n_items: int) -> None:
    states, table, targets = drawn(600, 8), drawn(n_items, 8, seed=1), torch.arange(600) % n_items
    added = drawn(600, n_items, seed=2).detach()
    teacher = Teacher(drawn(600, 5, seed=3).detach(), drawn(n_items, 5, seed=4).detach(), 0.5, lambda rows: added[rows])

    ours = full_cross_entropy(states, table, targets, teacher=teacher, product_dtype=torch.float32)
    theirs = reference(states, table, targets, teacher)

    torch.testing.assert_close(ours, theirs)
    mine = torch.autograd.grad(ours, [states, table])
    torch.testing.assert_close(mine, torch.autograd.grad(theirs, [states, table]), atol=1e-6, rtol=1e-4)
