import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from train.plugins.llmrec_alignment import MAX_TEMPERATURE, MIN_TEMPERATURE, Alignment, Pairs


def example(seed: int = 0) -> Pairs:
    """Five histories of three users; the first and the last have the same next item; one item has no text."""
    generator = torch.Generator().manual_seed(seed)
    described = torch.tensor([True, True, False, True])
    return Pairs(
        histories=torch.randn(5, 3, generator=generator, requires_grad=True),
        states=torch.randn(5, 3, generator=generator, requires_grad=True),
        users=torch.tensor([0, 0, 1, 2, 2]),
        next_index=torch.tensor([1, 0, 3, 2, 1]),
        semantic=torch.randn(4, 3, generator=generator, requires_grad=True),
        id_embeddings=torch.randn(4, 3, generator=generator, requires_grad=True),
        described=described,
        has_id_embedding=torch.tensor([True, True, True, True]),
    )


def cosine(a: Tensor, b: Tensor) -> float:
    a, b = a.detach().double(), b.detach().double()
    return float(a @ b / (a.norm() * b.norm()))


def nce(logits: list[float], targets: float) -> float:
    return math.log(sum(math.exp(logit) for logit in logits)) - targets


def test_the_loss_of_next_items_matches_the_formula() -> None:
    alignment, pairs = Alignment(0.1), example()

    result = alignment.next_items(pairs)

    losses = []
    for row in range(5):
        position = int(pairs.next_index[row])
        if pairs.described[position]:
            logits = {i: cosine(pairs.histories[row], pairs.semantic[i]) / 0.1 for i in range(4) if pairs.described[i]}
            losses.append(nce(list(logits.values()), logits[position]))
    assert len(losses) == 4
    assert float(result.detach()) == pytest.approx(sum(losses) / 4, rel=1e-5)


def test_the_loss_between_the_spaces_matches_the_formula() -> None:
    alignment, pairs = Alignment(0.2), example()

    result = alignment.spaces(pairs)

    both_ways = []
    for queries, keys in ((pairs.histories, pairs.states), (pairs.states, pairs.histories)):
        for row in range(5):
            others = [j for j in range(5) if j == row or pairs.users[j] != pairs.users[row]]
            logits = [cosine(queries[row], keys[j]) / 0.2 for j in others]
            both_ways.append(nce(logits, logits[others.index(row)]))
    for queries, keys in ((pairs.semantic, pairs.id_embeddings), (pairs.id_embeddings, pairs.semantic)):
        for item in (0, 1, 3):
            logits = [cosine(queries[item], keys[j]) / 0.2 for j in (0, 1, 3)]
            both_ways.append(nce(logits, logits[(0, 1, 3).index(item)]))
    expected = 0.5 * (sum(both_ways[:10]) / 10 + sum(both_ways[10:]) / 6)
    assert float(result.detach()) == pytest.approx(expected, rel=1e-5)


def test_an_item_with_only_a_stand_in_is_not_aligned() -> None:
    alignment, pairs = Alignment(0.2), example()._replace(has_id_embedding=torch.tensor([True, False, True, True]))
    pairs = pairs._replace(id_embeddings=pairs.id_embeddings.detach().clone().requires_grad_(True))

    result = alignment.spaces(pairs)
    (gradient,) = torch.autograd.grad(result, pairs.id_embeddings)

    # The third has no text, so two items are left.
    of_items = []
    for queries, keys in ((pairs.semantic, pairs.id_embeddings), (pairs.id_embeddings, pairs.semantic)):
        for item, other in ((0, 3), (3, 0)):
            logits = [cosine(queries[item], keys[j]) / 0.2 for j in (item, other)]
            of_items.append(nce(logits, logits[0]))
    without = float(alignment.spaces(pairs._replace(has_id_embedding=torch.zeros(4, dtype=torch.bool))).detach())
    assert float(result.detach()) == pytest.approx(without + 0.5 * sum(of_items) / 4, rel=1e-5)
    assert gradient[1].tolist() == [0.0] * 3
    assert bool((gradient[[0, 3]] != 0).any(1).all())


def test_temperatures_start_as_given_are_learned_and_stay_within_bounds() -> None:
    alignment = Alignment(0.1)
    torch.testing.assert_close(alignment.temperatures(), torch.full((3,), 0.1))

    loss = alignment.next_items(example()) + alignment.spaces(example())
    (gradient,) = torch.autograd.grad(loss, alignment.warmth)

    assert bool((gradient != 0).all())
    for extreme in (-1e6, 1e6):
        alignment.warmth.data.fill_(extreme)
        assert bool(
            ((alignment.temperatures() >= MIN_TEMPERATURE) & (alignment.temperatures() <= MAX_TEMPERATURE)).all()
        )


@dataclass(frozen=True)
class Extreme:
    name: str
    pairs: Pairs


def extremes() -> list[Extreme]:
    usual = example()
    some = Pairs(*(part.detach() for part in usual))
    return [
        Extreme("nothing", Pairs(*(part[:0] for part in some))),
        Extreme("one pair", Pairs(*(part[:1] for part in some))._replace(next_index=torch.tensor([0]))),
        Extreme("no text", some._replace(described=torch.zeros(4, dtype=torch.bool))),
        Extreme("no own vector", some._replace(has_id_embedding=torch.zeros(4, dtype=torch.bool))),
        Extreme("one user", some._replace(users=torch.zeros(5, dtype=torch.int64))),
        Extreme("zeros", some._replace(**dict.fromkeys(("histories", "states"), torch.zeros(5, 3)))),
        Extreme("huge", some._replace(histories=some.histories * 1e30, id_embeddings=some.id_embeddings * 1e30)),
        Extreme("equal", some._replace(histories=torch.ones(5, 3), semantic=torch.ones(4, 3))),
    ]


@pytest.mark.parametrize("extreme", extremes(), ids=lambda extreme: extreme.name)
def test_losses_and_gradients_are_finite_at_extremes(extreme: Extreme) -> None:
    parts = {n: p.clone().requires_grad_(p.is_floating_point()) for n, p in extreme.pairs._asdict().items()}
    alignment = Alignment(0.05)
    trainable = [alignment.warmth, *(part for part in parts.values() if part.requires_grad)]

    loss = alignment.next_items(Pairs(**parts)) + alignment.spaces(Pairs(**parts))
    gradients = torch.autograd.grad(loss, trainable, materialize_grads=True)

    assert torch.isfinite(loss)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
