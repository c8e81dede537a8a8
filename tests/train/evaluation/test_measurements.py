from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.diversity import diversified_positions
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.errors import RunError
from train.evaluation import context as ground
from train.evaluation.diversity import DIVERSITIES
from train.evaluation.measurements import baseline_metrics, diversity_points, sanity_checks, scenario_metrics
from train.evaluation.split_config import SplitConfig
from train.full_model import recipes
from train.full_model.recipes import TrainConfig
from train.loop.fit import FitConfig
from train.suites.cells import Cell, read_result, run_cell
from train.suites.origin import Origin

CONFIG = TrainConfig(
    encoder=EncoderConfig(dim=16, max_length=8),
    fit=FitConfig(batch_users=16, max_epochs=12),
    dropout=0.1,
    learning_rate=1e-2,
)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (ground, recipes):
            patch.setattr(module, "FEATURES", tmp_path_factory.mktemp("features"))
        yield


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells") / "new-users"
    run_cell(
        Cell(name="tiny", config=CONFIG, plan=SplitConfig(split="new users")),
        tiny_dataset(),
        folder,
        Origin("here", None),
    )
    return folder


def test_a_run_is_measured_on_its_own_split(cell: Path) -> None:
    results = scenario_metrics(cell, tiny_dataset())

    result = read_result(cell)
    assert result is not None
    assert results["all"] == pytest.approx(result.figures["all"])
    assert results["all"]["n_users"] == 6


def test_a_run_of_other_data_is_refused(cell: Path) -> None:
    with pytest.raises(RunError, match="digest"):
        scenario_metrics(cell, tiny_dataset(seed=1))


def test_a_trained_model_passes_the_checks_that_few_users_can_decide(cell: Path) -> None:
    verdicts = {verdict.name: verdict for verdict in sanity_checks(cell, tiny_dataset())}

    for name in ("permuted items", "seen items", "leaks"):
        assert verdicts[name].passed, verdicts[name].sentence


def test_baselines_need_no_model() -> None:
    results = baseline_metrics(tiny_dataset(), SplitConfig(split="new items"))

    assert list(results) == [
        "popularity", "item to item", "nearest text", "transitions x texts", "most popular among new",
    ]  # fmt: skip
    assert results["popularity"]["all"]["ndcg@10"] < results["most popular among new"]["new item, among new"]["ndcg@10"]


def test_the_first_point_has_the_accuracy_of_the_model(cell: Path) -> None:
    points = diversity_points(cell, tiny_dataset(), diversified_positions)

    result = read_result(cell)
    assert result is not None
    assert points[0].figures["ndcg@10"] == pytest.approx(result.figures["all"]["ndcg@10"], abs=1e-6)
    assert [point.diversity for point in points] == list(DIVERSITIES)
    assert points[-1].figures != points[0].figures


def test_an_invalid_split_is_refused() -> None:
    with pytest.raises(ValueError, match="n_users"):
        replace(SplitConfig(), n_users=0)
