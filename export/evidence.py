"""Everything that a verification measures of a bundle, collected once; the gates decide on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct, field

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents
from edge_runtime.errors import PocketRecError
from edge_runtime.transitions import TransitionScores
from export.budget import BudgetCheck, check_each_budget
from export.comparison import Comparison, compare_models
from export.measure import (
    OpenEngine,
    Ranking,
    TestUsers,
    agreement,
    latencies,
    open_engine,
    open_transitions,
    rank_users,
)
from export.reason_check import ReasonReport, check_reasons
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.evaluation.baselines import transitions_and_texts
from train.evaluation.context import evaluation_context
from train.metrics.ranking import ndcg, rank_targets


class EngineReport(Struct, kw_only=True):
    """One engine variant of the bundle, or the transitions of a bundle without engines.

    Attributes:
        status: ``ok``, ``failed`` or ``not installed``.
        reason: why the status is not ``ok``.
        state_error: largest difference from the golden states.
        golden_overlap: share of the golden top ten that the engine reproduces.
        figures: ranking metrics.
        agreement: mean overlap of its top ten with the first engine's.
        latency: step to ``p50_ms`` and ``p90_ms``.
    """

    engine: str
    precision: str
    status: str
    reason: str | None = None
    state_error: float | None = None
    golden_overlap: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    agreement: float | None = None
    latency: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Measurements of one bundle on its data.

    Attributes:
        manifest: the manifest of the bundle.
        users: the test users of all rankings.
        engines: one report for each engine variant, in the order of the manifest; without any, of the transitions.
        baseline: NDCG@10 of the baseline "transitions x texts" with default settings, for the same users.
        compared: comparisons of the first working engine with the models that the bundle was made from.
        reasons: the checked sample of reasons; None if no engine works.
        budgets: actual and allowed sizes.
    """

    manifest: Manifest
    users: TestUsers
    engines: list[EngineReport]
    baseline: float
    compared: list[Comparison]
    reasons: ReasonReport | None
    budgets: list[BudgetCheck]


def collect_evidence(contents: Contents, users: TestUsers, dataset: Dataset, run: Path | None) -> Evidence:
    """Measure engines, reasons and sizes of a bundle, and compare it with its models."""
    manifest = contents.folder.manifest
    engines, rankings = measure_engines(contents, users)
    reasons = check_reasons(contents, users, rankings[0].top_rows) if rankings else None
    compared: list[Comparison] = []
    if rankings:
        ndcg = float(rankings[0].figures["history_excluded"]["ndcg@10"])
        compared = compare_models(ndcg, manifest.provenance, run, users, dataset)
    return Evidence(
        manifest=manifest,
        users=users,
        engines=engines,
        baseline=_baseline(users, dataset),
        compared=compared,
        reasons=reasons,
        budgets=check_each_budget(manifest),
    )


def _baseline(users: TestUsers, dataset: Dataset) -> float:
    vectors = evaluation_context(dataset).vectors
    score = transitions_and_texts(leave_one_out(dataset.sequences), users.histories, vectors, search=False)
    return float(np.mean(ndcg(rank_targets(score, users.histories, users.targets, len(vectors)).excluded, 10)))


def measure_engines(contents: Contents, users: TestUsers) -> tuple[list[EngineReport], list[Ranking]]:
    """Return a report for each engine variant, or else the transitions, and the rankings of those that could rank."""
    variants = contents.folder.manifest.engines
    measured = [_measure_engine(contents, variant, users) for variant in variants or (None,)]
    working = [(report, *result) for report, result in measured if result is not None]
    if working:
        _, first, reference = working[0]
        for report, engine, ranking in working[1:]:
            _check_agreement(report, engine, ranking, first, reference)
    times = latencies(contents, [engine for _, engine, _ in working], users)
    for report, engine, _ in working:
        report.latency = times[engine.name]
    return [report for report, _ in measured], [ranking for _, _, ranking in working]


def _measure_engine(
    contents: Contents, variant: EngineVariant | None, users: TestUsers
) -> tuple[EngineReport, tuple[OpenEngine, Ranking] | None]:
    """Run the self-test of an engine, or of the transitions, and rank with it; None if it cannot rank."""
    name, precision = (
        (TransitionScores.name, TransitionScores.precision) if variant is None else (variant.engine, variant.precision)
    )
    report = EngineReport(engine=name, precision=precision, status="ok")
    try:
        engine = open_transitions(contents) if variant is None else open_engine(contents, variant)
    except ModuleNotFoundError as error:
        report.status, report.reason = "not installed", str(error)
        return report, None
    if isinstance(engine, str):
        report.status, report.reason = "failed", engine
        return report, None
    report.state_error, report.golden_overlap = engine.self_test.state_error, engine.self_test.overlap
    try:
        ranking = rank_users(contents, engine, users)
    except PocketRecError as error:
        report.status, report.reason = "failed", str(error)
        return report, None
    report.figures = ranking.figures
    return report, (engine, ranking)


def _check_agreement(
    report: EngineReport, engine: OpenEngine, ranking: Ranking, first: OpenEngine, reference: Ranking
) -> None:
    """Compare an engine's lists with the first engine's; the looser of the two tolerances applies."""
    report.agreement = agreement(reference.top_rows, ranking.top_rows)
    least = min(engine.min_overlap, first.min_overlap)
    if report.agreement < least:
        report.status = "failed"
        report.reason = f"shows {report.agreement:.4f} of the top ten of {first.name}, at least {least:.4f} is promised"
