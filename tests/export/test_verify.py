"""A verification finds what is wrong with a bundle, and says so."""

import shutil
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import Manifest, dump_manifest, open_folder
from edge_runtime.errors import BundleIntegrityError
from export import measure
from export.verify import Verification, verify_bundle
from tests.tiny_student import TinyStudent, make_tiny_student
from train.errors import DataError


@pytest.fixture(scope="module")
def found(bundles: Path, tiny: TinyStudent) -> Verification:
    return verify_bundle(bundles / "laptop-x86_64", tiny.dataset, run=tiny.student.path)


@pytest.fixture
def copy(bundles: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles / "laptop-x86_64", tmp_path / "bundle"))


def change(path: Path, **values: object) -> Manifest:
    manifest = msgspec.structs.replace(open_folder(path).manifest, **values)
    (path / "manifest.json").write_bytes(dump_manifest(manifest))
    return manifest


def test_a_good_bundle_keeps_everything_it_promises(found: Verification) -> None:
    assert found.parity_failures == []
    assert found.budget_failures == []
    assert [one.status for one in found.engines] == ["ok"] * 3


def test_every_engine_shows_the_same_lists(found: Verification) -> None:
    assert [one.agreement for one in found.engines] == [None, 1.0, 1.0]
    figures = [one.figures["history_excluded"] for one in found.engines]
    assert figures[0] == figures[1] == figures[2]


def test_the_bundle_ranks_as_the_student_that_it_came_from(found: Verification) -> None:
    told = {one.against: one for one in found.compared}

    assert set(told) == {"student", "teacher"} or len(found.compared) == 3
    measured = next(one for one in found.compared if one.measured)
    # The same codes; only the encoder's weights were rounded.
    assert measured.ratio == pytest.approx(1.0, abs=0.2)


def test_every_reason_of_the_sample_is_true(found: Verification) -> None:
    assert found.reasons is not None
    assert found.reasons.n_true == found.reasons.n_reasons > 0


def test_every_engine_is_timed(found: Verification) -> None:
    for one in found.engines:
        assert set(one.latency) == {"encode", "score", "recommend"}
        assert all(0 < step["p50_ms"] <= step["p90_ms"] for step in one.latency.values())


def test_a_sample_is_as_large_as_asked_and_the_same_twice(bundles: Path, tiny: TinyStudent) -> None:
    first, again = (verify_bundle(bundles / "browser-wasm", tiny.dataset, n_users=20) for _ in range(2))

    assert (first.n_users, first.n_test_users) == (20, 80)
    assert first.engines[0].figures == again.engines[0].figures


def test_an_engine_outside_its_tolerance_is_a_failure(copy: Path, tiny: TinyStudent) -> None:
    engines = open_folder(copy).manifest.engines
    strict = msgspec.structs.replace(engines[0], max_state_error=1e-12)
    change(copy, engines=(strict, *engines[1:]))

    found = verify_bundle(copy, tiny.dataset, n_users=10)

    assert [one.status for one in found.engines] == ["failed", "ok", "ok"]
    assert "self-test" in found.parity_failures[0]


def test_a_broken_budget_is_a_failure(copy: Path, tiny: TinyStudent) -> None:
    change(copy, budgets={"ranking_bytes": 100})

    found = verify_bundle(copy, tiny.dataset, n_users=10)

    assert "ranking_bytes" in found.budget_failures[0]


def test_an_engine_that_is_not_installed_is_said_to_be_so(
    bundles: Path, tiny: TinyStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "MODULES_OF", {"litert": ("no_such_library",)})

    found = verify_bundle(bundles / "laptop-x86_64", tiny.dataset, n_users=10)

    assert [one.status for one in found.engines] == ["ok", "not installed", "ok"]
    assert found.parity_failures == []


def test_a_flipped_byte_ends_the_verification(copy: Path, tiny: TinyStudent) -> None:
    data = bytearray((copy / "golden.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "golden.safetensors").write_bytes(data)

    with pytest.raises(BundleIntegrityError, match=r"golden\.safetensors"):
        verify_bundle(copy, tiny.dataset)


def test_other_items_than_the_bundles_are_refused(bundles: Path, tiny: TinyStudent, tmp_path: Path) -> None:
    other = make_tiny_student(tmp_path)
    text = (other.data_path / "items.jsonl").read_text()
    (other.data_path / "items.jsonl").write_text(text.replace('"i7"', '"other"'))
    (other.data_path / "interactions.csv").write_text(
        (other.data_path / "interactions.csv").read_text().replace(",i7,", ",other,")
    )
    from train.data.folder import read_folder

    with pytest.raises(DataError, match="other items"):
        verify_bundle(bundles / "browser-wasm", read_folder(other.data_path))


def test_a_single_person_is_enough_to_be_timed(bundles: Path, tiny: TinyStudent) -> None:
    found = verify_bundle(bundles / "laptop-x86_64", tiny.dataset, n_users=1)

    assert all(engine.latency["recommend"]["p50_ms"] > 0 for engine in found.engines if engine.status == "ok")
