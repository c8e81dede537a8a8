"""The losses of LLMRec align items and histories with their texts."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_llmrec import (
    DIM,
    N_ITEMS,
    PLAIN,
    batch,
    inputs,
    model_of,
    module_of,
    open_gate,
    step,
)
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.full_model.model import Model
from train.plugins.llmrec import LlmRecConfig, llmrec
from train.plugins.llmrec_alignment import Pairs
from train.plugins.plugin import Plugin, TrainingStep


def test_losses_are_finite_and_every_parameter_gets_a_gradient() -> None:
    model = model_of()
    open_gate(model.plugins[0])

    terms = model(batch())
    module = module_of(model.plugins[0])
    gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(module.parameters()))

    assert set(terms) == {"next", "llmrec.next", "llmrec.space"}
    assert all(bool(torch.isfinite(gradient).all()) and bool(gradient.any()) for gradient in gradients)


def test_unused_parameters_are_not_trained() -> None:
    items_only = module_of(llmrec(LlmRecConfig(user_semantics=False, align=False), inputs()))
    users_only = module_of(llmrec(LlmRecConfig(semantics=False, align=False), inputs()))

    assert not any(parameter.requires_grad for parameter in items_only.space.history_map.parameters())
    assert not any(parameter.requires_grad for parameter in users_only.space.item_map.parameters())


def test_pairs_are_the_events_before_a_target_up_to_the_maximum_number() -> None:
    module = module_of(llmrec(replace(PLAIN, decay=1.0), inputs()))

    pairs = module.pairs(step())
    few = module_of(llmrec(replace(PLAIN, n_pairs=2), inputs())).pairs(step())

    # Before the fifth target, a user had only the item without a text.
    assert sorted(pairs.users.tolist()) == [0, 0, 1, 1, 2]
    one = (pairs.states == step().backbone_states[1]).all(1).nonzero()[0]
    expected = module.space.histories(module.space.frozen[[1, 2]].mean(0, keepdim=True), torch.ones(1))
    torch.testing.assert_close(pairs.histories[one], expected)
    torch.testing.assert_close(pairs.semantic[pairs.next_index[one]], module.space.items(torch.tensor([3])))
    assert len(few.users) <= 2


def test_items_are_aligned_with_their_id_embeddings_before_other_plugins() -> None:
    torch.manual_seed(0)
    content = Plugin(name="content", items=lambda table: table + 3.0)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1))
    ours = llmrec(PLAIN, inputs())
    result: list[Pairs] = []

    def watch(step: TrainingStep) -> dict[str, Tensor]:
        result.append(module_of(ours).pairs(step))
        return {}

    model = Model(torch.ones(N_ITEMS, dtype=torch.bool), backbone, [content, replace(ours, losses=watch)])
    model(batch())

    rows = torch.unique(torch.cat([group.targets[group.targets >= 0] for group in batch()]))
    own = model.item.detach()
    assert all(bool((own[rows] == vector).all(1).any()) for vector in result[0].id_embeddings)
    assert bool(result[0].has_id_embedding.all())


def test_a_dropped_id_embedding_is_not_aligned() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    has_id_embedding = torch.ones(N_ITEMS, dtype=torch.bool)
    has_id_embedding[[3, 7]] = False
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)
    before = replace(step(), id_embeddings=own, has_id_embedding=has_id_embedding)

    pairs = module.pairs(before)
    (gradient,) = torch.autograd.grad(module.losses(before)["space"], own)

    # The targets of the step, in the order of their rows.
    assert pairs.has_id_embedding.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(pairs.id_embeddings, own[[2, 3, 5, 7, 10]])
    assert gradient.any(1).nonzero()[:, 0].tolist() == [2, 5, 10]


def test_a_step_without_id_embeddings_still_aligns_histories() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)

    losses = module.losses(replace(step(), id_embeddings=own, has_id_embedding=torch.zeros(N_ITEMS, dtype=torch.bool)))
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), own, materialize_grads=True)

    assert all(float(loss.detach()) > 0 for loss in losses.values())
    assert not gradient.any()


@pytest.mark.parametrize("n", [0, 1])
def test_a_step_with_almost_nothing_to_align_has_no_loss(n: int) -> None:
    losses = module_of(llmrec(PLAIN, inputs())).losses(step(n))

    assert all(float(loss.detach()) == pytest.approx(0.0, abs=1e-6) for loss in losses.values())
