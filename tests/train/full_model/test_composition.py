"""Any subset of plug-ins works with any backbone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_steps import make_step
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.sequences import Sequences
from train.data.split import leave_one_out
from train.errors import RunError
from train.full_model.choices import BACKBONES, PLUGINS, BackboneName, PluginName
from train.full_model.model import Model, training_positions, whole_histories
from train.full_model.recipes import TrainConfig, compose
from train.full_model.training import describe_run, load_model, train_model
from train.loop.batches import TrainingSequences, pad, training_batch
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder
from train.metrics.ranker import rank_split

ALONE: list[tuple[PluginName, ...]] = [(name,) for name in PLUGINS]
TINY = EncoderConfig(dim=16, max_length=8, n_blocks=1)


@pytest.fixture(autouse=True)
def _no_shared_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("train.full_model.recipes.FEATURES", tmp_path / "features")


def config_of(backbone: BackboneName, plugins: tuple[PluginName, ...]) -> TrainConfig:
    return TrainConfig(backbone=backbone, plugins={name: {} for name in plugins}, encoder=TINY, dropout=0.1)


def composed(config: TrainConfig) -> tuple[Model, TrainingSequences]:
    dataset = tiny_dataset()
    train = leave_one_out(dataset.sequences).train
    torch.manual_seed(0)
    return compose(dataset, train, config), TrainingSequences(list(train), config.encoder.max_length)


def test_backbone_settings_are_passed_on_and_checked() -> None:
    narrow, _ = composed(replace(config_of("gru4rec", ()), backbone_settings={"width": 6}))

    assert narrow.get_parameter("backbone.gru.weight_hh_l0").shape == (18, 6)
    with pytest.raises(RunError, match="s3rec has no setting width; expected some of hidden_share, n_neg"):
        composed(replace(config_of("s3rec", ()), backbone_settings={"width": 6}))
    with pytest.raises(RunError, match=r"bert4rec: invalid settings: .*hidden_share"):
        composed(replace(config_of("bert4rec", ()), backbone_settings={"hidden_share": 2.0}))


@pytest.mark.parametrize("plugins", [(), *ALONE, PLUGINS], ids="+".join)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_trains_with_every_plugin_and_with_all(
    backbone: BackboneName, plugins: tuple[PluginName, ...]
) -> None:
    model, sequences = composed(config_of(backbone, plugins))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.before_epoch(0)
    before = {name: weight.clone() for name, weight in model.named_parameters()}

    losses = []
    for _ in range(4):
        torch.manual_seed(1)  # the same cloze and dropout each time, so that losses are comparable
        terms = model(training_batch([sequences[index] for index in range(24)]))
        loss = torch.stack(list(terms.values())).sum()
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))

    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    trained = [name for name in plugins if any(one.startswith(f"plugin_modules.{name}.") for one in before)]
    assert {*plugins} - {*trained} <= {"transitions"}  # which has no parameters
    for name in trained:
        assert any(changed.startswith(f"plugin_modules.{name}.") for changed in moved), f"{name} was not trained"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_with_all_plugins_no_state_depends_on_a_later_event(backbone: BackboneName) -> None:
    model, _ = composed(config_of(backbone, PLUGINS))
    model.before_epoch(0)
    model.eval()
    rows, mask = pad([np.array([1, 2, 3, 4, 5], dtype=np.int32), np.array([6, 7], dtype=np.int32)])
    changed = rows.clone()
    changed[:, -1] = 20

    with torch.inference_mode():
        table = model.item_vectors()
        before, after = model.states(rows, mask, table), model.states(changed, mask, table)

    torch.testing.assert_close(before[:, :-1][mask[:, :-1] > 0], after[:, :-1][mask[:, :-1] > 0])
    assert not torch.allclose(before[:, -1], after[:, -1])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_with_all_plugins_the_newest_state_alone_equals_the_last_of_all(backbone: BackboneName) -> None:
    model, _ = composed(config_of(backbone, PLUGINS))
    model.before_epoch(0)
    model.eval()
    rows, mask = pad([np.array([1, 2, 3], dtype=np.int32), np.array([6], dtype=np.int32)])

    with torch.inference_mode():
        table = model.item_vectors()
        torch.testing.assert_close(
            model.user_states(rows, mask, table), model.states(rows, mask, table)[:, -1], rtol=1e-4, atol=1e-5
        )


def test_a_run_with_all_plugins_is_loaded_as_trained(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(), RunFolder(tmp_path / "run")
    config = replace(config_of("sasrec", PLUGINS), fit=FitConfig(batch_users=16, max_epochs=2))
    run.claim(describe_run(dataset, config), resume=False)

    figures = train_model(dataset, config, run)

    split = leave_one_out(dataset.sequences)
    first, second = (rank_split(load_model(run, dataset), split.valid) for _ in range(2))
    np.testing.assert_array_equal(first.excluded, second.excluded)
    gains = np.where(first.excluded < 10, 1 / np.log2(first.excluded + 2.0), 0.0)
    assert figures["valid_ndcg@10"] == pytest.approx(float(gains.mean()), abs=1e-6)


def test_an_unseen_item_is_represented_by_content_and_is_no_candidate_in_training() -> None:
    dataset = tiny_dataset()
    train = leave_one_out(dataset.sequences).train
    unseen = 5
    kept = train.keep(train.rows != unseen)
    torch.manual_seed(0)
    model = compose(
        dataset, Sequences(kept.user_ids, kept.offsets, kept.rows, kept.timestamps), config_of("sasrec", ("llmrec",))
    )
    sequences = TrainingSequences(list(kept), TINY.max_length)

    terms = model(training_batch([sequences[index] for index in range(24)]))
    torch.autograd.backward(terms["next"])

    assert model.item.grad is not None
    assert not model.item.grad[unseen].any()
    assert model.eval().item_vectors()[unseen].any()


def test_whole_histories_include_the_last_target() -> None:
    batch = training_batch([np.array([1, 2, 3], dtype=np.int32), np.arange(10, dtype=np.int32)])

    rows, mask = whole_histories(batch)

    assert [[int(row) for row in user[seen > 0]] for user, seen in zip(rows, mask, strict=True)] == [
        [1, 2, 3],
        list(range(10)),
    ]


def test_training_positions_of_groups_are_in_the_order_of_the_states_and_have_their_users_whole_history() -> None:
    long, short = np.arange(10, 16, dtype=np.int32), np.array([1, 2, 3], dtype=np.int32)
    batch = training_batch([long, short], cuts=(3,))
    assert len(batch) == 2

    positions = training_positions(batch)

    user, place = positions.selected.nonzero(as_tuple=True)
    newest = torch.cat([group.rows[group.targets >= 0] for group in batch])
    assert positions.rows[user, place].tolist() == newest.tolist() == [1, 2, 10, 11, 12, 13, 14]
    assert positions.visible.sum(1).tolist() == [2, 5]
    wholes = [rows[seen > 0].tolist() for rows, seen in zip(positions.histories, positions.mask, strict=True)]
    assert wholes == [short.tolist(), long.tolist()]


def test_the_loss_does_not_depend_on_the_grouping_of_a_batch() -> None:
    model, sequences = composed(config_of("sasrec", ()))
    histories = [sequences[index] for index in range(24)]

    cut, whole = training_batch(histories, cuts=(3, 5)), training_batch(histories, cuts=())

    assert (len(cut), len(whole)) == (3, 1)
    with torch.no_grad():
        assert float(model.eval()(cut)["next"]) == pytest.approx(float(model(whole)["next"]), rel=1e-5)


def test_last_indices_are_those_of_each_users_last_state() -> None:
    nothing = torch.zeros(6, 1)
    users = torch.tensor([2, 2, 0, 0, 0, 3])
    step = make_step(nothing, nothing, torch.zeros(5, 1), targets=users, users=users)

    assert step.last_indices.tolist() == [4, 1, 5]


def test_an_unknown_name_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="expected a backbone of"):
        TrainConfig(backbone="lstm")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="corec"):
        TrainConfig(plugins={"cosage": {}})  # type: ignore[dict-item]
