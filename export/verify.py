"""Verifies a bundle through the device runtime: digests, self-tests, accuracy, agreement, reasons, budgets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.bundle.item_table import check_item_table
from edge_runtime.contents import Contents, open_contents
from edge_runtime.device_folder import current_bundle
from edge_runtime.paths import AnyPath
from export.budget import bytes_by_role
from export.comparison import Comparison
from export.engine_reports import EngineReport
from export.evidence import Evidence, collect_evidence
from export.gates import BUDGET_GATES, PARITY_GATES, failures, undecided
from export.reason_check import ReasonReport
from export.users import TestUsers
from export.worst_lists import WorstList
from train.data.dataset import Dataset
from train.data.split import leave_one_out
from train.errors import DataError
from train.evaluation.baselines import TRANSITIONS

MOST_USERS = 50_000


class Verification(Struct, kw_only=True):
    """All results of a verification; both lists of failures are empty for a good bundle."""

    bundle: str
    name: str
    target: str
    release: int
    n_users: int
    n_test_users: int
    engines: list[EngineReport]
    baseline_ndcg_10: float | None
    compared: list[Comparison]
    baselines: list[Comparison]
    worst: list[WorstList]
    undecided: list[str]
    reasons: ReasonReport | None
    bytes: Mapping[str, int]
    ranking_bytes: int
    bundle_bytes: int
    budgets: Mapping[str, int]
    parity_failures: list[str]
    budget_failures: list[str]


def verify_bundle(
    path: AnyPath, dataset: Dataset, *, n_users: int | None = None, runs: Sequence[AnyPath] = (), seed: int = 0
) -> Verification:
    """Collect evidence of a bundle on its data, and run all gates on it.

    Args:
        path: folder of the bundle, or one filled by `pocketrec sync`.
        dataset: the data that the bundle was made from.
        n_users: number of test users to rank for, sampled with ``seed``; by default all of them up to 50,000.
        runs: folders of the student and of the full model, which are measured on the same users.
        seed: random seed of the sample.

    Raises:
        BundleIntegrityError: a file does not match its digest.
        BundleError: a file violates the format.
        DataError: the bundle was made from other items, or no user can be tested.
    """
    contents = open_contents(open_folder(current_bundle(path)))
    _check_same_items(contents, dataset)
    targets = leave_one_out(dataset.sequences).test
    if not len(targets):
        raise DataError(f"{dataset.path}: no user has three events, so nothing can be tested. Verify with more data.")
    users = TestUsers.of(targets, n_users or MOST_USERS, seed)
    evidence = collect_evidence(contents, users, dataset, [Path(run) for run in runs])
    return _verification(str(path), evidence)


def check_belongs(verification: Verification, manifest: Manifest, origin: Path) -> None:
    """Check that a verification read from ``origin`` is of this bundle.

    Raises:
        DataError: it is of another bundle.
    """
    expected = (manifest.name, manifest.target, manifest.release, manifest.bundle_bytes)
    found = (verification.name, verification.target, verification.release, verification.bundle_bytes)
    if found != expected:
        raise DataError(
            f"{origin}: is of {found[0]}, {found[1]}, release {found[2]}, {found[3]:,} bytes; expected {expected[0]}, "
            f"{expected[1]}, release {expected[2]}, {expected[3]:,} bytes. Verify this bundle again."
        )


def _verification(path: str, evidence: Evidence) -> Verification:
    manifest, users = evidence.manifest, evidence.users
    return Verification(
        bundle=path,
        name=manifest.name,
        target=manifest.target,
        release=manifest.release,
        n_users=len(users),
        n_test_users=users.n_all,
        engines=evidence.engines,
        baseline_ndcg_10=_baseline(evidence),
        compared=evidence.quality.compared,
        baselines=evidence.quality.baselines,
        worst=evidence.quality.worst,
        undecided=undecided(evidence),
        reasons=evidence.reasons,
        bytes=bytes_by_role(manifest),
        ranking_bytes=manifest.ranking_bytes,
        bundle_bytes=manifest.bundle_bytes,
        budgets={check.name: check.allowed for check in evidence.budgets},
        parity_failures=failures(PARITY_GATES, evidence),
        budget_failures=failures(BUDGET_GATES, evidence),
    )


def _baseline(evidence: Evidence) -> float | None:
    """Return NDCG@10 of transitions times texts, None if no engine ranked."""
    return next((one.ndcg_10 for one in evidence.quality.baselines if one.against == TRANSITIONS), None)


def _check_same_items(contents: Contents, dataset: Dataset) -> None:
    check_item_table(contents.table)
    if tuple(contents.items.item_id) != dataset.catalogue.item_ids:
        raise DataError(
            f"{dataset.path}: has other items than the bundle ({len(dataset.catalogue):,} and "
            f"{len(contents.items.item_id):,}, or in another order). Verify with the data that it was exported from."
        )
