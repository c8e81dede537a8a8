import numpy as np
import pytest
import torch

from edge_runtime.bundle.codes import read_codes
from train.distill.codes import TABLE_BYTES, CodedTable, CodePlan, item_counts


def coded(n_items: int = 50, dim: int = 16, *, own_books: bool = False) -> CodedTable:
    table = torch.randn(n_items, dim, generator=torch.Generator().manual_seed(0))
    plan = CodePlan(n_codes=(8, 4), shares=(0.2, 0.8), n_codewords=16, own_books=own_books)
    return CodedTable(table, plan, plan.tiers_of(np.arange(n_items)), seed=0)


def test_the_most_popular_items_get_the_longest_codes() -> None:
    plan = CodePlan(n_codes=(8, 4), shares=(0.2, 0.8), n_codewords=16)

    tiers = plan.tiers_of(np.array([5, 1, 9, 1, 1, 1, 1, 1, 1, 1]))

    assert tiers.tolist() == [0, 1, 0, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("own_books", [False, True])
def test_written_codes_decode_to_the_same_vectors_on_devices(own_books: bool) -> None:
    table = coded(own_books=own_books)

    on_device = read_codes(table.arrays(), table.catalogue()).decode(np.arange(50))

    in_training = table.decoded().detach().numpy()
    assert np.abs(on_device - in_training).max() < 0.02 * np.abs(in_training).max()


def test_all_parts_of_a_vector_share_one_codebook_around_their_centre() -> None:
    table = coded()

    arrays = table.arrays()

    for tier, n_codes in enumerate((8, 4)):
        assert arrays[f"codebook.{tier}"].shape == (1, 16, 16 // n_codes)
        assert arrays[f"scale.{tier}"].shape == (1,)
        codes, book = arrays[f"codes.{tier}"], arrays[f"codebook.{tier}"][0] * arrays[f"scale.{tier}"]
        by_hand = arrays[f"centre.{tier}"] + np.stack([np.concatenate([book[code] for code in item]) for item in codes])
        rows = table.rows.numpy()[:10] if tier == 0 else table.rows.numpy()[10:]
        np.testing.assert_allclose(by_hand, table.decoded().detach()[rows], atol=0.01 * np.abs(by_hand).max())


@pytest.mark.parametrize("own_books", [False, True])
def test_reassignment_reduces_distances_and_converges(own_books: bool) -> None:
    table = coded(own_books=own_books)
    with torch.no_grad():
        table.latent.add_(0.5)
    before = float(table.commitment(table.decoded()).detach())

    changed = table.reassign()

    assert changed > 0
    assert float(table.commitment(table.decoded()).detach()) < before
    assert table.reassign() == 0.0


def test_own_codebooks_are_more_accurate_than_a_shared_one() -> None:
    table = torch.randn(400, 16, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.1, 4.0, 16)
    plans = [CodePlan(n_codes=(4,), shares=(1.0,), n_codewords=16, own_books=own) for own in (False, True)]

    shared, own = (CodedTable(table, plan, plan.tiers_of(np.arange(400)), seed=0) for plan in plans)

    assert own.arrays()["codebook.0"].shape == (4, 16, 4)
    assert float(own.commitment(own.decoded()).detach()) < 0.9 * float(shared.commitment(shared.decoded()).detach())


def test_gradients_reach_codebooks_and_latents() -> None:
    table = coded()

    table()[3].sum().backward()

    assert table.latent.grad is not None
    assert table.latent.grad[3].tolist() == [1.0] * 16
    assert not table.latent.grad[4].any()
    assert any(book.grad is not None and book.grad.any() for book in table.codebooks)


def test_a_catalogue_smaller_than_its_codebook_still_gets_codes() -> None:
    plan = CodePlan(n_codes=(4,), shares=(1.0,), n_codewords=64)

    table = CodedTable(torch.randn(5, 8), plan, plan.tiers_of(np.ones(5, dtype=np.int64)), seed=0)

    torch.testing.assert_close(table.decoded(), table.latent.detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shares": (0.5, 0.4), "n_codes": (8, 4)},
        {"shares": (1.0,), "n_codes": (8, 4)},
        {"n_codewords": 257},
        {"n_codewords": 1},
    ],
)
def test_an_invalid_plan_is_refused(wrong: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"must|expected"):
        CodePlan(**wrong)  # type: ignore[arg-type]


def table_bytes(plan: CodePlan, n_items: int, dim: int) -> int:
    tiers = np.bincount(plan.tiers_of(np.arange(n_items)), minlength=len(plan.n_codes))
    books = sum(plan.n_codewords * dim // each for each in plan.n_codes)
    return books + sum(int(n) * each for n, each in zip(tiers, plan.n_codes, strict=True))


@pytest.mark.parametrize("n_items", [1, 40, 600, 2_700])
def test_small_catalogues_have_a_code_for_each_dimension(n_items: int) -> None:
    assert CodePlan.for_items(n_items, 64) == CodePlan(n_codes=(64,), shares=(1.0,))


@pytest.mark.parametrize("n_items", [2_800, 5_400, 5_600, 8_000, 10_000, 12_101, 16_000])
def test_codes_of_larger_catalogues_use_the_byte_budget(n_items: int) -> None:
    plan = CodePlan.for_items(n_items, 64)

    assert 0.98 * TABLE_BYTES < table_bytes(plan, n_items, 64) <= TABLE_BYTES


@pytest.mark.parametrize(("first", "last"), [(2_700, 2_740), (5_420, 5_460), (8_900, 9_600)])
def test_no_tier_is_empty_at_the_bounds_between_plans(first: int, last: int) -> None:
    for n_items in range(first, last):
        plan = CodePlan.for_items(n_items, 64)
        sizes = np.diff([0, *np.round(np.cumsum(plan.shares[:-1]) * n_items), n_items])
        assert sizes.min() >= 1, n_items
        assert table_bytes(plan, n_items, 64) <= TABLE_BYTES, n_items


def test_codes_do_not_grow_with_the_catalogue() -> None:
    means = [
        float(np.dot(plan.n_codes, plan.shares))
        for plan in (CodePlan.for_items(n_items, 64) for n_items in range(2_000, 40_000, 500))
    ]

    assert means == sorted(means, reverse=True)
    assert means[0] == 64.0
    assert CodePlan.for_items(1_000_000, 64) == CodePlan(own_books=True)


@pytest.mark.parametrize("dim", [10, 16, 20, 34, 48, 64, 128])
def test_there_is_a_plan_without_empty_tiers_for_every_mean(dim: int) -> None:
    for mean in np.linspace(0.5, dim, 40):
        plan = CodePlan.of_mean(float(mean), 500, dim)
        if plan is not None:
            assert plan.mean_codes <= mean + 1e-6
            assert np.diff([0, *np.round(np.cumsum(plan.shares[:-1]) * 500), 500]).min() >= 1


@pytest.mark.parametrize(
    ("dim", "codes"), [(48, (24, 16, 8)), (10, (10, 10, 5)), (128, (32, 16, 8)), (8, (8,)), (34, (17, 2))]
)
def test_the_numbers_of_codes_divide_the_width_of_the_vectors(dim: int, codes: tuple[int, ...]) -> None:
    plan = CodePlan.for_items(60_000, dim)

    assert plan.n_codes == codes
    table = CodedTable(torch.randn(300, dim), plan, plan.tiers_of(np.arange(300)), seed=0)
    assert table.decoded().shape == (300, dim)


def test_item_counts_without_users_are_zeros() -> None:
    assert item_counts([], 3).tolist() == [0, 0, 0]
