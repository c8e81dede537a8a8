"""The joint loss of a step: contrast and reconstruction, weighted for each user."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.plugins.tiny_corec import DIM, N_ITEMS, tiny_inputs
from tests.train.plugins.tiny_steps import make_step
from train.plugins.corec import CoRec, CoRecConfig
from train.plugins.corec_completion import Completion
from train.plugins.plugin import TrainingStep

CONFIG = CoRecConfig(n_interests=6, contrast_weight=0.3, reconstruction_weight=0.7, temperature=0.5, similarity="dot")
# Items 0 to 3 belong to interest 0, 4 to 7 to 1, and so on.
LABEL = torch.arange(N_ITEMS) // 4
HISTORIES = [[0, 1, 2, 20], [4, 8, 20], [5, 6, 7], [4, 8, 12, 16], [3, 1]]
# The first two share their next item, the first and the last their interest. The second and the fourth have two of
# three items in common, so they are false negatives.
POSITIVES = [{0, 1, 4}, {0, 1}, {2}, {3}, {0, 4}]
CANDIDATES = [{0, 1, 2, 3, 4}, {0, 1, 2, 4}, {0, 1, 2, 3, 4}, {0, 2, 3, 4}, {0, 1, 2, 3, 4}]
N_ITEMS_HAD, N_INTERESTS = [4, 3, 3, 4, 2], [2, 3, 1, 4, 1]
PIVOT = 4.0


class GivenLosses(Completion):
    """An autoencoder with a given loss for each user."""

    def __init__(self, losses: Tensor) -> None:
        super().__init__(DIM, kl_weight=0.0, kl_steps=1)
        self.losses = losses

    def loss(self, vectors: Tensor, interactions: Tensor, label: Tensor, counts: Tensor, chance: Tensor) -> Tensor:
        return self.losses


def padded(histories: list[list[int]]) -> tuple[Tensor, Tensor]:
    longest = max(len(rows) for rows in histories)
    rows = torch.tensor([[0] * (longest - len(rows)) + rows for rows in histories])
    return rows, torch.tensor([[0.0] * (longest - len(rows)) + [1.0] * len(rows) for rows in histories])


def module_of(config: CoRecConfig, losses: Tensor) -> CoRec:
    module = CoRec(config, tiny_inputs())
    module.clusters.label.copy_(LABEL)
    module.pivot.fill_(PIVOT)
    module.completion = GivenLosses(losses)
    return module


def step_of(states: Tensor) -> TrainingStep:
    """Return a step that encodes the views of all users to ``states``: first all users' first views."""
    rows, mask = padded(HISTORIES)

    def encode(views: Tensor, _: Tensor) -> Tensor:
        # No view has more than three events, so all are encoded in one batch.
        assert len(views) == len(states)
        return states

    return make_step(torch.zeros(len(rows), DIM), torch.randn(N_ITEMS, DIM), rows, mask=mask, encode=encode)


def reference_contrast(states: Tensor, temperature: float) -> list[float]:
    """Compute the InfoNCE of every user in plain loops, as a mean over the user's three views."""
    n = len(HISTORIES)
    losses = [0.0] * n
    for q, query in enumerate(states):
        logits = [float(query @ key) / temperature for key in states]
        others = [k for k in range(len(states)) if k != q]
        pool = sum(math.exp(logits[k]) for k in others if k % n in CANDIDATES[q % n])
        positives = [k for k in others if k % n in POSITIVES[q % n]]
        losses[q % n] -= sum(math.log(math.exp(logits[k]) / pool) for k in positives) / len(positives) / 3
    return losses


def reference_joint_loss(contrast: list[float], reconstruction: list[float], weights: list[float]) -> dict[str, float]:
    """Return ``mean_u w_c(u) L_c(u)`` and ``mean_u w_r(u) L_r(u)``, with ``w_r = 2 - w_c``, weighted as in the loss."""
    n = len(weights)
    return {
        "contrast": 0.3 * sum(w * loss for w, loss in zip(weights, contrast, strict=True)) / n,
        "reconstruction": 0.7 * sum((2 - w) * loss for w, loss in zip(weights, reconstruction, strict=True)) / n,
    }


@pytest.mark.parametrize("adaptive", [True, False])
def test_the_joint_loss_matches_the_formula(adaptive: bool) -> None:
    torch.manual_seed(0)
    states, reconstruction = torch.randn(15, DIM).double(), [3.0, 0.5, 2.0, 7.0, 1.0]

    terms = module_of(replace(CONFIG, adaptive=adaptive), torch.tensor(reconstruction)).losses(step_of(states))

    contrast = reference_contrast(states, 0.5)
    evidence = [n * n / c for n, c in zip(N_ITEMS_HAD, N_INTERESTS, strict=True)]
    weights = [2 * e / (e + PIVOT) if adaptive else 1.0 for e in evidence]
    result = {name: float(term) for name, term in terms.items()}
    assert result == pytest.approx(reference_joint_loss(contrast, reconstruction, weights))
    # The result would differ if the two weights were swapped.
    exchanged = reference_joint_loss(contrast, reconstruction, [2 - w for w in weights])
    assert (result == pytest.approx(exchanged, rel=0.01)) != adaptive


