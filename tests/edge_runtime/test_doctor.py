"""The doctor names what is wrong with a bundle's engines here, and what to do."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.cli import main
from edge_runtime.doctor import Finding, examine
from edge_runtime.engines.onnxruntime import library, misplaced, placement
from edge_runtime.recommender import Recommender
from tests.tiny_bundle import Shape, make_tiny_bundle, tiny_contents
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx


@pytest.fixture(scope="module")
def with_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for ONNX Runtime and numpy."""
    folder = tmp_path_factory.mktemp("doctor") / "b"
    _, files = tiny_contents(n_items=40, seed=0, target="laptop-x86_64", shape=Shape(), release=1, name="tiny")
    manifest = make_tiny_bundle(folder, n_items=40, seed=0)
    graph = tiny_onnx(files["encoder.safetensors"][1], manifest.encoder)
    make_tiny_bundle(folder, n_items=40, seed=0, engines=(ONNX_VARIANT,), extra={"encoder.onnx": ("encoder", graph)})
    return folder


def faults(findings: list[Finding]) -> list[str]:
    return [f"{each.subject}: {each.text}" for each in findings if each.state == "fault"]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in arguments])
    return int(stopped.value.code or 0)


def test_a_sound_bundle_has_no_fault_and_its_operators_run_where_they_were_asked_to(with_onnx: Path) -> None:
    findings = examine(with_onnx)

    assert faults(findings) == []
    assert any("operators run on CPUExecutionProvider, as asked" in each.text for each in findings)


def test_a_damaged_bundle_is_a_fault_in_one_sentence_with_its_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiny_bundle(tmp_path / "b")
    (tmp_path / "b" / "codes.safetensors").write_bytes(b"short")

    assert run("doctor", tmp_path / "b") == 1

    printed = capsys.readouterr()
    assert "fault bundle: " in printed.out
    assert ". Fix: export it again" in printed.out
    assert ".." not in printed.out.replace(str(tmp_path), "")
    assert ".." not in printed.err.replace(str(tmp_path), "")


@dataclass(frozen=True)
class Part:
    """Operators of a graph that ran on one provider."""

    ep_name: str
    nodes: int

    def get_nodes(self) -> range:
        return range(self.nodes)


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of ONNX Runtime in which most operators fell back to another provider."""
    real = library()

    class Session(real.InferenceSession):  # type: ignore[misc, name-defined]
        def get_provider_graph_assignment_info(self) -> list[Part]:
            return [Part("CPUExecutionProvider", 3), Part("SlowExecutionProvider", 100)]

    fake = ModuleType("onnxruntime")
    fake.__dict__.update(real.__dict__, InferenceSession=Session)
    monkeypatch.setattr("edge_runtime.engines.onnxruntime.library", lambda: fake)


@pytest.mark.usefixtures("fallback")
@pytest.mark.parametrize("has_bundle", [True, False])
def test_operators_that_fell_back_to_another_provider_are_a_fault(with_onnx: Path, has_bundle: bool) -> None:
    (fault,) = [one for one in examine(with_onnx if has_bundle else None) if one.state == "fault"]

    assert fault.subject.startswith("onnxruntime")
    assert "100 on SlowExecutionProvider" in fault.text
    assert fault.fix


@pytest.mark.usefixtures("fallback")
def test_an_app_does_not_rank_with_an_engine_whose_operators_fell_back(with_onnx: Path) -> None:
    with Recommender.open(with_onnx) as recommender:
        assert recommender.engine.name == "reference"
        assert "100 on SlowExecutionProvider" in recommender.engine.fallbacks[0].reason


def test_the_placement_names_every_other_provider() -> None:
    assert misplaced({"CPUExecutionProvider": 5}) == ""
    assert misplaced({"A": 2, "B": 1}).startswith("2 on A, 1 on B, 0 on CPUExecutionProvider")


def test_an_onnx_runtime_that_does_not_tell_is_no_fault() -> None:
    assert placement(object()) is None


def test_an_engine_with_a_wrong_graph_is_a_fault_with_a_fix(tmp_path: Path) -> None:
    variant = EngineVariant("onnxruntime", "int8", "encoder.onnx", 1e-3, 0.99)
    make_tiny_bundle(tmp_path / "b", extra={"encoder.onnx": ("encoder", b"no graph")}, engines=(variant,))

    findings = examine(tmp_path / "b")

    (fault,) = [each for each in findings if each.state == "fault"]
    assert (fault.subject, bool(fault.fix)) == ("onnxruntime int8", True)


def test_an_engine_of_browsers_is_a_note(tmp_path: Path) -> None:
    variant = EngineVariant("webgpu", "int8", "encoder.onnx", 1e-3, 0.99)
    make_tiny_bundle(tmp_path / "b", extra={"encoder.onnx": ("encoder", b"x")}, engines=(variant,))

    notes = [each.subject for each in examine(tmp_path / "b") if each.state == "note"]
    assert notes == ["webgpu int8"]


def test_a_damaged_file_is_a_fault(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "b")
    (tmp_path / "b" / "codes.safetensors").write_bytes(b"damaged")

    assert "codes.safetensors" in faults(examine(tmp_path / "b"))[0]


def test_a_fault_ends_the_command_with_1_and_the_findings_as_json(
    with_onnx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POCKETREC_ENGINE", "third")

    assert run("doctor", with_onnx, "--json") == 1

    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert "names 'third'" in answer["error"]["message"]
    assert {each["state"] for each in answer["findings"]} >= {"ok", "fault"}


def test_without_a_bundle_every_engine_is_tested_with_a_built_in_encoder() -> None:
    findings = examine()

    tested = [each.subject for each in findings if each.text.startswith("passed the self-test")]
    assert tested == ["onnxruntime int8", "litert int8", "reference int8"]
    assert faults(findings) == []


def test_without_a_bundle_the_command_needs_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["bundle"]) == (True, None)


def test_an_engine_that_is_not_installed_is_no_fault_and_comes_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("missing", name="onnxruntime")

    monkeypatch.setattr("edge_runtime.engines.onnxruntime.library", missing)
    monkeypatch.setattr("edge_runtime.doctor.find_spec", lambda name: None)

    (note,) = [one for one in examine() if one.subject == "onnxruntime int8"]

    assert (note.state, "pip install onnxruntime" in note.fix) == ("note", True)


def test_an_installed_engine_that_lacks_a_module_of_its_own_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("broken", name="flatbuffers")

    monkeypatch.setattr("edge_runtime.engines.onnxruntime.library", broken)

    assert faults(examine()) == ["onnxruntime int8: not installed (no module 'flatbuffers')"]


def test_an_engine_of_the_environment_that_no_engine_has_is_a_fault_without_a_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POCKETREC_ENGINE", "onnxruntime fp32")
    assert faults(examine()) == []

    monkeypatch.setenv("POCKETREC_ENGINE", "third")
    assert faults(examine()) == ["POCKETREC_ENGINE: names 'third', which no engine has"]
