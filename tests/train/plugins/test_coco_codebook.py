"""The codebook follows users, stays diverse, and restarts unused prompts."""

import math

import pytest
import torch
from torch import Tensor

from train.loop.averaging import WeightAverage
from train.objectives.contrast import directions
from train.plugins.coco_initialization import cluster_centres, whitening_linear
from train.plugins.prompt_codebook import COMMITMENT, N_RECENT, PromptCodebook, perplexity


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def codebook(rows: Tensor, *, threshold: float = 0.45, max_selected: int = 30) -> PromptCodebook:
    return PromptCodebook(rows, threshold=threshold, max_selected=max_selected)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))


def reference_selection(features: Tensor, rows: Tensor, threshold: float, most: int) -> list[set[int]]:
    result = []
    for one in features:
        nearest = sorted(range(len(rows)), key=lambda k: -cosine(one, rows[k]))
        result.append({k for k in nearest[:most] if cosine(one, rows[k]) > threshold} | {nearest[0]})
    return result


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.45, 1.0])
@pytest.mark.parametrize("most", [1, 3, 30])
def test_prompts_above_the_threshold_are_selected_and_always_the_nearest(threshold: float, most: int) -> None:
    features, rows = drawn(20, 6), drawn(9, 6, seed=1)

    chosen = codebook(rows, threshold=threshold, max_selected=most).select(features)

    result = [set(row.nonzero()[:, 0].tolist()) for row in chosen]
    assert result == reference_selection(features, rows, threshold, most)
    assert all(1 <= len(one) <= most for one in result)


def test_ties_and_zero_vectors_select_a_prompt_too() -> None:
    rows = drawn(1, 6).expand(5, 6)

    for features in (drawn(4, 6, seed=1), torch.zeros(4, 6), 1e30 * drawn(4, 6, seed=1)):
        for most in (1, 5):
            chosen = codebook(rows, max_selected=most).select(features)
            assert (chosen.sum(1) >= 1).all()
            assert (chosen.sum(1) <= most).all()
    assert codebook(torch.zeros(3, 6)).select(drawn(2, 6)).any(1).all()


def test_each_position_is_selected_independently() -> None:
    book, features = codebook(drawn(9, 6)), drawn(2, 3, 6, seed=1)

    torch.testing.assert_close(book.select(features)[1, 2], book.select(features[1, 2][None])[0])


def test_the_quantization_loss_and_its_gradients_match_the_formula() -> None:
    book, features = codebook(drawn(5, 4)), drawn(7, 4, seed=1).requires_grad_()
    chosen = book.select(features) | (drawn(7, 5, seed=2) > 0)

    result = book.quantization_loss(features, chosen)

    prompts = book.prompts.detach().double()
    value, to_prompts, to_features = 0.0, torch.zeros(5, 4).double(), torch.zeros(7, 4).double()
    for u in range(7):
        mine = chosen[u].nonzero()[:, 0].tolist()
        for k in mine:
            apart = features[u].detach().double() - prompts[k]
            value += (1 + COMMITMENT) * float(apart @ apart) / len(mine) / 7
            to_prompts[k] -= 2 * apart / len(mine) / 7
            to_features[u] += COMMITMENT * 2 * apart / len(mine) / 7
    assert result.item() == pytest.approx(value, rel=1e-5)
    gradients = torch.autograd.grad(result, (book.offsets, features))
    torch.testing.assert_close(gradients[0].double(), to_prompts, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradients[1].double(), to_features, rtol=1e-4, atol=1e-6)


def test_the_quantization_loss_is_zero_for_exact_matches_and_for_no_users() -> None:
    rows = drawn(3, 4)
    book = codebook(rows)

    assert book.quantization_loss(rows, torch.eye(3, dtype=torch.bool)).item() == pytest.approx(0.0, abs=1e-5)
    result_of_none = book.quantization_loss(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.bool))
    assert result_of_none.item() == 0.0
    assert float(torch.autograd.grad(result_of_none, book.offsets)[0].abs().max()) == 0.0


def test_the_orthogonality_loss_is_the_mean_of_squared_cosines_over_pairs() -> None:
    rows = drawn(6, 4)

    result = codebook(rows).orthogonality_loss().item()

    pairs = [(i, j) for j in range(6) for i in range(j)]
    assert result == pytest.approx(sum(cosine(rows[i], rows[j]) ** 2 for i, j in pairs) / 15, rel=1e-5)


def test_opposite_prompts_cost_as_much_as_equal_ones() -> None:
    one = drawn(1, 4)

    opposite = codebook(torch.cat([one, -one])).orthogonality_loss().item()

    assert opposite == pytest.approx(1.0)
    assert codebook(torch.eye(4)).orthogonality_loss().item() == 0.0
    assert codebook(one).orthogonality_loss().item() == 0.0


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e12])
def test_losses_and_gradients_stay_finite(scale: float) -> None:
    book = codebook(scale * drawn(1, 4).expand(5, 4))
    features = drawn(3, 4, seed=1).requires_grad_()

    loss = book.orthogonality_loss() + book.quantization_loss(features, book.select(features))

    assert torch.isfinite(loss)
    for gradient in torch.autograd.grad(loss, (book.offsets, features)):
        assert torch.isfinite(gradient).all()


def used(book: PromptCodebook, counts: list[int]) -> None:
    n_prompts = len(counts)
    for k, n in enumerate(counts):
        chosen = torch.zeros(n, n_prompts, dtype=torch.bool)
        chosen[:, k] = True
        book.track(drawn(n, book.prompts.shape[1], seed=10 + k), chosen)


