from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.data.sequences import Sequences
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
from train.objectives.cross_entropy import AddedScores
from train.plugins.plugin import Positions
from train.plugins.transitions import MixedExpert, TransitionsConfig, expert_config, settings_tensor
from train.transitions.expert import ExpertConfig, Queries, TransitionsExpert
from train.transitions.graph import GraphConfig, transition_counts

TINY = EncoderConfig(dim=16, max_length=8, n_blocks=1)
ALONE = TrainConfig(backbone="none", plugins={"transitions": {}}, encoder=TINY)
MIXED = TrainConfig(plugins={"transitions": {}}, encoder=TINY, fit=FitConfig(batch_users=16, max_epochs=2))
TOGETHER = replace(MIXED, plugins={"transitions": {"training_weight": 0.5}})


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

    config = ExpertConfig()
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


class Captured:
    """Stands in for the loss and keeps what it was given."""

    def __init__(self) -> None:
        self.states, self.targets, self.added = torch.empty(0), torch.empty(0), torch.empty(0)

    def __call__(self, states: Tensor, table: Tensor, targets: Tensor, *, added: AddedScores, **_: object) -> Tensor:
        self.states, self.targets, self.added = states, targets, added(slice(None))
        return (states @ table.T).logsumexp(1).mean()


def without_own(train: Sequences, user: int, history: NDArray[np.int32], model: Model) -> NDArray[np.float32]:
    """The expert's log-scores with counts of the other users only."""
    others = [rows for one, rows in enumerate(train) if one != user]
    users = np.repeat(np.arange(len(others)), [len(rows) for rows in others])
    config = expert_config(expert_of(model).settings)
    counts = transition_counts(np.concatenate(others), users, len(model.seen), config.graph)
    expert = TransitionsExpert(counts, config, expert_of(model).expert().similar)
    scores: NDArray[np.float32] = expert.log_scores(Queries.of([history]))[0]
    return scores


@pytest.mark.parametrize("stand_ins", [False, True])
def test_a_model_trained_with_the_expert_gets_scores_without_its_users_own_transitions_in_the_order_of_its_states(
    stand_ins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = tiny_dataset(n_users=12, n_items=60)
    split = leave_one_out(dataset.sequences)
    encoder = replace(TINY, max_length=12)
    model = compose(dataset, split.train, replace(TOGETHER, encoder=encoder, stand_ins=stand_ins))
    model.prepare(split)
    captured = Captured()
    monkeypatch.setattr("train.full_model.model.full_cross_entropy", captured)
    sequences = TrainingSequences(list(split.train), 12)
    # In two groups of lengths, in another order than the users.
    batch = training_batch([sequences[user] for user in reversed(range(12))], cuts=(4,))
    assert len(batch) == 2
    assert not model.seen.all()

    model(batch)

    users = [user for is_long in (False, True) for user in reversed(range(12)) if (len(sequences[user]) > 5) == is_long]
    places = [(user, end) for user in users for end in range(1, len(sequences[user]))]
    # With stand-ins, items that nobody had are no candidates.
    candidates = model.seen.numpy() if stand_ins else np.ones(60, dtype=bool)
    column = np.cumsum(candidates) - 1
    assert captured.targets.tolist() == [column[sequences[user][end]] for user, end in places]
    assert len(captured.states) == len(captured.added) == len(places)
    for scores, (user, end) in zip(captured.added, places, strict=True):
        expected = 0.5 * without_own(split.train, user, sequences[user][:end], model)[candidates]
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)


def test_a_model_trained_with_the_expert_learns_what_is_left() -> None:
    dataset = tiny_dataset()
    split = leave_one_out(dataset.sequences)
    model = compose(dataset, split.train, replace(TOGETHER, dropout=0.0))
    model.prepare(split)
    batch = training_batch([TrainingSequences(list(split.train), 8)[user] for user in range(8)])

    with_expert = model(batch)["next"]
    with_expert.backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    expert_of(model).weight.zero_()

    assert with_expert < model(batch)["next"]
    assert all(gradient is not None and gradient.any() for gradient in gradients.values())
    assert not any(name.startswith("plugin_modules") for name in gradients)


def test_settings_of_a_training_with_the_expert_are_chosen_before_it_and_kept(tmp_path: Path) -> None:
    dataset = tiny_dataset()
    split = leave_one_out(dataset.sequences)
    fresh = compose(dataset, split.train, TOGETHER)
    fresh.prepare(split)

    model, figures = trained(dataset, TOGETHER, tmp_path / "run")

    assert torch.equal(expert_of(model).settings, expert_of(fresh).settings)
    assert float(expert_of(fresh).weight) == 0.5
    assert float(expert_of(model).weight) == figures["weight"]
    assert figures["valid_ndcg@10"] >= figures["valid_ndcg@10_without"]
    assert validation_score(model, split) == pytest.approx(figures["valid_ndcg@10"], abs=1e-6)


def test_an_interrupted_training_with_the_expert_equals_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = tiny_dataset()
    whole, _ = trained(dataset, TOGETHER, tmp_path / "whole")
    run = RunFolder(tmp_path / "cut")
    run.claim(describe_run(dataset, TOGETHER), resume=False)

    def stopped(_: object, epoch: int) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Model, "before_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_model(dataset, TOGETHER, run)
    monkeypatch.undo()

    train_model(dataset, TOGETHER, run)

    resumed = load_model(run, dataset).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.state_dict().items())


def test_settings_survive_being_saved_as_numbers() -> None:
    config = ExpertConfig(
        graph=GraphConfig(window=50, decay=0.7, backward=1.0, followers=16), newest=50, recency=1.0, second_hop=0.3,
        smoothing=1e-4, text=2.0, image=1.0,
    )  # fmt: skip
    assert expert_config(settings_tensor(config)) == config


def test_a_backbone_of_none_takes_transitions_alone() -> None:
    with pytest.raises(ValueError, match="'transitions' alone; got the plug-ins"):
        TrainConfig(backbone="none", plugins={"llmrec": {}, "transitions": {}})
    with pytest.raises(ValueError, match="search_users"):
        TransitionsConfig(search_users=-1)
    with pytest.raises(ValueError, match="training_weight"):
        TransitionsConfig(training_weight=-0.5)
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
