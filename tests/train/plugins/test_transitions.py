from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.errors import RunError
from train.full_model.model import Model, whole_histories
from train.full_model.recipes import TrainConfig, compose
from train.full_model.training import describe_run, load_model, train_model
from train.loop.batches import TrainingSequences, pad, training_batch
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import rank_split, validation_score
from train.metrics.ranking import ndcg
from train.plugins.plugin import Positions
from train.plugins.transitions import MixedExpert, TransitionsConfig, expert_config, settings_tensor
from train.transitions.expert import ExpertConfig, Queries, TransitionsExpert
from train.transitions.graph import GraphConfig, transition_counts

TINY = EncoderConfig(dim=16, max_length=8, n_blocks=1)
ALONE = TrainConfig(backbone="none", plugins={"transitions": {}}, encoder=TINY)
MIXED = TrainConfig(plugins={"transitions": {}}, encoder=TINY, fit=FitConfig(batch_users=16, max_epochs=2))


@pytest.fixture(autouse=True)
def _no_shared_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("train.full_model.recipes.FEATURES", tmp_path / "features")


def trained(dataset: Dataset, config: TrainConfig, path: Path) -> tuple[Model, dict[str, float]]:
    run = RunFolder(path)
    run.claim(describe_run(dataset, config), resume=False)
    figures = train_model(dataset, config, run)
    return load_model(run, dataset), figures["plugins"]["transitions"]


def expert_of(model: Model) -> MixedExpert:
    module = model.plugin_modules["transitions"]
    assert isinstance(module, MixedExpert)
    return module


def test_without_a_backbone_the_expert_ranks_alone_and_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    dataset = tiny_dataset()

    model, figures = trained(dataset, ALONE, tmp_path / "run")

    split = leave_one_out(dataset.sequences)
    assert validation_score(model, split) == pytest.approx(figures["search_ndcg@10"], abs=1e-6)
    assert figures["weight"] == 1.0
    assert figures["search_ndcg@10"] > 0.5
    rows, mask = pad([np.array([3, 4], dtype=np.int32)])
    assert not model.user_states(rows, mask, model.item_vectors()).any()


def test_the_mixture_is_not_worse_than_the_model_alone_on_validation_events(tmp_path: Path) -> None:
    dataset = tiny_dataset()

    model, figures = trained(dataset, MIXED, tmp_path / "run")

    assert figures["valid_ndcg@10"] >= figures["valid_ndcg@10_without"]
    split = leave_one_out(dataset.sequences)
    assert validation_score(model, split) == pytest.approx(figures["valid_ndcg@10"], abs=1e-6)
    expert_of(model).weight.zero_()
    assert validation_score(model, split) == pytest.approx(figures["valid_ndcg@10_without"], abs=1e-6)


def test_an_expert_that_does_not_help_gets_the_weight_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def misleading(self: TransitionsExpert, queries: Queries, own: object = None) -> object:
        # Prefers the items that are least likely to be next.
        weights = np.zeros((len(queries.end), self.n_items), dtype=np.float32)
        newest = queries.events[queries.end - 1]
        weights[np.arange(len(newest)), (newest + 12) % self.n_items] = 100.0
        return weights

    monkeypatch.setattr(TransitionsExpert, "log_scores", misleading)
    dataset = tiny_dataset()
    config = replace(MIXED, fit=FitConfig(batch_users=16, max_epochs=8), plugins={"transitions": {"search_users": 0}})

    _, figures = trained(dataset, config, tmp_path / "run")

    assert figures["weight"] == 0.0
    assert figures["valid_ndcg@10"] == figures["valid_ndcg@10_without"]


