"""The doctor names what is wrong with a bundle's engines here, and what to do."""

import json
from pathlib import Path

import pytest

from edge_runtime.bundle.manifest import EngineVariant
from edge_runtime.cli import main
from edge_runtime.doctor import Finding, examine, misplaced, placement_of
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


def test_operators_that_fell_back_to_another_provider_are_a_fault(
    with_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = {"CPUExecutionProvider": 3, "SlowExecutionProvider": 100}
    monkeypatch.setattr("edge_runtime.doctor.placement_of", lambda session: placed)

    assert "100 on SlowExecutionProvider" in faults(examine(with_onnx))[0]


def test_the_placement_names_every_other_provider() -> None:
    assert misplaced({"CPUExecutionProvider": 5}) == ""
    assert misplaced({"A": 2, "B": 1}).startswith("2 on A, 1 on B, 0 on CPUExecutionProvider")


def test_an_onnx_runtime_that_does_not_tell_is_no_fault() -> None:
    assert placement_of(object()) is None


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
