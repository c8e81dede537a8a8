"""Knowledge reaches a state through its prompts, from visible events up to its own position, and from nowhere else."""

import math

import pytest
import torch
from torch import Tensor

from train.plugins.knowledge_attention import KnowledgeAttention, helped, masked_softmax

DIM, WINDOW, LENGTH = 4, 3, 6


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def attention(*, disentangle: bool = True) -> KnowledgeAttention:
    torch.manual_seed(0)
    made = KnowledgeAttention(DIM, window=WINDOW, disentangle=disentangle)
    torch.nn.init.normal_(made.output.weight)
    return made


def inputs(batch: int = 2) -> dict[str, Tensor]:
    told = torch.ones(batch, LENGTH)
    told[0, :3], told[1, 4] = 0.0, 0.0
    return {
        "states": drawn(batch, LENGTH, DIM),
        "prompts": drawn(5, DIM, seed=1),
        "nudge": torch.zeros(batch, LENGTH, DIM),
        "chosen": drawn(batch, LENGTH, 5, seed=2) > 0.3,
        "mix": drawn(batch, LENGTH, DIM, seed=3),
        "told": told,
    }


def aligned_slowly(made: KnowledgeAttention, given: dict[str, Tensor], user: int, position: int) -> Tensor:
    """``h_pure`` prompt by prompt, then the alignment over ``[h; h_pure]``, as printed, in float64."""
    maps = (made.query, made.key, made.value, made.align_query, made.align_key, made.align_value, made.output)
    wq, wk, wv, uq, uk, uv, uo = (linear.weight.detach().double().T for linear in maps)
    h, mix = given["states"][user, position].double(), given["mix"][user].double()
    events = [t for t in range(max(0, position - WINDOW + 1), position + 1) if given["told"][user, t] > 0]
    pure = []
    for k in given["chosen"][user, position].nonzero()[:, 0].tolist() if events else []:
        z = given["prompts"][k].double()
        weights = torch.softmax(torch.stack([(z @ wq) @ (mix[t] @ wk) / math.sqrt(DIM) for t in events]), 0)
        pure.append(torch.stack([w * (mix[t] @ wv) for w, t in zip(weights, events, strict=True)]).sum(0))
    tokens = [h, *pure]
    weights = torch.softmax(torch.stack([(h @ uq) @ (token @ uk) / math.sqrt(DIM) for token in tokens]), 0)
    mixed = torch.stack([w * (token @ uv) for w, token in zip(weights, tokens, strict=True)]).sum(0)
    return h + mixed @ uo


