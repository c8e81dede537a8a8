"""Proves a bundle through the device's own runtime: digests, self-tests, accuracy, agreement, reasons, budgets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from edge_runtime.bundle import open_folder
from edge_runtime.contents import Contents, current_folder, open_contents
from edge_runtime.errors import PocketRecError
from edge_runtime.paths import AnyPath
from export.against import Comparison, compare
from export.budget import budget_complaints, budget_lines, bytes_by_role
from export.measure import OpenEngine, Ranking, Users, agreement, latencies, open_engine, rank_users
from export.reason_check import ReasonReport, check_reasons
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.errors import DataError

MOST_USERS = 50_000


class EngineReport(Struct, kw_only=True):
    """One engine candidate.

    Attributes:
        status: ``ok``, ``failed`` or ``not installed``.
        reason: why not ok.
        agreement: mean share of its top ten that the first engine shows too.
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


class Verification(Struct, kw_only=True):
    """Everything that was found; ``failures`` is empty for a good bundle."""

    bundle: str
    name: str
    target: str
    release: int
    n_users: int
    n_test_users: int
    engines: list[EngineReport]
    compared: list[Comparison]
    reasons: ReasonReport | None
    bytes: Mapping[str, int]
    ranking_bytes: int
    bundle_bytes: int
    budgets: Mapping[str, int]
    parity_failures: list[str]
    budget_failures: list[str]


def verify_bundle(
    path: AnyPath, dataset: Dataset, *, n_users: int | None = None, run: AnyPath | None = None, seed: int = 0
) -> Verification:
    """Return what a bundle does on its data.

    Args:
        path: the bundle's folder, or one filled by `pocketrec sync`.
        dataset: that it was made from.
        n_users: test users to rank for, drawn with ``seed``; by default all of them up to 50,000.
        run: a student's or a teacher's folder to measure on the same people.
        seed: of the sample.

    Raises:
        BundleIntegrityError: a file does not match its digest.
        BundleError: a file breaks the format.
        DataError: the bundle was made from other items, or nobody can be tested.
    """
    contents = open_contents(open_folder(current_folder(path)))
    manifest = contents.folder.manifest
    _check_same_items(contents, dataset)
    targets = leave_one_out(dataset.sequences).test
    if not len(targets):
        raise DataError(f"{dataset.path}: nobody has three events, so nothing can be tested. Verify with more data.")
    people = Users.of(targets, n_users or MOST_USERS, seed)
    engines, rankings = _engines(contents, people)
    good = [report for report in engines if report.status == "ok"]
    parity = [f"{one.engine} {one.precision}: {one.reason}" for one in engines if one.status == "failed"]
    if not good:
        parity.append(f"none of {[one.engine for one in engines]} could be verified on this machine; install one")
    reasons = check_reasons(contents, people, rankings[0].top_rows) if rankings else None
    if reasons is not None and reasons.n_true < reasons.n_reasons:
        parity.append(f"{reasons.n_reasons - reasons.n_true} of {reasons.n_reasons} reasons are not true")
    return Verification(
        bundle=str(path),
        name=manifest.name,
        target=manifest.target,
        release=manifest.release,
        n_users=len(people),
        n_test_users=people.n_all,
        engines=engines,
        compared=_compare(good[0], contents, None if run is None else Path(run), people, dataset) if good else [],
        reasons=reasons,
        bytes=bytes_by_role(manifest),
        ranking_bytes=manifest.ranking_bytes,
        bundle_bytes=manifest.bundle_bytes,
        budgets={line.name: line.allowed for line in budget_lines(manifest)},
        parity_failures=parity,
        budget_failures=budget_complaints(manifest),
    )


def _check_same_items(contents: Contents, dataset: Dataset) -> None:
    if tuple(contents.items.item_id) != dataset.catalogue.item_ids:
        raise DataError(
            f"{dataset.path}: has other items than the bundle ({len(dataset.catalogue):,} and "
            f"{len(contents.items.item_id):,}, or in another order). Verify with the data that it was exported from."
        )


def _engines(contents: Contents, people: Users) -> tuple[list[EngineReport], list[Ranking]]:
    """Open, rank with, compare and time every engine; rankings only of those that are ok."""
    reports: list[EngineReport] = []
    opened: list[OpenEngine] = []
    rankings: list[Ranking] = []
    for variant in contents.folder.manifest.engines:
        report = EngineReport(engine=variant.engine, precision=variant.precision, status="ok")
        reports.append(report)
        try:
            engine = open_engine(contents, variant)
        except ModuleNotFoundError as error:
            report.status, report.reason = "not installed", str(error)
            continue
        if isinstance(engine, str):
            report.status, report.reason = "failed", engine
            continue
        ranking = _rank(contents, engine, people, report)
        if ranking is not None:
            _agree(report, variant.min_overlap, ranking, rankings, opened)
            opened.append(engine)
            rankings.append(ranking)
    times = latencies(contents, opened, people)
    for report in reports:
        report.latency = times.get(f"{report.engine} {report.precision}", {})
    return reports, rankings


def _rank(contents: Contents, engine: OpenEngine, people: Users, report: EngineReport) -> Ranking | None:
    report.state_error, report.golden_overlap = engine.self_test.state_error, engine.self_test.overlap
    try:
        ranking = rank_users(contents, engine, people)
    except PocketRecError as error:
        report.status, report.reason = "failed", str(error)
        return None
    report.figures = ranking.figures
    return ranking


def _agree(
    report: EngineReport, least: float, ranking: Ranking, rankings: list[Ranking], opened: list[OpenEngine]
) -> None:
    """Compare the lists with the first engine's; the looser of the two tolerances holds."""
    if not rankings:
        return
    report.agreement = agreement(rankings[0].top_rows, ranking.top_rows)
    least = min(least, opened[0].variant.min_overlap)
    if report.agreement < least:
        report.status = "failed"
        report.reason = (
            f"shows {report.agreement:.4f} of the top ten of {opened[0].name}, at least {least:.4f} is promised"
        )


def _compare(
    best: EngineReport, contents: Contents, run: Path | None, people: Users, dataset: Dataset
) -> list[Comparison]:
    ours = float(best.figures["history_excluded"]["ndcg@10"])
    return compare(ours, contents.folder.manifest.provenance, run, people, dataset)
