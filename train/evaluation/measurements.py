"""Metrics of saved runs, one function for each evaluation command. Nothing here trains."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.paths import AnyPath
from train.data.dataset import Dataset
from train.distill.distillation import check_same_data
from train.distill.student import load_student, ranking_model
from train.evaluation.baselines import baseline_metrics_of_split
from train.evaluation.checks import Verdict, run_checks
from train.evaluation.context import evaluation_context
from train.evaluation.diversity import DiversityPoint, ReRank, measure_diversity
from train.evaluation.measure import MetricsBySection, measure, plugin_metrics
from train.evaluation.split_config import SplitConfig, make_split
from train.evaluation.splits import DerivedSplit
from train.full_model.model import Model
from train.full_model.training import load_model
from train.loop.runs import RunFolder
from train.metrics.ranker import Ranker, rank_split
from train.metrics.ranking import summary


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRun:
    """A trained model with the data and the split that it was trained on.

    Attributes:
        model: the full model or a student.
        dataset: the dataset, reduced as the split requires.
        derived: the split.
    """

    model: Ranker
    dataset: Dataset
    derived: DerivedSplit


def load_run(path: AnyPath, dataset: Dataset) -> LoadedRun:
    """Load the model of a run of ``train``, ``distill`` or ``compare``.

    Raises:
        RunError: there is none, or it was trained on other data.
    """
    run = RunFolder(Path(path))
    check_same_data(run, dataset)
    about = run.about()
    arranged, derived = make_split(dataset, SplitConfig(**about.get("split", {})))
    if about["kind"] == "student":
        return LoadedRun(ranking_model(load_student(path)), arranged, derived)
    return LoadedRun(load_model(run, arranged, derived.split), arranged, derived)


def headline_metrics(path: AnyPath, dataset: Dataset) -> dict[str, Any]:
    """Return the ranking metrics of a run on its test split, with the history excluded and included.

    Raises:
        RunError: as :func:`load_run`.
    """
    loaded = load_run(path, dataset)
    return summary(rank_split(loaded.model, loaded.derived.split.test))


def scenario_metrics(path: AnyPath, dataset: Dataset) -> MetricsBySection:
    """Return all metrics of a run: section to name to value, those of plug-ins under their names.

    Raises:
        RunError: as :func:`load_run`.
    """
    loaded, context = load_run(path, dataset), evaluation_context(dataset)
    metrics = measure(loaded.model, loaded.derived, context.vectors, context.interests).figures
    if isinstance(loaded.model, Model):
        metrics |= plugin_metrics(loaded.model, loaded.derived.split)
    return metrics


def sanity_checks(path: AnyPath, dataset: Dataset) -> list[Verdict]:
    """Return the results of all sanity checks of a run.

    Raises:
        RunError: as :func:`load_run`.
    """
    loaded = load_run(path, dataset)
    return run_checks(loaded.model, loaded.derived)


def baseline_metrics(dataset: Dataset, plan: SplitConfig) -> dict[str, MetricsBySection]:
    """Return the metrics of the baselines on a split: baseline to section to name to value.

    Raises:
        DataError: the data does not have what the split needs.
    """
    arranged, derived = make_split(dataset, plan)
    context = evaluation_context(arranged)
    return baseline_metrics_of_split(derived, context.vectors, context.interests)


def diversity_points(path: AnyPath, dataset: Dataset, re_rank: ReRank) -> list[DiversityPoint]:
    """Return what lists are like at each diversity setting of a re-ranker.

    Raises:
        RunError: as :func:`load_run`.
    """
    loaded, context = load_run(path, dataset), evaluation_context(dataset)
    return measure_diversity(loaded.model, loaded.derived.split.test, re_rank, context.vectors, context.interests)
