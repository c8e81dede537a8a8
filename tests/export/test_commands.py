"""The commands ``export`` and ``verify``: help, output and exit codes."""

import json
import shutil
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.cli import main
from export.naming import NAME_FILE, saved_name
from tests.tiny_student import TinyStudent
from train.errors import RunError
from train.reasons.model_card import write_card


def run(*arguments: object) -> int:
    """Run a command and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def exported(bundles: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundles, tmp_path / "bundles"))


@pytest.mark.parametrize("command", ["export", "verify"])
def test_the_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0

    assert f"Example: pocketrec {command} " in " ".join(capsys.readouterr().out.split())


def test_export_prints_one_json_object(tiny: TinyStudent, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        "export", "--run", tiny.student.path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", exported,
        "--json",
    )  # fmt: skip

    assert code == 0
    printed = json.loads(capsys.readouterr().out)["bundles"][0]
    assert (printed["target"], printed["release"], printed["changed"]) == ("browser-wasm", 1, False)


def test_export_prints_the_folders_of_all_targets(
    tiny: TinyStudent, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = ("--target", "laptop-x86_64", "--target", "browser-wasm")

    code = run(
        "export", "--run", tiny.student.path, "--data", tiny.data_path, *targets, "--out", exported,
    )  # fmt: skip

    assert code == 0
    out = capsys.readouterr().out
    assert f"pocketrec verify {exported / 'laptop-x86_64'} " in out
    assert f"pocketrec verify {exported / 'browser-wasm'} " in out


def test_the_name_of_the_first_export_is_kept_with_the_student(
    tiny: TinyStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = Path(shutil.copytree(tiny.student.path, tmp_path / "student"))
    (student / NAME_FILE).unlink(missing_ok=True)
    renamed = Path(shutil.copytree(tiny.data_path, tmp_path / "renamed"))

    def export_into(out: str, data: Path, *more: str) -> tuple[str, str]:
        given = ("--run", student, "--data", data, "--target", "browser-wasm")
        assert run("export", *given, "--out", tmp_path / out, *more) == 0
        return open_folder(tmp_path / out / "browser-wasm").manifest.name, capsys.readouterr().out

    first, printed = export_into("first", tiny.data_path)
    again, printed_again = export_into("second", renamed)
    chosen, _ = export_into("third", renamed, "--name", "Tea")

    assert first == again == tiny.data_path.name
    assert f"Catalogue name: '{first}' (from the data folder; --name sets it)" in " ".join(printed.split())
    assert "Catalogue name" not in printed_again
    assert chosen == saved_name(student) == "Tea"


def test_renamed_folders_make_no_new_release(tiny: TinyStudent, exported: Path, tmp_path: Path) -> None:
    student = shutil.copytree(tiny.student.path, tmp_path / "another-run")
    data = shutil.copytree(tiny.data_path, tmp_path / "renamed")
    given = ("--target", "browser-wasm", "--out", exported, "--json")

    assert run("export", "--run", student, "--data", data, *given) == 0

    assert open_folder(exported / "browser-wasm").manifest.release == 1


def test_another_name_is_refused_before_anything_is_built(
    tiny: TinyStudent, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(exported / ".work", ignore_errors=True)

    code = run(
        "export", "--run", tiny.student.path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", exported,
        "--name", "other",
    )  # fmt: skip

    assert code == 1
    assert "holds releases of" in " ".join(capsys.readouterr().err.split())
    assert not (exported / ".work").exists()


def test_an_unknown_target_is_a_usage_error(
    tiny: TinyStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("export", "--run", tiny.student.path, "--data", tiny.data_path, "--target", "toaster", "--out", tmp_path)

    assert code == 2
    assert "browser-wasm" in capsys.readouterr().err


def test_two_language_models_are_a_usage_error(tiny: TinyStudent, tmp_path: Path) -> None:
    code = run(
        "export", "--run", tiny.student.path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", tmp_path,
        "--language-model", "somewhere", "--train-language-model",
    )  # fmt: skip

    assert code == 2


@pytest.mark.parametrize(
    ("options", "trains"),
    [((), False), (("--train-language-model",), True), (("--language-model", "MODEL"), True)],
)
def test_a_bundle_has_no_language_model_unless_one_is_asked_for(
    tiny: TinyStudent,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    trains: bool,
) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise RunError("this test trains nothing")

    monkeypatch.setattr("export.language_model.writer_folder", refuse)
    model = tmp_path / "MODEL"
    model.mkdir()
    write_card(model, ("mit",), "owner/base")
    (model / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    out = tmp_path / "out"
    given = ("--run", tiny.student.path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", out)

    code = run("export", *given, *(str(model) if one == "MODEL" else one for one in options))

    printed = capsys.readouterr().err
    assert code == (1 if trains else 0)
    assert ("this test trains nothing" in printed) == trains
    if not trains:
        assert open_folder(out / "browser-wasm").manifest.language_model is None


@pytest.mark.parametrize("card", [True, False])
def test_a_language_model_is_refused_before_the_data_is_read_if_its_licence_does_not_allow_it(
    tiny: TinyStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str], card: bool
) -> None:
    if card:
        write_card(tmp_path, ("cc-by-nc-4.0",), "owner/base")
    given = ("--run", tiny.student.path, "--data", tmp_path / "nowhere", "--target", "browser-wasm", "--out", tmp_path)

    assert run("export", *given, "--language-model", tmp_path) == 1

    assert ("--accept-licence cc-by-nc-4.0" if card else "states no licence") in capsys.readouterr().err


def test_a_licence_cannot_be_accepted_without_a_language_model(tiny: TinyStudent, tmp_path: Path) -> None:
    given = ("--run", tiny.student.path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", tmp_path)

    assert run("export", *given, "--accept-licence", "gemma") == 2


def test_a_folder_without_a_student_is_refused(
    tiny: TinyStudent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("export", "--run", tmp_path, "--data", tiny.data_path, "--target", "browser-wasm", "--out", tmp_path)

    assert code == 1
    assert "pocketrec distill" in capsys.readouterr().err


def test_verify_prints_tables(tiny: TinyStudent, bundles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", bundles / "laptop-x86_64", "--data", tiny.data_path, "--users", 20) == 0

    out = capsys.readouterr().out
    assert "NDCG@10" in out
    assert "All checks passed." in out


def test_verify_prints_one_json_object(tiny: TinyStudent, bundles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", bundles / "browser-wasm", "--data", tiny.data_path, "--users", 20, "--json") == 0

    printed = json.loads(capsys.readouterr().out)
    assert printed["engines"][0]["figures"]["history_excluded"]["ndcg@10"] >= 0
    assert printed["ranking_bytes"] > 0


def test_verify_fails_if_an_engine_is_outside_its_tolerance(
    tiny: TinyStudent, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = exported / "laptop-x86_64" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["engines"][0]["max_state_error"] = 1e-12
    path.write_text(json.dumps(manifest))

    code = run("verify", path.parent, "--data", tiny.data_path, "--users", 10)

    assert code == 1
    assert "Do not ship it" in capsys.readouterr().err


def test_verify_refuses_a_flipped_byte(tiny: TinyStudent, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = exported / "browser-wasm" / "encoder.onnx"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)

    code = run("verify", path.parent, "--data", tiny.data_path)

    assert code == 1
    assert "encoder.onnx" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["bundle", "run"])
def test_verify_refuses_a_wrong_folder_before_it_reads_the_data(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    bundle = tmp_path / "nowhere" if wrong == "bundle" else exported / "browser-wasm"

    assert run("verify", bundle, "--data", tmp_path / "no-data", "--run", tmp_path / "nowhere") == 1

    printed = " ".join(capsys.readouterr().err.split())
    assert "nowhere" in printed
    assert "no-data" not in printed


def test_the_help_says_that_a_bundle_has_no_language_model_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "--help") == 0

    assert "default: none, or" in " ".join(capsys.readouterr().out.split())