def terms_and_gradient(
    histories: list[list[int]], *, scale: float = 1.0, n_items: int = N_ITEMS
) -> tuple[dict[str, Tensor], Tensor]:
    """Return the terms of a step and their gradient to the table; a user is encoded as the sum of the items."""
    torch.manual_seed(0)
    rows, mask = padded(histories)
    table = (scale * torch.randn(n_items, DIM)).requires_grad_()

    def encode(views: Tensor, kept: Tensor) -> Tensor:
        return (F.embedding(views, table) * kept[:, :, None]).sum(dim=1)

    step = make_step(torch.zeros(len(rows), DIM), table, rows, mask=mask, encode=encode)
    terms = dict(CoRec(CONFIG, tiny_inputs(n_items=n_items)).losses(step))
    (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), table)
    return terms, gradient


@pytest.mark.parametrize(
    ("histories", "scale", "n_items"),
    [
        ([[], [0, 1, 2]], 1.0, N_ITEMS),
        ([[0, 1, 2]], 1.0, N_ITEMS),
        ([[7], [7]], 1.0, N_ITEMS),
        (HISTORIES, 1e16, N_ITEMS),
        (HISTORIES, 0.0, N_ITEMS),
        ([[0, 0], [0, 0, 0]], 1.0, 1),
    ],
    ids=["a user without events", "one user", "no event before the newest", "huge vectors", "no vectors", "one item"],
)
def test_the_joint_loss_is_finite_at_extremes(histories: list[list[int]], scale: float, n_items: int) -> None:
    terms, gradient = terms_and_gradient(histories, scale=scale, n_items=n_items)

    assert set(terms) == {"contrast", "reconstruction"}
    assert all(term.isfinite() for term in terms.values())
    assert gradient.isfinite().all()


def test_users_without_events_have_no_loss() -> None:
    rows, mask = padded([[0, 1, 2], [4, 5, 6]])
    table = torch.randn(N_ITEMS, DIM, requires_grad=True)
    step = make_step(
        torch.zeros(2, DIM), table, rows, mask=torch.zeros_like(mask), encode=lambda views, _: table[views[:, -1]]
    )

    terms = CoRec(CONFIG, tiny_inputs()).losses(step)

    (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), table)
    assert {name: float(term.detach()) for name, term in terms.items()} == {"contrast": 0.0, "reconstruction": 0.0}
    assert not gradient.any()


def test_two_views_of_a_single_user_have_no_negatives() -> None:
    rows, mask = padded([[0, 1, 2]])
    table = torch.randn(N_ITEMS, DIM)
    step = make_step(torch.zeros(1, DIM), table, rows, mask=mask, encode=lambda views, _: table[views[:, -1]])

    terms = CoRec(replace(CONFIG, same_target=False), tiny_inputs()).losses(step)

    assert float(terms["contrast"]) == pytest.approx(0.0, abs=1e-6)


def test_no_encoded_view_contains_or_changes_the_newest_events() -> None:
    rows, mask = padded([[3, 5, 7, 9, 11], [2, 4, 6]])
    seen: list[tuple[list[int], list[float]]] = []

    def encode(views: Tensor, kept: Tensor) -> Tensor:
        seen.extend(zip(views.tolist(), kept.tolist(), strict=True))
        return torch.zeros(len(views), DIM)

    config = replace(CONFIG, views="augmented", strength=0.9, same_target=False)
    CoRec(config, tiny_inputs()).losses(
        make_step(torch.zeros(2, DIM), torch.randn(N_ITEMS, DIM), rows, mask=mask, encode=encode)
    )

    assert sorted(view[-1] for view, _ in seen) == [4, 4, 9, 9]
    assert all(kept[-1] == 1.0 for _, kept in seen)


def test_the_reconstruction_trains_the_autoencoder_and_not_the_item_vectors() -> None:
    rows, mask = padded(HISTORIES)
    table = torch.randn(N_ITEMS, DIM, requires_grad=True)
    module = CoRec(replace(CONFIG, contrast=False), tiny_inputs())
    assert module.completion is not None

    loss = module.losses(make_step(torch.zeros(len(rows), DIM), table, rows, mask=mask))["reconstruction"]
    gradients = torch.autograd.grad(loss, (table, module.completion.mean.weight), allow_unused=True)

    assert [gradient is None for gradient in gradients] == [True, False]
    assert gradients[1].any()