def test_training_positions_are_scored_without_the_transitions_of_their_user() -> None:
    dataset = tiny_dataset(n_users=12)
    train = leave_one_out(dataset.sequences).train
    model = compose(dataset, train, replace(MIXED, encoder=replace(TINY, max_length=12))).eval()
    expert = expert_of(model)
    expert.weight.fill_(1.0)
    batch = training_batch([TrainingSequences(list(train), 12)[user] for user in range(12)], cuts=())
    (group,) = batch
    histories, mask = whole_histories(batch)
    selected = group.targets >= 0

    scores = expert.log_scores_at(Positions(group.rows, group.mask, selected, histories, mask))(slice(None))

    config = ExpertConfig(new_items=0.0)
    for index, (user, position) in enumerate(selected.nonzero().tolist()):
        others = [rows for one, rows in enumerate(train) if one != user]
        counted = np.concatenate(others), np.repeat(np.arange(len(others)), [len(rows) for rows in others])
        counts = transition_counts(*counted, 24, config.graph)
        history = group.rows[user, : position + 1][group.mask[user, : position + 1] > 0].numpy()
        expected = TransitionsExpert(counts, config, expert.expert().similar).log_scores(Queries.of([history]))[0]
        np.testing.assert_allclose(scores[index], expected, rtol=1e-3, atol=1e-3)


def test_a_transition_that_only_the_user_made_does_not_raise_its_own_target() -> None:
    dataset = tiny_dataset(n_users=12)
    train = leave_one_out(dataset.sequences).train
    expert = expert_of(compose(dataset, train, MIXED).eval())
    expert.weight.fill_(1.0)
    expert.settings.copy_(settings_tensor(ExpertConfig(new_items=0.0)))
    sequences = TrainingSequences(list(train), 8)
    leaking = expert.expert().counts.tolil()
    batch = training_batch([sequences[0]], cuts=())
    histories, mask = whole_histories(batch)
    first, target = (int(row) for row in histories[0, -2:])
    assert leaking[first, target] > 0
    positions = Positions(batch[0].rows, batch[0].mask, batch[0].targets >= 0, histories, mask)

    without = expert.log_scores_at(positions)(slice(None))[-1]
    with_own = expert.log_scores(batch[0].rows, batch[0].mask)[0]

    assert without[target] < with_own[target]


def test_settings_survive_being_saved_as_numbers() -> None:
    config = ExpertConfig(
        graph=GraphConfig(window=50, decay=0.7, backward=1.0, followers=16), newest=50, recency=1.0, second_hop=0.3,
        smoothing=1e-4, text=2.0, image=1.0, new_items=0.5,
    )  # fmt: skip
    assert expert_config(settings_tensor(config)) == config


def test_a_backbone_of_none_takes_transitions_alone() -> None:
    with pytest.raises(ValueError, match="'transitions' alone; got the plug-ins"):
        TrainConfig(backbone="none", plugins={"llmrec": {}, "transitions": {}})
    with pytest.raises(ValueError, match="search_users"):
        TransitionsConfig(search_users=-1)
    with pytest.raises(RunError, match="transitions has no setting windows"):
        compose(tiny_dataset(), tiny_dataset().sequences, replace(ALONE, plugins={"transitions": {"windows": 3}}))


def test_the_expert_adds_to_the_models_ranking(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    split = leave_one_out(dataset.sequences)
    model, _ = trained(dataset, ALONE, tmp_path / "run")
    rows, mask = pad([split.test.history(0)[-8:]])
    with torch.inference_mode():
        scores = model.scores(rows, mask, model.item_vectors())
    torch.testing.assert_close(scores, expert_of(model).log_scores(rows, mask))
    assert float(np.mean(ndcg(rank_split(model, split.test).excluded, 10))) > 0.5


def test_a_run_from_before_new_items_had_transitions_ranks_as_it_did() -> None:
    dataset = tiny_dataset(n_users=12)
    model = compose(dataset, leave_one_out(dataset.sequences).train, MIXED)
    config = ExpertConfig(newest=2, text=1.0)
    saved = model.state_dict()
    (name,) = (name for name in saved if name.endswith("settings"))
    saved[name] = settings_tensor(config)[:-1]
    model.load_state_dict(saved)
    assert expert_config(expert_of(model).settings) == replace(config, new_items=0.0)
