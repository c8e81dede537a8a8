"""Training that starts from an earlier run of the same catalogue, which has grown since."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.data.dataset import Dataset
from train.data.kept_rows import save_items
from train.data.split import leave_one_out
from train.errors import RunError
from train.full_model.recipes import TrainConfig, compose
from train.full_model.training import describe_run, load_model, train_model
from train.full_model.warm_start import check_warm_start, start_from, warm_config
from train.loop.fit import FitConfig
from train.loop.runs import RunFolder, replace_tensors

N_KNOWN, N_GROWN = 24, 27
CONFIG = TrainConfig(
    encoder=EncoderConfig(dim=16, max_length=8),
    fit=FitConfig(batch_users=16, max_epochs=4, patience=4),
    plugins={"llmrec": {}, "transitions": {"search_users": 0}},
    learning_rate=3e-3,
)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a finished run, and keep the features beside it."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.full_model.recipes.FEATURES", folder / "features")
        dataset, run = tiny_dataset(n_items=N_KNOWN), RunFolder(folder / "earlier")
        run.claim(describe_run(dataset, CONFIG), resume=False)
        save_items(run.path, dataset.catalogue)
        train_model(dataset, CONFIG, run)
    return run


@pytest.fixture(autouse=True)
def _features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.full_model.recipes.FEATURES", tmp_path / "features")


@pytest.fixture
def grown() -> Dataset:
    return tiny_dataset(n_items=N_GROWN, seed=1)


def test_known_items_keep_their_weights_and_new_ones_start_as_their_stand_ins(
    earlier: RunFolder, grown: Dataset
) -> None:
    model = compose(grown, leave_one_out(grown.sequences).train, warm_config(CONFIG, earlier))

    start_from(model, earlier)

    saved = earlier.load_best()
    torch.testing.assert_close(model.item[:N_KNOWN], saved["item"])
    for name, value in model.state_dict().items():
        if name.startswith("backbone."):
            torch.testing.assert_close(value, saved[name])
    known = saved["item"]
    new = model.item[N_KNOWN:].detach()
    assert bool((new.min(0).values >= known.min(0).values - 1e-6).all())
    assert bool((new.max(0).values <= known.max(0).values + 1e-6).all())
    assert float(new.norm(dim=1).min()) > 0.0


def test_transitions_keep_their_settings_and_get_a_new_weight(
    earlier: RunFolder, tmp_path: Path, grown: Dataset
) -> None:
    weight, settings = (f"plugin_modules.transitions.{name}" for name in ("weight", "settings"))
    saved = earlier.load_best()
    saved[settings][0] = 7.0  # a window that is not the default
    replace_tensors(earlier.path / "best.safetensors", saved, {})
    searching = replace(CONFIG, plugins={"llmrec": {}, "transitions": {}})
    model = compose(grown, leave_one_out(grown.sequences).train, warm_config(searching, earlier))

    start_from(model, earlier)
    assert float(saved[weight]) > 0.0
    assert float(model.state_dict()[weight]) == 0.0

    model.calibrate(leave_one_out(grown.sequences))
    assert float(model.state_dict()[weight]) > 0.0
    torch.testing.assert_close(model.state_dict()[settings], saved[settings])


def test_text_features_stay_those_of_the_first_catalogue(earlier: RunFolder, tmp_path: Path, grown: Dataset) -> None:
    config = warm_config(CONFIG, earlier)
    second = RunFolder(tmp_path / "second")
    second.claim(describe_run(grown, config) | {"warm_from": earlier.about()}, resume=False)

    assert config.extractors.fitted_items == N_KNOWN
    assert warm_config(CONFIG, second).extractors.fitted_items == N_KNOWN


def test_a_warm_start_begins_with_a_lower_loss_than_a_new_training(
    earlier: RunFolder, tmp_path: Path, grown: Dataset
) -> None:
    config = warm_config(CONFIG, earlier)
    logs = []
    for name, start in (("cold", lambda _: None), ("warm", lambda model: start_from(model, earlier))):
        run = RunFolder(tmp_path / name)
        run.claim(describe_run(grown, config), resume=False)
        train_model(grown, config, run, start=start)
        logs.append(run.figures()["log"])
        load_model(run, grown)

    assert logs[1][0]["next"] < logs[0][0]["next"]


def test_a_run_of_other_settings_is_refused_with_the_options(earlier: RunFolder, grown: Dataset) -> None:
    options = {"config.encoder.dim": "--dim", "config.plugins": "--plugins"}
    wider = replace(CONFIG, encoder=EncoderConfig(dim=32, max_length=8))
    plain = replace(CONFIG, plugins={})

    check_warm_start(earlier, grown, warm_config(replace(CONFIG, learning_rate=1e-4), earlier), options)
    with pytest.raises(RunError, match=r"`--dim` is 16 there, 32 given.*--rows-of"):
        check_warm_start(earlier, grown, warm_config(wider, earlier), options)
    with pytest.raises(RunError, match="`--plugins`"):
        check_warm_start(earlier, grown, warm_config(plain, earlier), options)


def test_other_rows_and_unfinished_runs_are_refused(earlier: RunFolder, tmp_path: Path, grown: Dataset) -> None:
    ids = grown.catalogue.item_ids
    moved = replace(grown, catalogue=replace(grown.catalogue, item_ids=(ids[1], ids[0], *ids[2:])))
    unfinished = RunFolder(tmp_path / "unfinished")
    unfinished.claim(describe_run(grown, CONFIG), resume=False)

    with pytest.raises(RunError, match="2 of its 24 items would move"):
        check_warm_start(earlier, moved, warm_config(CONFIG, earlier))
    with pytest.raises(RunError, match="not finished"):
        check_warm_start(unfinished, grown, CONFIG)


def test_fewer_items_than_the_run_has_are_refused(earlier: RunFolder) -> None:
    smaller = tiny_dataset(n_items=20)
    model = compose(smaller, leave_one_out(smaller.sequences).train, CONFIG)

    with pytest.raises(RunError, match="24 items, expected at most 20"):
        start_from(model, earlier)
