"""Language models of bundles: one folder per configuration, one file per quantization, each built once."""

import shutil
from pathlib import Path

import pytest

from edge_runtime.bundle.manifest import LanguageAdapter
from export.bundle import Exporter, Release
from export.gguf import make_language_model as convert
from export.language_model import folder_digest, store_model, writer_folder
from export.licences import LicenceError
from export.parts import PartCache
from export.report.bom import make_bom
from export.target import read_target
from export.verify import verify_bundle
from tests.export.gguf_bytes import U32, changed, gguf
from tests.tiny_language_model import make_adapter, make_language_model
from tests.tiny_student import TinyStudent
from train.data.dataset import Dataset
from train.errors import RunError
from train.reasons import writer
from train.reasons.model_card import write_card
from train.reasons.writer import WriterConfig


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_language_model(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
def test_a_bundle_contains_the_model_in_the_quantization_of_its_target(
    tiny: TinyStudent, bundles: Path, model: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(bundles, tmp_path / "out"))

    exported = Exporter(tiny.student, tiny.dataset, out, writer=model).export(read_target("browser-wasm"), Release())

    entry = exported.manifest.language_model
    assert entry is not None
    assert (entry.file, entry.context, entry.prompt) == ("reasons.gguf", 512, "facts-v3")
    assert (exported.path / entry.file).read_bytes()[:4] == b"GGUF"


@pytest.mark.slow
def test_a_stored_model_is_reused(model: Path, tmp_path: Path) -> None:
    first = store_model(model, "Q8_0", PartCache(tmp_path))
    modified = first.path.stat().st_mtime_ns

    again = store_model(model, "Q8_0", PartCache(tmp_path))

    assert again == first
    assert again.path.stat().st_mtime_ns == modified


def test_an_adapter_of_list_texts_beside_the_model_is_stored_as_a_file_of_its_own(model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "run" / "model"))
    make_adapter(tmp_path / "run" / "list_adapter", folder, seed=0)
    parts = PartCache(tmp_path / "parts")

    stored = store_model(folder, "Q8_0", parts)
    first = stored.adapters["list.gguf"].read_bytes()
    make_adapter(tmp_path / "run" / "list_adapter", folder, seed=1)
    changed = store_model(folder, "Q8_0", parts)

    assert stored.entry.adapters == (LanguageAdapter("list", "list.gguf", "list-v1"),)
    assert first[:4] == b"GGUF"
    assert changed.path == stored.path
    assert changed.adapters["list.gguf"].read_bytes() != first


def test_a_changed_weight_changes_the_digest_of_a_model(model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    weights = next(copy.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)

    assert folder_digest(copy) != folder_digest(model)
    assert folder_digest(model) == folder_digest(Path(shutil.copytree(model, tmp_path / "same")))


def test_each_model_is_trained_in_a_separate_folder(
    tiny: TinyStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_writer(
        dataset: Dataset, out: Path, config: WriterConfig, *, language_model: str | None = None, shown: bool = True
    ) -> Path:
        return out / "model"

    monkeypatch.setattr(writer, "train_writer", train_writer)

    default, again, other = (writer_folder(tiny.dataset, tmp_path, name) for name in (None, None, "owner/model"))

    assert default == again
    assert default != other
    assert {default.parent.parent, other.parent.parent} == {tmp_path / "reasons"}


@pytest.mark.slow
def test_a_finished_file_is_stored_as_it_is_with_its_licence_in_manifest_and_bill_of_materials(
    tiny: TinyStudent, bundles: Path, model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "folder"))
    write_card(folder, ("gemma",), "owner/base")
    file = tmp_path / "tiny.gguf"
    convert(folder, file, "Q8_0")
    out = Path(shutil.copytree(bundles, tmp_path / "out"))
    target = read_target("browser-wasm")

    with pytest.raises(LicenceError, match="found the licence gemma"):
        Exporter(tiny.student, tiny.dataset, out, writer=file).export(target, Release())
    exporter = Exporter(tiny.student, tiny.dataset, out, writer=file, accepted_licences=["gemma"])
    exported = exporter.export(target, Release(licences=("CC0-1.0",)))

    manifest = exported.manifest
    assert (exported.path / "reasons.gguf").read_bytes() == file.read_bytes()
    assert manifest.licences == ("CC0-1.0", "gemma")
    assert manifest.provenance["language_model_licence_accepted"] == "gemma"
    bom = make_bom(manifest, verify_bundle(exported.path, tiny.dataset))
    by_name = {one["name"]: one for one in bom["components"]}
    assert by_name["reasons.gguf"]["licenses"] == [{"license": {"name": "gemma"}}]
    assert "licenses" not in by_name["codes.safetensors"]


def test_a_refused_file_is_named_as_it_was_given_and_not_by_its_copy(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(gguf(changed(("split.count", U32, 3))))

    with pytest.raises(RunError, match=r"mine\.gguf.*one of 3 pieces") as refused:
        store_model(file, "Q8_0", PartCache(tmp_path / "parts"))

    assert "parts" not in str(refused.value)
