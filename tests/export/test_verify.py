"""Verifying a bundle reports engines outside their tolerances, exceeded budgets and damaged files."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge_runtime.bundle import Manifest, dump_manifest, open_folder
from edge_runtime.errors import BundleIntegrityError
from export import measure
from export.engine_reports import EngineReport
from export.evidence import Evidence
from export.gates import engines_keep_their_tolerances, reasons_are_true, sizes_are_within_budgets, some_engine_works
from export.reason_check import ReasonReport
from export.users import TestUsers
from export.verify import Verification, verify_bundle
from tests.tiny_student import TinyStudent, make_tiny_student
from train.data.split import leave_one_out
from train.errors import DataError
from train.evaluation.baselines import transitions_and_texts
from train.evaluation.context import evaluation_context
from train.metrics.histories import histories_of
from train.metrics.ranking import ndcg, rank_targets


@pytest.fixture(scope="module")
def verified(bundles: Path, tiny: TinyStudent) -> Verification:
    return verify_bundle(bundles / "laptop-x86_64", tiny.dataset, runs=[tiny.student.path])


@pytest.fixture
def copy(bundles: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles / "laptop-x86_64", tmp_path / "bundle"))


def change(path: Path, **values: object) -> Manifest:
    manifest = msgspec.structs.replace(open_folder(path).manifest, **values)
    (path / "manifest.json").write_bytes(dump_manifest(manifest))
    return manifest


def without_popularity(failures: list[str]) -> list[str]:
    """Leave out that the tiny bundle ranks worse than popularity: its weights are random."""
    return [one for one in failures if "baseline popularity" not in one]


def test_a_good_bundle_passes_all_gates(verified: Verification) -> None:
    assert without_popularity(verified.parity_failures) == []
    assert verified.budget_failures == []
    assert [one.status for one in verified.engines] == ["ok"] * 3


def test_all_engines_recommend_the_same_items(verified: Verification) -> None:
    assert [one.agreement for one in verified.engines] == [None, 1.0, 1.0]
    figures = [one.figures["history_excluded"] for one in verified.engines]
    assert figures[0] == figures[1] == figures[2]


def test_the_bundle_ranks_like_its_student(verified: Verification) -> None:
    names = {one.against for one in verified.compared}

    assert names == {"student", "teacher"}
    measured = next(one for one in verified.compared if one.measured)
    # Codes are equal; only the weights of the encoder were rounded.
    assert measured.ratio == pytest.approx(1.0, abs=0.2)


def test_the_baseline_is_measured_on_the_same_users(bundles: Path, verified: Verification, tiny: TinyStudent) -> None:
    split = leave_one_out(tiny.dataset.sequences)
    histories = histories_of(split.test)
    score = transitions_and_texts(split, histories, evaluation_context(tiny.dataset).vectors)
    ranked = rank_targets(score, histories, split.test.rows, len(tiny.dataset.catalogue))

    assert verified.baseline_ndcg_10 == pytest.approx(float(np.mean(ndcg(ranked.excluded, 10))))
    assert verify_bundle(bundles / "laptop-x86_64", tiny.dataset, n_users=5).baseline_ndcg_10 != pytest.approx(
        verified.baseline_ndcg_10
    )


def test_all_sampled_reasons_are_true(verified: Verification) -> None:
    assert verified.reasons is not None
    assert verified.reasons.n_true == verified.reasons.n_reasons > 0


def test_the_latency_of_every_engine_is_measured(verified: Verification) -> None:
    for one in verified.engines:
        assert set(one.latency) == {"encode", "score", "recommend"}
        assert all(0 < step["p50_ms"] <= step["p90_ms"] for step in one.latency.values())


def test_a_sample_has_the_requested_size_and_is_reproducible(bundles: Path, tiny: TinyStudent) -> None:
    first, again = (verify_bundle(bundles / "browser-wasm", tiny.dataset, n_users=20) for _ in range(2))

    assert (first.n_users, first.n_test_users) == (20, 80)
    assert first.engines[0].figures == again.engines[0].figures


def test_an_engine_outside_its_tolerance_is_a_failure(copy: Path, tiny: TinyStudent) -> None:
    engines = open_folder(copy).manifest.engines
    strict = msgspec.structs.replace(engines[0], max_state_error=1e-12)
    change(copy, engines=(strict, *engines[1:]))

    verified = verify_bundle(copy, tiny.dataset, n_users=10)

    assert [one.status for one in verified.engines] == ["failed", "ok", "ok"]
    assert "self-test" in verified.parity_failures[0]


def test_a_broken_budget_is_a_failure(copy: Path, tiny: TinyStudent) -> None:
    change(copy, budgets={"ranking_bytes": 100})

    verified = verify_bundle(copy, tiny.dataset, n_users=10)

    assert "ranking_bytes" in verified.budget_failures[0]


def evidence_of(bundles: Path, *engines: EngineReport, reasons: ReasonReport | None = None) -> Evidence:
    manifest = open_folder(bundles / "laptop-x86_64").manifest
    users = TestUsers((), np.zeros(0, dtype=np.int32), 0)
    return Evidence(manifest=manifest, users=users, engines=list(engines), reasons=reasons, budgets=[])


def test_a_bundle_without_a_working_engine_fails_one_gate_and_names_the_engines(bundles: Path) -> None:
    evidence = evidence_of(bundles, EngineReport(engine="litert", precision="int8", status="not installed"))

    assert some_engine_works(evidence) == ["none of ['litert'] could be verified on this machine; install one"]
    assert engines_keep_their_tolerances(evidence) == []
    assert sizes_are_within_budgets(evidence) == []


def test_a_false_reason_is_a_failure(bundles: Path) -> None:
    reasons = ReasonReport(n_reasons=40, n_true=39, sources={"template": 40}, p50_ms=1.0)

    assert reasons_are_true(evidence_of(bundles, reasons=reasons)) == ["1 of 40 reasons are not true"]


def test_an_engine_that_is_not_installed_is_reported_and_is_no_failure(
    bundles: Path, tiny: TinyStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "MODULES_OF", {"litert": ("no_such_library",)})

    verified = verify_bundle(bundles / "laptop-x86_64", tiny.dataset, n_users=10)

    assert [one.status for one in verified.engines] == ["ok", "not installed", "ok"]
    assert verified.parity_failures == []


def test_a_flipped_byte_ends_the_verification(copy: Path, tiny: TinyStudent) -> None:
    data = bytearray((copy / "golden.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "golden.safetensors").write_bytes(data)

    with pytest.raises(BundleIntegrityError, match=r"golden\.safetensors"):
        verify_bundle(copy, tiny.dataset)


def test_data_with_other_items_than_the_bundle_is_refused(bundles: Path, tiny: TinyStudent, tmp_path: Path) -> None:
    other = make_tiny_student(tmp_path)
    text = (other.data_path / "items.jsonl").read_text()
    (other.data_path / "items.jsonl").write_text(text.replace('"i7"', '"other"'))
    (other.data_path / "interactions.csv").write_text(
        (other.data_path / "interactions.csv").read_text().replace(",i7,", ",other,")
    )
    from train.data.folder import read_folder

    with pytest.raises(DataError, match="other items"):
        verify_bundle(bundles / "browser-wasm", read_folder(other.data_path))


def test_a_single_user_is_enough_to_measure_latency(bundles: Path, tiny: TinyStudent) -> None:
    verified = verify_bundle(bundles / "laptop-x86_64", tiny.dataset, n_users=1)

    assert all(engine.latency["recommend"]["p50_ms"] > 0 for engine in verified.engines if engine.status == "ok")
