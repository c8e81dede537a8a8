"""The language model's cached states depend on texts and LoRA alone, and match the final LoRA after training."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_coco import drawn, make_bert, tiny_inputs
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.full_model.recipes import TrainConfig
from train.full_model.training import describe_run, load_model, train_model
from train.items.text import ItemTexts
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import validation_score
from train.plugins.coco import CoCo, CoCoConfig, coco
from train.plugins.knowledge_model import REFRESH_EPOCHS, ItemKnowledge, tunable_knowledge


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert") / "model")


@pytest.fixture(scope="module")
def run(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run, config = RunFolder(tmp_path_factory.mktemp("runs") / "alone"), config_of(bert)
    run.claim(describe_run(tiny_dataset(), config), resume=False)
    train_model(tiny_dataset(), config, run)
    return run


def config_of(bert: Path) -> TrainConfig:
    return TrainConfig(
        plugins={"coco": {"n_prompts": 6, "language_model": str(bert)}},
        encoder=EncoderConfig(dim=16, max_length=8, n_blocks=1),
        fit=FitConfig(batch_users=16, max_epochs=4, patience=4),
        learning_rate=3e-3,
    )


def tuned(bert: Path) -> ItemKnowledge:
    """Return knowledge after an update of the LoRA, so that the cache is stale."""
    knowledge = tunable_knowledge(str(bert), ItemTexts(tiny_inputs().catalogue))
    with torch.no_grad():
        for index, parameter in enumerate(knowledge.lora):
            parameter.copy_(0.5 * drawn(*parameter.shape, seed=20 + index))
    return knowledge


def encode_alone(knowledge: ItemKnowledge, item: int) -> Tensor:
    """Encode one text by itself, without dropout."""
    assert knowledge._texts is not None
    with torch.no_grad():
        return knowledge._texts.hidden_states([item], torch.device("cpu"), tuning=False)[0]


def module_of(model: Model) -> CoCo:
    module = model.plugins[0].module
    assert isinstance(module, CoCo)
    return module


def test_an_encoded_text_is_cached_without_dropout(bert: Path) -> None:
    knowledge = tuned(bert)
    rows, before = torch.tensor([7, 4, 7]), knowledge.states.clone()

    fresh = knowledge.encode_for_tuning(rows)

    assert fresh.requires_grad
    for position, item in enumerate(rows.tolist()):
        torch.testing.assert_close(knowledge.states[item], encode_alone(knowledge, item), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(fresh[position].detach(), knowledge.states[item])
    assert (knowledge.states != before).any(1).nonzero()[:, 0].tolist() == [4, 7]


def test_no_cached_state_is_older_than_the_refresh_period(bert: Path) -> None:
    knowledge = tuned(bert)
    before = knowledge.states.clone()

    for epoch in range(5, 5 + REFRESH_EPOCHS):
        knowledge.refresh_share(epoch)
        changed = (knowledge.states != before).any(1)
        assert changed.nonzero()[:, 0].tolist() == [
            item for item in range(24) if (item - 5) % REFRESH_EPOCHS <= epoch - 5
        ]

    everything = knowledge.states.clone()
    knowledge.refresh_all()
    torch.testing.assert_close(everything, knowledge.states, rtol=1e-4, atol=1e-5)


def test_some_epochs_refresh_nothing_in_a_catalogue_smaller_than_the_period(bert: Path) -> None:
    knowledge = tunable_knowledge(str(bert), ["Thing number 1", "Thing number 2"])
    with torch.no_grad():
        knowledge.states.zero_()

    knowledge.refresh_share(3)

    assert not knowledge.states.any()
    knowledge.refresh_share(REFRESH_EPOCHS + 1)
    assert knowledge.states.any(1).tolist() == [False, True]


@pytest.mark.parametrize("llm_budget", [0, 4])
def test_an_epoch_refreshes_its_share_if_the_language_model_is_tuned(bert: Path, llm_budget: int) -> None:
    plugin = coco(CoCoConfig(n_prompts=6, language_model=str(bert), llm_budget=llm_budget), tiny_inputs())
    assert isinstance(plugin.module, CoCo)
    states = plugin.module.knowledge.states
    with torch.no_grad():
        states.zero_()

    assert plugin.before_epoch is not None
    plugin.before_epoch(2, drawn(24, 8))

    shares = range(2, 24, REFRESH_EPOCHS) if llm_budget else range(0)
    assert states.any(1).nonzero()[:, 0].tolist() == list(shares)
    assert (plugin.finalize is not None) == bool(llm_budget)


def test_frozen_features_have_no_finalize_hook() -> None:
    assert coco(CoCoConfig(n_prompts=6), tiny_inputs()).finalize is None


def test_saved_states_match_the_saved_language_model(run: RunFolder) -> None:
    model = load_model(run, tiny_dataset())
    knowledge = module_of(model).knowledge

    for item in range(24):
        torch.testing.assert_close(knowledge.states[item].cpu(), encode_alone(knowledge, item), rtol=1e-4, atol=1e-5)
    assert any(bool(weight.any()) for weight in list(knowledge.lora)[1::2])


def test_a_second_finalize_changes_nothing(run: RunFolder) -> None:
    model = load_model(run, tiny_dataset())
    states = module_of(model).knowledge.states
    before = states.clone()

    assert model.finalize()

    assert torch.equal(states, before)


def test_metrics_are_those_of_the_finalized_model(run: RunFolder) -> None:
    split = leave_one_out(tiny_dataset().sequences)

    score = validation_score(load_model(run, tiny_dataset()), split)

    assert run.figures()["valid_ndcg@10"] == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize(
    "killed_at", ["train.full_model.training.validation_score", "train.full_model.training.RunFolder.finish"]
)
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    run: RunFolder, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    cut, config, dataset = RunFolder(tmp_path / "cut"), config_of(bert), tiny_dataset()
    cut.claim(describe_run(dataset, config), resume=False)
    calls = 0

    def kill(*given: object, **_: object) -> float:
        nonlocal calls
        calls += 1
        if killed_at.endswith("finish") or calls > 2:
            raise KeyboardInterrupt
        return validation_score(*given)  # type: ignore[arg-type]  # as train_model gives them

    monkeypatch.setattr(killed_at, kill)
    with pytest.raises(KeyboardInterrupt):
        train_model(dataset, config, cut)
    monkeypatch.undo()
    assert not cut.finished

    cut.claim(describe_run(dataset, config), resume=True)
    train_model(dataset, config, cut)

    one, two = run.load_best(), cut.load_best()
    assert one.keys() == two.keys()
    assert all(torch.equal(weights, two[name]) for name, weights in one.items())
