"""Exported bundles: they open in the device runtime, are reproducible, and are refused if a byte is flipped."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import save_file

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.item_table import check_item_table
from edge_runtime.bundle.manifest import ITEM_TABLE
from edge_runtime.contents import open_contents
from edge_runtime.errors import BundleError, BundleIntegrityError, EngineError
from edge_runtime.probe.target import Budgets, Target
from edge_runtime.recommender import Recommender
from export.bundle import WORK_FOLDER, Exporter, Release
from export.encoder_onnx import export_onnx_int8
from export.errors import BudgetError
from export.measure import OpenEngine, open_engine
from export.parts import PartCache
from export.quantize import quantize_encoder
from export.target import read_target
from tests.tiny_student import CONFIG, N_PROMPTS, RANK, TinyStudent, make_encoder, make_tiny_student
from train.errors import DataError, RunError

OPENED_BY = {"laptop-x86_64": "onnxruntime", "browser-wasm": "onnxruntime"}


@pytest.fixture
def target() -> Target:
    return read_target("browser-wasm")


@pytest.fixture
def out(bundles: Path, tmp_path: Path) -> Path:
    """Return a copy of the exported bundles and of the part cache."""
    return Path(shutil.copytree(bundles, tmp_path / "out"))


@pytest.mark.parametrize(("target", "engine"), OPENED_BY.items())
def test_a_device_opens_the_bundle_with_its_first_engine(bundles: Path, target: str, engine: str) -> None:
    with Recommender.open(bundles / target) as recommender:
        shown = recommender.recommend(5, history=["i3", "i4"])

    assert recommender.engine.name == engine
    assert recommender.engine.fallbacks == ()
    assert len(shown) == 5


@pytest.mark.parametrize("target", OPENED_BY)
def test_a_flipped_byte_in_any_file_is_refused(bundles: Path, tmp_path: Path, target: str) -> None:
    names = [entry.name for entry in open_folder(bundles / target).manifest.files]
    for name in names:
        copy = Path(shutil.copytree(bundles / target, tmp_path / name))
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)

        with pytest.raises(BundleIntegrityError, match=name):
            Recommender.open(copy)


def test_many_items_are_exported_as_a_table(
    tiny: TinyStudent, bundles: Path, tmp_path: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.bundle.IN_MEMORY_ITEMS", 1)

    exported = Exporter(tiny.student, tiny.dataset, tmp_path).export(target, Release())

    few, many = open_contents(open_folder(bundles / target.name)), open_contents(open_folder(exported.path))
    check_item_table(many.table)
    assert ITEM_TABLE in exported.manifest.required_features
    assert list(many.items.item_id) == list(few.items.item_id)
    assert [many.items.facts(row) for row in range(5)] == [few.items.facts(row) for row in range(5)]


def test_equal_inputs_produce_equal_files(tiny: TinyStudent, bundles: Path, tmp_path: Path, target: Target) -> None:
    again = Exporter(tiny.student, tiny.dataset, tmp_path).export(target, Release())

    existing = open_folder(bundles / "browser-wasm").manifest
    assert msgspec.structs.replace(again.manifest, created=existing.created) == existing


def test_an_unchanged_bundle_keeps_its_release_number(tiny: TinyStudent, out: Path, target: Target) -> None:
    exported = Exporter(tiny.student, tiny.dataset, out).export(target, Release())

    assert not exported.changed
    assert exported.manifest.release == 1


def test_a_changed_bundle_gets_the_next_release(tiny: TinyStudent, out: Path, target: Target) -> None:
    exported = Exporter(tiny.student, tiny.dataset, out).export(target, Release(licences=("CC0-1.0",)))

    assert exported.changed
    assert exported.manifest.release == 2
    assert open_folder(exported.path).manifest.licences == ("CC0-1.0",)


def test_a_damaged_bundle_is_written_again_with_the_next_release(tiny: TinyStudent, out: Path, target: Target) -> None:
    (out / "browser-wasm" / "codes.safetensors").write_bytes(b"gone")

    exported = Exporter(tiny.student, tiny.dataset, out).export(target, Release())

    assert (exported.changed, exported.manifest.release) == (True, 2)
    open_folder(exported.path).check_all()


def test_a_release_number_that_does_not_increase_is_refused(tiny: TinyStudent, out: Path, target: Target) -> None:
    with pytest.raises(BundleError, match="holds release 1, and release numbers must increase"):
        Exporter(tiny.student, tiny.dataset, out).export(target, Release(number=1, licences=("CC0-1.0",)))


def test_a_folder_with_other_files_is_not_overwritten(tiny: TinyStudent, out: Path, target: Target) -> None:
    precious = out / target.name / "precious.txt"
    shutil.rmtree(precious.parent)
    precious.parent.mkdir()
    precious.write_text("do not lose me")

    with pytest.raises(BundleError, match="is not a bundle"):
        Exporter(tiny.student, tiny.dataset, out).export(target, Release())

    assert precious.read_text() == "do not lose me"


def test_the_manifest_has_the_requested_number_and_date(tiny: TinyStudent, out: Path, target: Target) -> None:
    requested = Release(number=7, created=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))

    exported = Exporter(tiny.student, tiny.dataset, out).export(target, requested)

    assert (exported.manifest.release, exported.manifest.created) == (7, "2030-01-02T03:04:05Z")


def test_a_target_may_use_a_float32_graph(tiny: TinyStudent, out: Path, target: Target) -> None:
    # Golden states are computed with int8 weights, so the tolerance must allow for quantization.
    choice = msgspec.structs.replace(target.engines[0], precision="fp32", max_state_error=0.5, min_overlap=0.5)
    target = msgspec.structs.replace(target, name="exact", engines=(choice,))

    exported = Exporter(tiny.student, tiny.dataset, out).export(target, Release())

    with Recommender.open(exported.path) as recommender:
        assert (recommender.engine.name, recommender.engine.precision) == ("onnxruntime", "fp32")


def test_an_exceeded_budget_stops_the_export_before_anything_is_written(
    tiny: TinyStudent, out: Path, target: Target
) -> None:
    budgets = Budgets(ranking_bytes=100, bundle_bytes=target.budgets.bundle_bytes)
    target = msgspec.structs.replace(target, name="narrow", budgets=budgets)

    with pytest.raises(BudgetError, match="ranking_bytes"):
        Exporter(tiny.student, tiny.dataset, out).export(target, Release())

    assert not (out / "narrow").exists()


def test_a_student_of_other_data_is_refused(tiny: TinyStudent, tmp_path: Path) -> None:
    other = make_tiny_student(tmp_path / "other", seed=1)

    with pytest.raises(RunError, match="distilled on data with the digest"):
        Exporter(tiny.student, other.dataset, tmp_path / "out")


def test_the_manifest_has_the_provenance_of_the_bundle_without_local_paths(bundles: Path, tiny: TinyStudent) -> None:
    provenance = open_folder(bundles / "browser-wasm").manifest.provenance

    assert provenance["data_digest"] == tiny.dataset.digest
    assert provenance["student_ndcg10"] == "0.050000"
    assert not any(str(tiny.data_path.parent) in value for value in provenance.values())


def test_an_export_leaves_no_partial_files(bundles: Path) -> None:
    assert sorted(path.name for path in bundles.iterdir()) == [WORK_FOLDER, "browser-wasm", "laptop-x86_64"]
    assert not list(bundles.rglob("*.new"))


def test_a_part_is_built_once_for_equal_inputs(tmp_path: Path) -> None:
    calls: list[int] = []

    def build() -> bytes:
        calls.append(1)
        return b"part"

    parts = [PartCache(tmp_path).get("a.bin", {"x": 1}, build) for _ in range(3)]
    other = PartCache(tmp_path).get("a.bin", {"x": 2}, build)

    assert (parts, other) == ([b"part"] * 3, b"part")
    assert len(calls) == 2


def test_retired_items_are_a_new_release_that_never_recommends_them(
    tiny: TinyStudent, out: Path, target: Target
) -> None:
    exported = Exporter(tiny.student, tiny.dataset, out).export(target, Release(retired=("i7", "i2")))

    assert exported.manifest.release == 2
    with Recommender.open(exported.path) as recommender:
        listed = {item.item_id for item in recommender.recommend(len(tiny.dataset.catalogue), [])}
        assert listed == set(tiny.dataset.catalogue.item_ids) - {"i7", "i2"}


def test_a_retired_id_that_the_data_lack_is_refused(tiny: TinyStudent, out: Path, target: Target) -> None:
    with pytest.raises(DataError, match=r"1 of 2 retired ids are not in .*, such as 'gone'"):
        Exporter(tiny.student, tiny.dataset, out).export(target, Release(retired=("i7", "gone")))


def test_a_device_accepts_every_engine_of_a_student_with_one_block_and_one_prompt(
    tiny: TinyStudent, tmp_path: Path
) -> None:
    config = replace(CONFIG, n_blocks=1)
    prompts = {name: rows[:1] for name, rows in tiny.student.prompts.items()}
    folder = shutil.copytree(tiny.student.path, tmp_path / "student")
    save_file(prompts, folder / "prompts.safetensors")
    student = replace(tiny.student, path=folder, config=config, encoder=make_encoder(config), prompts=prompts)

    exported = Exporter(student, tiny.dataset, tmp_path / "out").export(read_target("laptop-x86_64"), Release())

    contents = open_contents(open_folder(exported.path))
    assert "litert" in {variant.engine for variant in exported.manifest.engines}
    for variant in exported.manifest.engines:
        assert isinstance(open_engine(contents, variant), OpenEngine)


def test_an_engine_that_a_device_would_refuse_is_not_exported(
    tiny: TinyStudent, tmp_path: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_encoder(seed=1)
    wrong = export_onnx_int8(quantize_encoder(other), n_prompts=N_PROMPTS, adapter_rank=RANK)
    monkeypatch.setattr("export.encoder_onnx.export_onnx_int8", lambda *_, **__: wrong)

    with pytest.raises(EngineError, match=r"would refuse onnxruntime int8 of this bundle: failed the self-test"):
        Exporter(tiny.student, tiny.dataset, tmp_path).export(target, Release())

    assert [path.name for path in tmp_path.iterdir()] == [WORK_FOLDER]
