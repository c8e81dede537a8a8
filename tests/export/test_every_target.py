"""Every built-in target: `pocketrec export` makes what it says, and the device's runtime opens it."""

import json
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.cli import main
from edge_runtime.recommender import Recommender
from export.target import known_targets, read_target
from tests.tiny_student import TinyStudent


def run(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def exported(tiny: TinyStudent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("every-target")
    options = [word for name in known_targets() for word in ("--target", name)]
    inputs = ("--run", tiny.student.path, "--data", tiny.data_path, "--out", out)
    assert run("export", *inputs, *options, "--json") == 0
    return out


@pytest.mark.parametrize("name", known_targets())
def test_the_bundle_of_a_target_has_its_engines_and_ranks_on_this_machine(exported: Path, name: str) -> None:
    target, manifest = read_target(name), open_folder(exported / name).manifest

    assert [(each.engine, each.precision) for each in manifest.engines] == [
        (each.engine, each.precision) for each in target.engines
    ]
    assert {entry.name for entry in manifest.files if entry.role == "encoder"} == {e.file for e in target.engines}
    assert manifest.machines == target.machines
    with Recommender.open(exported / name) as recommender:
        recommender.observe("i3")
        assert len(recommender.recommend(5)) == 5
        assert recommender.engine.self_test is not None


def test_a_graph_has_the_opset_of_its_target(tiny: TinyStudent, tmp_path: Path) -> None:
    import onnx

    from export.bundle import Exporter, Release

    target = msgspec.structs.replace(read_target("browser-wasm"), opset=21)
    exported = Exporter(tiny.student, tiny.dataset, tmp_path).export(target, Release())

    model = onnx.load(exported.path / "encoder.onnx")
    assert [opset.version for opset in model.opset_import] == [21]
    with Recommender.open(exported.path) as recommender:
        assert recommender.engine.name == "onnxruntime"


def test_targets_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets", "--json") == 0

    listed = json.loads(capsys.readouterr().out)["targets"]
    assert [target["name"] for target in listed] == known_targets()


def test_targets_explains_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("targets", "raspberry-pi-3") == 0

    text = " ".join(capsys.readouterr().out.split())
    assert "none: reasons come from templates" in text
    assert "95 % of the lists of ten within 60 ms" in text
    assert "checked on armv7l, arm64" in text


def test_targets_explains_a_file_of_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "export" / "targets" / "minimal.toml").read_text()
    (tmp_path / "kiosk.toml").write_text(text.replace("p95_ms = 20.0", "p95_ms = 7.5"))

    assert run("targets", tmp_path / "kiosk.toml") == 0

    assert "within 7.5 ms" in capsys.readouterr().out


def test_targets_refuses_a_file_with_a_wrong_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kiosk.toml").write_text("descripton = 'a kiosk'\n")

    assert run("targets", tmp_path / "kiosk.toml") == 1

    assert "line 1: descripton: unknown entry. Did you mean 'description'?" in " ".join(capsys.readouterr().err.split())