def test_states_are_aligned_as_the_formulas_say() -> None:
    made, given = attention(), inputs()

    found = made(**given).detach().double()

    for user in range(2):
        for position in range(LENGTH):
            expected = aligned_slowly(made, given, user, position)
            torch.testing.assert_close(found[user, position], expected, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_the_slow_formula() -> None:
    made, given = attention(), inputs()
    states, mix = given["states"].requires_grad_(), given["mix"].requires_grad_()

    found = torch.autograd.grad(made(**given)[1, 5].sum(), (states, mix))

    slow = torch.autograd.grad(aligned_slowly(made, given, 1, 5).sum(), (states, mix))
    torch.testing.assert_close(found, slow, rtol=1e-4, atol=1e-5)


def test_it_starts_from_the_backbone_alone() -> None:
    torch.manual_seed(0)
    given = inputs()

    assert torch.equal(KnowledgeAttention(DIM, window=WINDOW, disentangle=True)(**given), given["states"])


def test_a_state_sees_no_later_event_none_that_is_hidden_and_none_beyond_the_window() -> None:
    made, given = attention(), inputs()
    before = made(**given)

    for event in range(LENGTH):
        changed = given["mix"].clone()
        changed[:, event] += 5.0
        moved = (made(**given | {"mix": changed}) - before).abs().sum(2) > 1e-6
        for user in range(2):
            told = bool(given["told"][user, event])
            expected = [told and event <= position < event + WINDOW for position in range(LENGTH)]
            anything = given["chosen"][user].any(1).tolist()
            assert moved[user].tolist() == [a and b for a, b in zip(expected, anything, strict=True)]


@pytest.mark.parametrize("positions", [1, 2, 4, LENGTH])
@pytest.mark.parametrize("n_events", [LENGTH, 5])
def test_the_newest_positions_alone_give_what_all_positions_give(positions: int, n_events: int) -> None:
    made, given = attention(), inputs()
    whole = made(**given)[:, -positions:]
    newest = {
        name: given[name][:, -positions:] for name in ("states", "nudge", "chosen")
    } | {name: given[name][:, -max(n_events, positions) :] for name in ("mix", "told")}  # fmt: skip

    found = made(**given | newest)

    reach = slice(max(0, positions - (n_events - WINDOW + 1)), None)
    torch.testing.assert_close(found[:, reach], whole[:, reach])


def test_a_state_that_is_told_nothing_looks_at_itself() -> None:
    made, given = attention(), inputs()
    given["told"] = torch.zeros(2, LENGTH)

    found = made(**given)

    states = given["states"]
    torch.testing.assert_close(found, states + made.output(made.align_value(states)))


def test_a_prompt_that_is_not_chosen_changes_nothing() -> None:
    made, given = attention(), inputs()
    given["chosen"] = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    given["chosen"][:, :, 1] = True
    others = given["prompts"].clone()
    others[[0, 2, 3, 4]] += 3.0
    mine = given["prompts"].clone()
    mine[1] += 3.0

    before = made(**given)

    torch.testing.assert_close(made(**given | {"prompts": others}), before)
    assert not torch.allclose(made(**given | {"prompts": mine})[:, 5], before[:, 5])


def test_without_disentangling_every_prompt_draws_the_mean() -> None:
    made, given = attention(disentangle=False), inputs()
    other = given | {"prompts": given["prompts"] + 3.0}
    one = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    one[:, :, 0] = True

    found = made(**given | {"chosen": one})

    torch.testing.assert_close(made(**given), made(**other))
    mean = given["mix"][1, 3:6][given["told"][1, 3:6] > 0].mean(0)
    same = attention()
    alike = given["mix"].clone()
    alike[1, 3:6] = mean
    torch.testing.assert_close(found[1, 5], same(**given | {"chosen": one, "mix": alike})[1, 5])


def test_the_nudge_changes_no_value_and_carries_the_gradient_of_the_chosen_prompts() -> None:
    made, given = attention(), inputs(batch=2)
    one = torch.zeros(2, LENGTH, 5, dtype=torch.bool)
    one[:, :, 1] = True
    nudge, prompts = torch.zeros(2, LENGTH, DIM).requires_grad_(), given["prompts"].requires_grad_()

    found = made(**given | {"chosen": one, "nudge": nudge})

    to_nudge, to_prompts = torch.autograd.grad(found.square().sum(), (nudge, prompts))
    assert torch.equal(found, made(**given | {"chosen": one}))
    torch.testing.assert_close(to_nudge.sum((0, 1)), to_prompts[1], rtol=1e-4, atol=1e-5)
    assert float(to_prompts[[0, 2, 3, 4]].abs().max()) == 0.0


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e8])
def test_values_and_gradients_stay_finite(scale: float) -> None:
    made, given = attention(), inputs()
    given["states"] = (scale * given["states"]).requires_grad_()
    given["mix"] = (scale * given["mix"]).requires_grad_()

    found = made(**given)

    assert torch.isfinite(found).all()
    for gradient in torch.autograd.grad(found.sum(), (*made.parameters(), given["states"], given["mix"])):
        assert torch.isfinite(gradient).all()


def test_the_masked_softmax_of_nothing_is_zeros() -> None:
    scores = drawn(3, 4).requires_grad_()
    allowed = torch.tensor([[True, False, True, False], [False] * 4, [True] * 4])

    found = masked_softmax(scores, allowed)

    torch.testing.assert_close(found[0, [0, 2]], torch.softmax(scores[0, [0, 2]], 0))
    assert found[0, [1, 3]].tolist() == [0.0, 0.0]
    assert found[1].tolist() == [0.0] * 4
    torch.testing.assert_close(found[2], torch.softmax(scores[2], 0))
    assert torch.autograd.grad(found.square().sum(), scores)[0].isfinite().all()


def test_knowledge_helps_where_the_state_turns_to_what_was_wanted() -> None:
    plain = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    wanted = torch.tensor([[0.0, 1.0]]).expand(4, 2)
    aligned = torch.tensor([[1.0, 0.1], [1.0, -0.1], [5.0, 0.0], [0.0, 3.0]])

    assert helped(aligned, plain, wanted).tolist() == [True, False, False, True]
