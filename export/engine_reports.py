"""Measures every engine of a bundle: self-test, ranking of the test users, agreement with the first engine, latency."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.contents import Contents
from edge_runtime.errors import PocketRecError
from edge_runtime.transitions import TransitionScores
from export.measure import OpenEngine, agreement, device_scores, latencies, open_engine, open_transitions
from export.rankings import Ranking, RememberedTransitions, rank_together
from export.references import Scorer
from export.users import TestUsers


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

    @property
    def name(self) -> str:
        """Engine and precision."""
        return f"{self.engine} {self.precision}"


@dataclass(frozen=True, slots=True)
class EngineMeasurements:
    """What :func:`measure_engines` returns.

    Attributes:
        reports: one for each engine variant, in the order of the manifest; without any, one of the transitions.
        opened: the engines that ranked, by name.
        rankings: their rankings.
        others: rankings of the other models, by name.
    """

    reports: list[EngineReport]
    opened: Mapping[str, OpenEngine]
    rankings: Mapping[str, Ranking]
    others: Mapping[str, Ranking]

    @property
    def first(self) -> str | None:
        """Name of the first engine that ranked, None if none did."""
        return next(iter(self.rankings), None)


def measure_engines(
    contents: Contents,
    users: TestUsers,
    others: Mapping[str, Scorer] | None = None,
    transitions: RememberedTransitions | None = None,
) -> EngineMeasurements:
    """Measure each engine variant, or else the transitions, and rank the same users by other models.

    Args:
        contents: the bundle.
        users: the users.
        others: other models, whose names must differ from those of engines.
        transitions: those of the bundle, if other models use them too.

    Raises:
        PocketRecError: another model failed.
    """
    reports, engines = _open_engines(contents)
    found = rank_users_by(contents, engines, users, others or {}, transitions)
    for report in reports:
        failure = found.get(report.name)
        if isinstance(failure, PocketRecError):
            report.status, report.reason = "failed", str(failure)
    rankings = {name: ranking for name, ranking in found.items() if isinstance(ranking, Ranking)}
    by_engine = {name: ranking for name, ranking in rankings.items() if name in engines}
    opened = {name: engines[name] for name in by_engine}
    _record(contents, reports, opened, by_engine, users)
    return EngineMeasurements(reports, opened, by_engine, {name: rankings[name] for name in others or {}})


def rank_users_by(
    contents: Contents,
    engines: Mapping[str, OpenEngine],
    users: TestUsers,
    others: Mapping[str, Scorer],
    transitions: RememberedTransitions | None,
) -> dict[str, Ranking | PocketRecError]:
    """Rank users by engines and by other models; an engine may fail.

    Raises:
        PocketRecError: another model failed.
    """
    if transitions is None and contents.transitions is not None:
        transitions = RememberedTransitions(contents.transitions)
    models = {name: device_scores(contents, one, users, transitions) for name, one in engines.items()}
    models |= {name: scorer(users) for name, scorer in others.items()}
    forget = (lambda: None) if transitions is None else transitions.forget
    found = rank_together(models, users, contents.folder.manifest.catalogue.n_items, before_group=forget)
    for name in others:
        failure = found[name]
        if isinstance(failure, PocketRecError):
            raise failure
    return found


def _open_engines(contents: Contents) -> tuple[list[EngineReport], dict[str, OpenEngine]]:
    """Run the self-tests; return a report for each engine, and those that passed by name."""
    reports, engines = [], {}
    for variant in contents.folder.manifest.engines or (None,):
        report, engine = _open(contents, variant)
        reports.append(report)
        if engine is not None:
            engines[engine.name] = engine
    return reports, engines


def _open(contents: Contents, variant: EngineVariant | None) -> tuple[EngineReport, OpenEngine | None]:
    """Run the self-test of an engine, or of the transitions."""
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
    return report, engine


def _record(
    contents: Contents,
    reports: list[EngineReport],
    engines: Mapping[str, OpenEngine],
    rankings: Mapping[str, Ranking],
    users: TestUsers,
) -> None:
    """Write metrics, latency and agreement with the first engine into the reports of the engines that ranked."""
    times = latencies(contents, list(engines.values()), users)
    first = next(iter(rankings), "")
    for report in reports:
        if report.name in rankings:
            report.figures, report.latency = rankings[report.name].figures, times[report.name]
            if report.name != first:
                _check_agreement(report, engines[report.name], rankings[report.name], engines[first], rankings[first])


def _check_agreement(
    report: EngineReport, engine: OpenEngine, ranking: Ranking, first: OpenEngine, reference: Ranking
) -> None:
    """Compare an engine's lists with the first engine's; the looser of the two tolerances applies."""
    report.agreement = agreement(reference.top_rows, ranking.top_rows)
    least = min(engine.min_overlap, first.min_overlap)
    if report.agreement < least:
        report.status = "failed"
        report.reason = f"shows {report.agreement:.4f} of the top ten of {first.name}, at least {least:.4f} is promised"
