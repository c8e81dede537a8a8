"""Everything that a verification measures of a bundle, collected once; the gates decide on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.bundle import Manifest
from edge_runtime.contents import Contents
from export.budget import BudgetCheck, check_each_budget
from export.engine_reports import EngineReport, measure_engines
from export.quality import Quality, measure_quality
from export.rankings import RememberedTransitions
from export.reason_check import ReasonReport, check_reasons
from export.references import baseline_models, run_models
from export.users import TestUsers
from train.data.dataset import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Measurements of one bundle on its data.

    Attributes:
        manifest: the manifest of the bundle.
        users: the test users of all rankings.
        engines: one report for each engine variant, in the order of the manifest; without any, of the transitions.
        quality: comparisons with the models that the bundle was made from, and with baselines.
        reasons: the checked sample of reasons; None if no engine works.
        budgets: actual and allowed sizes.
        runs: names of the runs that the bundle had to be compared with.
    """

    manifest: Manifest
    users: TestUsers
    engines: list[EngineReport]
    quality: Quality = field(default_factory=Quality)
    reasons: ReasonReport | None
    budgets: list[BudgetCheck]
    runs: tuple[str, ...] = ()


def collect_evidence(contents: Contents, users: TestUsers, dataset: Dataset, runs: Sequence[Path] = ()) -> Evidence:
    """Measure engines, reasons and sizes of a bundle, and compare it with its models and with baselines.

    Raises:
        RunError: a run cannot be used.
    """
    transitions = None if contents.transitions is None else RememberedTransitions(contents.transitions)
    references = [*run_models(runs, dataset, transitions), *baseline_models(dataset)]
    others = {one.name: one.scorer for one in references}
    measured = measure_engines(contents, users, others, transitions)
    first = measured.first
    return Evidence(
        manifest=contents.folder.manifest,
        users=users,
        engines=measured.reports,
        quality=measure_quality(contents, measured, references, users, dataset, transitions),
        reasons=None if first is None else check_reasons(contents, users, measured.rankings[first].top_rows),
        budgets=check_each_budget(contents.folder.manifest),
        runs=tuple(run.name for run in runs),
    )
