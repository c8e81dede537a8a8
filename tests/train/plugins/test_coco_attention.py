"""The attention of CoCo: formulas, visibility of events, and numerical limits."""

import math

import pytest
import torch
from torch import Tensor

from train.backbones.attention import masked_softmax
from train.plugins.knowledge_attention import KnowledgeAttention, helped, score_margin

DIM, WINDOW, LENGTH = 4, 3, 6


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def attention(*, disentangle: bool = True) -> KnowledgeAttention:
    torch.manual_seed(0)
    module = KnowledgeAttention(DIM, window=WINDOW, disentangle=disentangle)
    torch.nn.init.normal_(module.output.weight)
    return module


def inputs(batch: int = 2) -> dict[str, Tensor]:
    mask = torch.ones(batch, LENGTH)
    mask[0, :3], mask[1, 4] = 0.0, 0.0
    return {
        "states": drawn(batch, LENGTH, DIM),
        "prompts": drawn(5, DIM, seed=1),
        "nudge": torch.zeros(batch, LENGTH, DIM),
        "chosen": drawn(batch, LENGTH, 5, seed=2) > 0.3,
        "mix": drawn(batch, LENGTH, DIM, seed=3),
        "mask": mask,
    }


def reference_alignment(module: KnowledgeAttention, given: dict[str, Tensor], user: int, position: int) -> Tensor:
    """Compute ``h_pure`` for each prompt, then the alignment over ``[h; h_pure]``, in float64."""
    maps = (
        module.query,
        module.key,
        module.value,
        module.align_query,
        module.align_key,
        module.align_value,
        module.output,
    )
    wq, wk, wv, uq, uk, uv, uo = (linear.weight.detach().double().T for linear in maps)
    h, mix = given["states"][user, position].double(), given["mix"][user].double()
    events = [t for t in range(max(0, position - WINDOW + 1), position + 1) if given["mask"][user, t] > 0]
    pure = []
    for k in given["chosen"][user, position].nonzero()[:, 0].tolist() if events else []:
        z = given["prompts"][k].double()
        weights = torch.softmax(torch.stack([(z @ wq) @ (mix[t] @ wk) / math.sqrt(DIM) for t in events]), 0)
        pure.append(torch.stack([w * (mix[t] @ wv) for w, t in zip(weights, events, strict=True)]).sum(0))
    tokens = [h, *pure]
    weights = torch.softmax(torch.stack([(h @ uq) @ (token @ uk) / math.sqrt(DIM) for token in tokens]), 0)
    mixed = torch.stack([w * (token @ uv) for w, token in zip(weights, tokens, strict=True)]).sum(0)
    return h + mixed @ uo


def test_aligned_states_match_the_formulas() -> None:
    module, given = attention(), inputs()

    result = module(**given).detach().double()

    for user in range(2):
        for position in range(LENGTH):
            expected = reference_alignment(module, given, user, position)
            torch.testing.assert_close(result[user, position], expected, rtol=1e-4, atol=1e-5)


def test_gradients_match_the_reference() -> None:
    module, given = attention(), inputs()
    states, mix = given["states"].requires_grad_(), given["mix"].requires_grad_()

    result = torch.autograd.grad(module(**given)[1, 5].sum(), (states, mix))

    slow = torch.autograd.grad(reference_alignment(module, given, 1, 5).sum(), (states, mix))
    torch.testing.assert_close(result, slow, rtol=1e-4, atol=1e-5)


def test_initially_states_are_unchanged() -> None:
    torch.manual_seed(0)
    given = inputs()

    assert torch.equal(KnowledgeAttention(DIM, window=WINDOW, disentangle=True)(**given), given["states"])


def test_a_state_sees_no_later_masked_or_older_event_than_the_window() -> None:
    module, given = attention(), inputs()
    before = module(**given)

    for event in range(LENGTH):
        changed = given["mix"].clone()
        changed[:, event] += 5.0
        moved = (module(**given | {"mix": changed}) - before).abs().sum(2) > 1e-6
        for user in range(2):
            mask = bool(given["mask"][user, event])
            expected = [mask and event <= position < event + WINDOW for position in range(LENGTH)]
            anything = given["chosen"][user].any(1).tolist()
            assert moved[user].tolist() == [a and b for a, b in zip(expected, anything, strict=True)]


