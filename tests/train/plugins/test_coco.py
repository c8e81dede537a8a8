"""CoCo as a plug-in: it starts as the backbone alone, sees no later events, and each setting has an effect."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_coco import DIM, drawn, tiny_inputs
from tests.train.plugins.tiny_steps import make_step
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.full_model.model import Model
from train.loop.batches import TrainingSequences, pad, training_batch
from train.plugins import coco as coco_module
from train.plugins.coco import CoCo, CoCoConfig, coco
from train.plugins.plugin import Plugin, VisibleHistory
from train.plugins.prompt_codebook import perplexity

SMALL = CoCoConfig(n_prompts=6, dropout=0.0)


def module_of(plugin: Plugin) -> CoCo:
    assert isinstance(plugin.module, CoCo)
    return plugin.module


def trained_module(config: CoCoConfig = SMALL, *, absent: tuple[int, ...] = ()) -> CoCo:
    """Return a module with non-zero output weights, as after training."""
    module = module_of(coco(config, tiny_inputs(absent=absent)))
    torch.nn.init.normal_(module.attention.output.weight, generator=torch.Generator().manual_seed(1))
    return module


def history(n_users: int = 3, length: int = 9) -> VisibleHistory:
    rows = torch.randint(24, (n_users, length), generator=torch.Generator().manual_seed(2))
    visible = torch.ones(n_users, length)
    visible[0, :4], visible[1, 6] = 0.0, 0.0
    return VisibleHistory(rows, visible, drawn(24, DIM, seed=3))


def tiny_model(*plugins: Plugin) -> Model:
    torch.manual_seed(0)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1), dropout=0.0)
    return Model(torch.ones(24, dtype=torch.bool), backbone, plugins)


def sequences() -> TrainingSequences:
    return TrainingSequences(list(tiny_inputs().train), 8)


def losses_of(module: CoCo) -> Callable[[], dict[str, float]]:
    histories = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 6]])
    plain, table = drawn(3, DIM, seed=4), drawn(24, DIM, seed=5)
    return lambda: {
        name: float(term.detach()) for name, term in module.losses(make_step(plain, table, histories)).items()
    }


def test_an_untrained_plugin_does_not_change_states() -> None:
    plain, with_coco = tiny_model(), tiny_model(coco(SMALL, tiny_inputs()))
    rows, mask = pad([np.array([1, 2, 3], dtype=np.int32), np.array([6], dtype=np.int32)])

    with torch.no_grad():
        assert torch.equal(
            with_coco.user_states(rows, mask, with_coco.item_vectors()),
            plain.user_states(rows, mask, plain.item_vectors()),
        )


def test_the_same_seed_gives_the_same_plugin_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)

    built = [module_of(coco(SMALL, tiny_inputs(seed=seed))).state_dict() for seed in (1, 1, 2)]

    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
    assert not torch.equal(built[0]["codebook.shared"], built[2]["codebook.shared"])


def test_a_state_depends_only_on_visible_events_up_to_its_position() -> None:
    module, given = trained_module(), history()
    states = drawn(3, 9, DIM)
    before = module.align(states, given)

    for event in range(9):
        changed = given.rows.clone()
        changed[:, event] = (changed[:, event] + 7) % 24
        after = module.align(states, given._replace(rows=changed))
        moved = ((after - before).abs().amax(2) > 1e-6).tolist()
        for user in range(3):
            visible = bool(given.visible[user, event])
            assert moved[user] == [visible and event <= position < event + 8 for position in range(9)]


@pytest.mark.parametrize("positions", [1, 3])
def test_the_newest_positions_alone_give_the_same_states(positions: int) -> None:
    module, given, states = trained_module(), history(), drawn(3, 9, DIM)

    newest = module.align(states[:, -positions:], given)

    torch.testing.assert_close(newest, module.align(states, given)[:, -positions:])


def test_an_item_without_text_adds_nothing() -> None:
    given, states = history(), drawn(3, 9, DIM)
    described, silent = trained_module(), trained_module(absent=tuple(range(24)))

    without = silent.align(states, given)

    torch.testing.assert_close(without, silent.align(states, given._replace(rows=given.rows * 0)))
    assert without.isfinite().all()
    assert not torch.allclose(described.align(states, given), without)


def test_large_batches_are_chunked_with_the_same_values_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    module, given = trained_module(), history()
    states = drawn(3, 9, DIM).requires_grad_()
    target = (states, *(parameter for parameter in module.parameters() if parameter.requires_grad))
    whole = module.align(states, given)
    gradients = torch.autograd.grad(whole.square().sum(), target, allow_unused=True)

    monkeypatch.setattr(coco_module, "_MAX_WEIGHTS", 1)
    pieces = module.align(states, given)
    cached = module.knowledge.states.clone()
    module.knowledge.states.zero_()  # tuning changes the cache before a chunk is recomputed

    torch.testing.assert_close(pieces, whole)
    for result, expected in zip(
        torch.autograd.grad(pieces.square().sum(), target, allow_unused=True), gradients, strict=True
    ):
        torch.testing.assert_close(result, expected)
    module.knowledge.states.copy_(cached)
    with torch.inference_mode():
        torch.testing.assert_close(module.align(states, given), whole)


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": -1.0}, {"threshold": 0.1, "max_selected": 1}, {"n_prompts": 5}, {"window": 2},
        {"static_prompt": True}, {"disentangle": False},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_changes_the_states(changed: dict[str, object]) -> None:
    config = CoCoConfig(**{"n_prompts": 6, "threshold": 0.1} | changed)  # type: ignore[arg-type]  # fields of its own
    given, states = history(), drawn(3, 9, DIM)

    assert not torch.allclose(
        trained_module(config).align(states, given), trained_module(replace(SMALL, threshold=0.1)).align(states, given)
    )


@pytest.mark.parametrize(
    ("field", "term"),
    [
        ("auxiliary_weight", "auxiliary"), ("orthogonality_weight", "orthogonality"),
        ("quantization_weight", "quantization"),
    ],
)  # fmt: skip
def test_each_weight_scales_its_own_term(field: str, term: str) -> None:
    plain, doubled = SMALL, replace(SMALL, **{field: 2 * getattr(SMALL, field)})

    before, after = losses_of(trained_module(plain))(), losses_of(trained_module(doubled))()

    assert after.pop(term) == pytest.approx(2 * before.pop(term), rel=1e-5)
    assert after == before
    assert set(before) | {term} == {"auxiliary", "orthogonality", "quantization"}


def test_default_weights_are_those_of_the_description() -> None:
    config = CoCoConfig()

    assert (config.n_prompts, config.threshold, config.max_selected) == (64, 0.45, 30)
    assert (config.auxiliary_weight, config.orthogonality_weight, config.quantization_weight) == (0.2, 0.15, 0.25)


def test_the_auxiliary_loss_is_info_nce_of_newest_states_and_next_items_with_equal_items_as_positives() -> None:
    histories = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 6]])
    plain, table = drawn(3, DIM, seed=4), drawn(24, DIM, seed=5)

    result = trained_module().losses(make_step(plain, table, histories))["auxiliary"].item()

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a.double() @ b.double() / (a.double().norm() * b.double().norm()))

    targets = histories[:, -1].tolist()
    total = 0.0
    for u in range(3):
        logits = [cosine(plain[u], table[row]) / SMALL.temperature for row in targets]
        positives = [logits[v] for v in range(3) if targets[v] == targets[u]]
        total += math.log(sum(map(math.exp, logits))) - sum(positives) / len(positives)
    assert result == pytest.approx(0.2 * total / 3, rel=1e-4)
    assert losses_of(trained_module(replace(SMALL, temperature=1.0)))()["auxiliary"] != pytest.approx(result, rel=1e-2)


def test_codebook_statistics_use_only_the_newest_state_of_each_user() -> None:
    module = trained_module()
    step = make_step(drawn(3, DIM, seed=4), drawn(24, DIM, seed=5), torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
    older = drawn(3, DIM, seed=6)
    both = replace(
        step,
        input_states=torch.stack([older, step.input_states], dim=1).flatten(0, 1),
        states=torch.stack([older, step.states], dim=1).flatten(0, 1),
        targets=step.histories[:, 1:].flatten(),
        users=torch.tensor([0, 0, 1, 1, 2, 2]),
    )

    alone, with_older = module.losses(step), module.losses(both)

    torch.testing.assert_close(with_older["auxiliary"], alone["auxiliary"])
    assert float(module.codebook.usage.sum()) >= 2 * 3
    assert int(module.codebook.n_recent) == 2 * 3
    assert not torch.allclose(with_older["quantization"], alone["quantization"])


def test_the_codebook_follows_the_input_states_of_the_plugin() -> None:
    first, second, shift = coco(SMALL, tiny_inputs()), coco(SMALL, tiny_inputs()), 3.0 * drawn(DIM, seed=8)
    batch = training_batch([sequences()[index] for index in range(40)])

    tiny_model(first)(batch)
    tiny_model(Plugin(name="shift", state=lambda states, _: states + shift), second)(batch)

    moved = module_of(second).centre - module_of(first).centre
    torch.testing.assert_close(moved, coco_module._CENTRE_STEP * shift)


def test_no_term_depends_on_the_backbone_states() -> None:
    states, table, histories = drawn(3, DIM, seed=4), drawn(24, DIM, seed=5), torch.tensor([[1, 2], [4, 5], [7, 8]])
    unknown = torch.full((3, DIM), torch.nan)

    result = trained_module().losses(make_step(states, table, histories, plain=unknown))

    assert all(term.isfinite() for term in result.values())
    assert {name: float(term.detach()) for name, term in result.items()} == {
        name: float(term.detach())
        for name, term in trained_module().losses(make_step(states, table, histories)).items()
    }


def test_the_static_prompt_has_no_codebook_terms() -> None:
    module = trained_module(replace(SMALL, static_prompt=True))

    assert set(losses_of(module)()) == {"auxiliary"}
    result = module.align(drawn(3, 9, DIM), history())
    gradients = torch.autograd.grad(
        result.square().sum(),
        (module.codebook.offsets, module.codebook.shared, module.user_map.weight),
        allow_unused=True,
    )
    assert gradients[1] is not None
    assert float(gradients[1].abs().max()) > 0
    assert float(gradients[0].abs().max()) == 0.0
    assert gradients[2] is None


def test_a_step_of_one_user_and_extreme_states_stay_finite() -> None:
    for scale in (0.0, 1e-12, 1e6):
        plain = (scale * drawn(1, DIM)).requires_grad_()

        terms = trained_module().losses(make_step(plain, drawn(24, DIM), torch.tensor([[1, 2]])))

        loss = torch.stack(list(terms.values())).sum()
        assert loss.isfinite()
        assert torch.autograd.grad(loss, plain)[0].isfinite().all()


def test_knowledge_has_dropout_in_training_only() -> None:
    states, whole = drawn(3, 9, DIM), trained_module()
    module = trained_module(replace(SMALL, dropout=0.5))
    module.load_state_dict(whole.state_dict())

    added, expected = module.align(states, history()) - states, whole.align(states, history()) - states

    dropped = added == 0.0
    assert 0.2 < float(dropped.float().mean()) < 0.8
    torch.testing.assert_close(added[~dropped], 2 * expected[~dropped], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(module.eval().align(states, history()), whole.align(states, history()))


def test_users_with_similar_states_do_not_collapse_to_one_prompt() -> None:
    module, n_users = trained_module(), 200
    common = 3.0 * drawn(DIM, seed=8)
    histories = torch.randint(24, (n_users, 2), generator=torch.Generator().manual_seed(9))
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)

    for step in range(300):
        states = common + drawn(n_users, DIM, seed=100 + step)
        terms = module.losses(make_step(states, drawn(24, DIM), histories))
        (terms["quantization"] + terms["orthogonality"]).backward()  # type: ignore[no-untyped-call]  # as torch has it
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    with torch.no_grad():
        nearest = module.select_prompts(common + drawn(2_000, DIM, seed=1)).float()
    assert perplexity(nearest.sum(0)) > 0.8 * SMALL.n_prompts


def test_a_model_trains_and_every_parameter_gets_a_gradient() -> None:
    model, data = tiny_model(coco(SMALL, tiny_inputs())), sequences()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    losses = []
    for _ in range(15):
        terms = model(training_batch([data[index] for index in range(40)]))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]  # as torch has it
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(terms["next"].detach()))

    assert losses[-1] < 0.9 * losses[0]
    assert [name for name, value in model.named_parameters() if torch.equal(value, before[name])] == []


def test_restarts_depend_on_the_epoch_and_the_seed() -> None:
    plugin = coco(SMALL, tiny_inputs())
    module, saved = module_of(plugin), {}
    module.codebook.usage.copy_(torch.tensor([9.0, 9.0, 0.0, 9.0, 0.0, 9.0]))
    module.codebook.track(drawn(30, DIM), torch.zeros(30, 6, dtype=torch.bool))
    saved = {name: value.clone() for name, value in module.state_dict().items()}
    start = module.codebook.prompts.detach().clone()
    assert plugin.before_epoch is not None

    moved = []
    for epoch in (3, 3, 4):
        module.load_state_dict(saved)
        plugin.before_epoch(epoch, drawn(24, DIM))
        moved.append(module.codebook.prompts.detach().clone())

    assert torch.equal(moved[0], moved[1])
    assert not torch.equal(moved[0], moved[2])
    changed = (moved[0] != start).any(1).tolist()
    assert changed == [False, False, True, False, True, False]


def test_device_prompts_are_the_directions_where_users_fit_a_prompt_best() -> None:
    module = trained_module()

    pointing = module.device_prompts()

    cosines = module.features(pointing) @ torch.nn.functional.normalize(module.codebook.prompts, dim=1).T
    torch.testing.assert_close(cosines.diagonal(), torch.ones(6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_prompts": 0}, {"max_selected": 0}, {"window": 0}, {"threshold": 1.5}, {"temperature": 0.0},
        {"llm_budget": -1}, {"auxiliary_weight": -0.1}, {"orthogonality_weight": math.nan},
        {"quantization_weight": -1.0}, {"dropout": 1.0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} .*got {next(iter(wrong.values()))}"):
        CoCoConfig(**wrong)  # type: ignore[arg-type]  # the wrong values are the point
