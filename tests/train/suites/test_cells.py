import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.errors import DataError, RunError
from train.evaluation import context as ground
from train.evaluation.split_config import SplitConfig
from train.full_model import recipes
from train.full_model.recipes import TrainConfig
from train.loop.fit import FitConfig
from train.metrics.ranking import metrics
from train.suites import cells
from train.suites.cells import RANKS_FILE, RESULT_FILE, Cell, read_cell, read_ranks, read_result, run_cell
from train.suites.origin import Origin

HERE = Origin("pocketrec compare tiny", "abc")
CONFIG = TrainConfig(
    encoder=EncoderConfig(dim=8, max_length=8), fit=FitConfig(batch_users=32, max_epochs=2, seed=3), learning_rate=3e-3
)


TINY = Cell(name="tiny/alone", config=CONFIG, plan=SplitConfig())


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (ground, recipes):
            patch.setattr(module, "FEATURES", tmp_path_factory.mktemp("features"))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells") / "finished"
    run_cell(TINY, tiny_dataset(), folder, HERE)
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "cell"))


def test_a_cell_saves_its_origin_and_its_metrics(finished: Path) -> None:
    result = read_result(finished)

    assert result is not None
    assert (result.command, result.commit, result.seed, result.epochs) == (HERE.command, "abc", 3, 2)
    assert (result.data_name, result.data_digest) == ("tiny", tiny_dataset().digest)
    assert result.plan == asdict(SplitConfig())
    sections = set(result.figures)
    assert {"all", "history included", "short sparse", "long dense", "drift", "cold item", "lists"} <= sections
    assert {"newcomer 1", "newcomer 3", "noise 10%", "noise 30%"} <= sections
    assert result.figures["all"]["n_users"] == 60
    assert result.figures["lists"]["ild@10"] > 0
    kept = result.figures["noise 20%"]["ndcg@10"] / result.figures["all"]["ndcg@10"]
    assert result.figures["noise 20%"]["retention_ndcg@10"] == pytest.approx(kept)


def test_metrics_can_be_recomputed_from_saved_ranks(finished: Path) -> None:
    result, ranks = read_result(finished), read_ranks(finished)

    assert result is not None
    assert ranks["all"].users.tolist() == list(range(60))
    for section in ("all", "short sparse", "noise 30%", "newcomer 2"):
        again = metrics(ranks[section].ranks.astype(np.int64))
        assert again["ndcg@10"] == pytest.approx(result.figures[section]["ndcg@10"])


def test_a_finished_cell_is_loaded_and_not_run_again(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "train_model", None)
    monkeypatch.setattr(cells, "measure", None)

    again = run_cell(TINY, tiny_dataset(), finished, Origin("another", None))

    assert again.command == HERE.command
    assert again == read_cell(TINY, tiny_dataset(), finished)


def test_a_cell_interrupted_before_its_result_is_not_trained_again(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_result(copy)
    (copy / RESULT_FILE).unlink()
    (copy / RANKS_FILE).unlink()
    assert read_cell(TINY, tiny_dataset(), copy) is None
    monkeypatch.setattr(cells, "train_model", None)

    again = run_cell(TINY, tiny_dataset(), copy, HERE)

    assert first is not None
    assert again.figures == first.figures


def test_another_cell_in_the_same_folder_is_refused(copy: Path) -> None:
    with pytest.raises(RunError, match="split"):
        run_cell(replace(TINY, plan=SplitConfig(n_users=20)), tiny_dataset(), copy, HERE)
    with pytest.raises(RunError, match="config"):
        read_cell(replace(TINY, config=replace(CONFIG, dropout=0.1)), tiny_dataset(), copy)


def test_new_items_are_ranked_among_all_and_among_new_items(tmp_path: Path) -> None:
    cell = Cell(name="tiny", config=CONFIG, plan=SplitConfig(split="new items"))

    figures = run_cell(cell, tiny_dataset(), tmp_path / "cell", HERE).figures

    assert figures["new item"]["n_users"] == figures["all"]["n_users"] > 0
    assert figures["old item"] == {"n_users": 0.0}
    assert figures["new item, among new"]["recall@10"] == 1.0, "two or three of them"


def test_plugin_metrics_are_saved(tmp_path: Path) -> None:
    cell = Cell(name="tiny", config=replace(CONFIG, plugins={"corec": {}}), plan=SplitConfig())

    figures = run_cell(cell, tiny_dataset(), tmp_path / "cell", HERE).figures

    assert figures["corec"]
    assert all(np.isfinite(value) for value in figures["corec"].values())


def test_a_split_that_is_impossible_on_the_data_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    cell = Cell(name="tiny", config=CONFIG, plan=SplitConfig(split="global time"))

    with pytest.raises(DataError, match="real timestamps"):
        run_cell(cell, tiny_dataset(), tmp_path / "cell", HERE)

    assert not (tmp_path / "cell").exists()


@pytest.mark.parametrize("broken", ["{", json.dumps({"name": "x"}), "[]"])
def test_a_damaged_result_is_refused(tmp_path: Path, broken: str) -> None:
    (tmp_path / RESULT_FILE).write_text(broken)

    with pytest.raises(RunError, match="Delete it"):
        read_result(tmp_path)


def test_damaged_ranks_are_refused(tmp_path: Path) -> None:
    (tmp_path / RANKS_FILE).write_bytes(b"nonsense")

    with pytest.raises(RunError, match="evaluated again"):
        read_ranks(tmp_path)