@pytest.mark.parametrize("positions", [1, 2, 4, LENGTH])
@pytest.mark.parametrize("n_events", [LENGTH, 5])
def test_the_newest_positions_alone_give_the_same_states(positions: int, n_events: int) -> None:
    module, given = attention(), inputs()
    whole = module(**given)[:, -positions:]
    newest = {
        name: given[name][:, -positions:] for name in ("states", "nudge", "chosen")
    } | {name: given[name][:, -max(n_events, positions) :] for name in ("mix", "mask")}  # fmt: skip

    result = module(**given | newest)

    reach = slice(max(0, positions - (n_events - WINDOW + 1)), None)
    torch.testing.assert_close(result[:, reach], whole[:, reach])


def test_a_state_without_visible_events_attends_to_itself() -> None:
    module, given = attention(), inputs()
    given["mask"] = torch.zeros(2, LENGTH)

    result = module(**given)

    states = given["states"]
    torch.testing.assert_close(result, states + module.output(module.align_value(states)))


def test_a_prompt_that_is_not_selected_has_no_effect() -> None:
    module, given = attention(), inputs()
    given["chosen"] = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    given["chosen"][:, :, 1] = True
    others = given["prompts"].clone()
    others[[0, 2, 3, 4]] += 3.0
    mine = given["prompts"].clone()
    mine[1] += 3.0

    before = module(**given)

    torch.testing.assert_close(module(**given | {"prompts": others}), before)
    assert not torch.allclose(module(**given | {"prompts": mine})[:, 5], before[:, 5])


def test_without_disentangling_every_prompt_is_the_mean() -> None:
    module, given = attention(disentangle=False), inputs()
    other = given | {"prompts": given["prompts"] + 3.0}
    one = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    one[:, :, 0] = True

    result = module(**given | {"chosen": one})

    torch.testing.assert_close(module(**given), module(**other))
    mean = given["mix"][1, 3:6][given["mask"][1, 3:6] > 0].mean(0)
    same = attention()
    consistent = given["mix"].clone()
    consistent[1, 3:6] = mean
    torch.testing.assert_close(result[1, 5], same(**given | {"chosen": one, "mix": consistent})[1, 5])


def test_the_nudge_has_no_value_and_carries_the_gradient_of_the_selected_prompts() -> None:
    module, given = attention(), inputs(batch=2)
    one = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    one[:, :, 1] = True
    nudge, prompts = torch.zeros(2, LENGTH, DIM).requires_grad_(), given["prompts"].requires_grad_()

    result = module(**given | {"chosen": one, "nudge": nudge})

    to_nudge, to_prompts = torch.autograd.grad(result.square().sum(), (nudge, prompts))
    assert torch.equal(result, module(**given | {"chosen": one}))
    torch.testing.assert_close(to_nudge.sum((0, 1)), to_prompts[1], rtol=1e-4, atol=1e-5)
    assert float(to_prompts[[0, 2, 3, 4]].abs().max()) == 0.0


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e8])
def test_values_and_gradients_stay_finite(scale: float) -> None:
    module, given = attention(), inputs()
    given["states"] = (scale * given["states"]).requires_grad_()
    given["mix"] = (scale * given["mix"]).requires_grad_()

    result = module(**given)

    assert torch.isfinite(result).all()
    for gradient in torch.autograd.grad(result.sum(), (*module.parameters(), given["states"], given["mix"])):
        assert torch.isfinite(gradient).all()


def test_the_masked_softmax_of_an_empty_mask_is_zeros() -> None:
    scores = drawn(3, 4).requires_grad_()
    allowed = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])

    result = masked_softmax(scores, allowed)

    torch.testing.assert_close(result[0, [0, 2]], torch.softmax(scores[0, [0, 2]], 0))
    assert result[0, [1, 3]].tolist() == [0.0, 0.0]
    assert result[1].tolist() == [0.0] * 4
    torch.testing.assert_close(result[2], torch.softmax(scores[2], 0))
    assert torch.autograd.grad(result.square().sum(), scores)[0].isfinite().all()


def test_knowledge_helps_if_the_score_margin_of_the_target_rises() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    plain = torch.tensor([[1.0, 0.5], [1.0, 0.5], [1.0, 0.5], [0.0, 0.0]])
    aligned = torch.tensor([[1.0, 0.6], [1.0, 0.4], [2.0, 1.2], [0.0, 3.0]])
    targets = torch.ones(4, dtype=torch.int64)

    # The third has a higher cosine to its target, but the score of another item rises by more.
    assert score_margin(plain, targets, table).tolist() == [-0.5, -0.5, -0.5, 0.0]
    assert helped(aligned, plain, targets, table).tolist() == [True, False, False, True]


def test_the_only_item_of_a_catalogue_is_never_helped() -> None:
    states, targets = torch.randn(2, 3), torch.zeros(2, dtype=torch.int64)

    assert helped(2 * states, states, targets, torch.randn(1, 3)).tolist() == [False, False]