def test_unused_prompts_move_to_recent_users_and_others_stay() -> None:
    rows = drawn(4, 3)
    book = codebook(rows)
    used(book, [300, 0, 250, 1])

    moved = book.restart_dead(torch.Generator().manual_seed(0))

    assert moved == 2  # one use is below a hundredth of the mean
    assert torch.equal(book.prompts[[0, 2]], rows[[0, 2]])
    seen = book.recent
    assert all((seen == book.prompts[k]).all(1).any() for k in (1, 3))
    assert not torch.equal(book.prompts[1], book.prompts[3])
    assert float(book.usage.sum()) == 0.0


def test_averaged_weights_have_a_restarted_prompt_at_its_new_value() -> None:
    book = codebook(drawn(4, 3))
    average = WeightAverage(book, 100.0)
    for step in range(50):
        with torch.no_grad():
            book.offsets.copy_(0.1 * drawn(4, 3, seed=100 + step))
        average.update()
    used(book, [300, 0, 250, 1])

    book.restart_dead(torch.Generator().manual_seed(0))
    average.update()

    seen, moved = book.recent, book.prompts[[1, 3]].detach()
    assert all(float((seen - position).norm(dim=1).min()) < 1e-6 for position in moved)
    with average.applied():
        torch.testing.assert_close(book.prompts[[1, 3]], moved, rtol=0, atol=0.4)
        assert not torch.equal(book.prompts[[1, 3]], moved)


def test_a_restart_depends_only_on_seed_and_buffers() -> None:
    books = [codebook(drawn(4, 3)) for _ in range(2)]
    used(books[0], [100, 0, 0, 100])
    books[1].load_state_dict(books[0].state_dict())

    for book in books:
        book.restart_dead(torch.Generator().manual_seed(5))

    assert torch.equal(books[0].prompts, books[1].prompts)


def test_nothing_moves_before_any_user_was_seen() -> None:
    rows = drawn(4, 3)
    book = codebook(rows)

    assert book.restart_dead(torch.Generator()) == 0
    assert torch.equal(book.prompts, rows)


def test_at_most_one_prompt_moves_to_each_recent_user() -> None:
    book = codebook(drawn(9, 3))
    used(book, [2] + 8 * [0])

    assert book.restart_dead(torch.Generator().manual_seed(0)) == 2


def test_only_the_newest_users_are_kept_in_order() -> None:
    book = codebook(drawn(2, 3))
    features = drawn(N_RECENT + 70, 3, seed=3)

    for part in torch.split(features, 100):
        book.track(part, torch.ones(len(part), 2, dtype=torch.bool))

    assert torch.equal(book.recent, features[70:])
    assert int(book.n_recent) == N_RECENT
    assert book.usage.tolist() == [N_RECENT + 70] * 2


def test_perplexity_is_the_effective_number_of_prompts() -> None:
    assert perplexity(torch.tensor([5.0, 5.0, 5.0, 0.0])) == pytest.approx(3.0)
    assert perplexity(torch.tensor([7.0])) == pytest.approx(1.0)
    assert perplexity(torch.zeros(4)) == 0.0
    shares = [0.7, 0.2, 0.1]
    assert perplexity(torch.tensor(shares)) == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)))


def test_the_text_map_starts_by_whitening_the_principal_components() -> None:
    features = drawn(400, 5) * torch.tensor([5.0, 0.1, 3.0, 0.1, 0.1]) + 7.0

    result = whitening_linear(features, 2)(features).detach()

    torch.testing.assert_close(result.mean(0), torch.zeros(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(result.T @ result / 400, torch.eye(2), atol=1e-2, rtol=0)
    # The two axes of most variance remain.
    others = torch.linalg.lstsq(features[:, [0, 2]] - features[:, [0, 2]].mean(0), result).solution
    torch.testing.assert_close((features[:, [0, 2]] - features[:, [0, 2]].mean(0)) @ others, result, atol=0.2, rtol=0)


def test_directions_without_variance_are_not_amplified_without_bound() -> None:
    features = drawn(40, 5) * torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0])

    weight = whitening_linear(features, 4).weight.detach()

    assert float(weight.norm(dim=1).max()) < 200.0
    assert whitening_linear(features[:1], 9)(features).isfinite().all()


def test_training_leaves_several_prompts_above_the_threshold_of_a_user() -> None:
    torch.manual_seed(0)
    users = directions(drawn(16, 8).repeat_interleave(16, dim=0) + 0.1 * drawn(256, 8, seed=1))
    book = codebook(directions(users[::4] + 0.2 * drawn(64, 8, seed=2)))
    optimizer = torch.optim.Adam(book.parameters(), lr=0.02)

    for _ in range(150):
        loss = 0.15 * book.orthogonality_loss() + 0.25 * book.quantization_loss(users, book.select(users))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    assert float(book.select(users).float().sum(1).mean()) > 2.0


def test_prompts_start_at_the_centres_of_text_clusters() -> None:
    torch.manual_seed(0)
    about = torch.eye(6)[:3].repeat_interleave(20, dim=0)
    texts = 4 * (about + 0.05 * drawn(60, 6))

    centres = cluster_centres(texts, 3)

    nearest = centres @ torch.eye(6)[:, :3]
    assert sorted(nearest.argmax(0).tolist()) == [0, 1, 2]
    torch.testing.assert_close(nearest.amax(0), torch.ones(3), atol=0.02, rtol=0)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_catalogue_smaller_than_the_codebook_adds_random_prompts(n: int) -> None:
    torch.manual_seed(0)

    centres = cluster_centres(drawn(n, 6), 7)

    torch.testing.assert_close(centres.norm(dim=1), torch.ones(7))
    assert len(torch.unique(centres, dim=0)) == 7
