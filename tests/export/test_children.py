"""The child processes of export and demo run no code from the working folder."""

import os
from pathlib import Path

import pytest

from edge_runtime import child
from export import demo, steps
from export.encoder_tflite import export_tflite_int8
from export.quantize import QuantizedEncoder
from tests.hostile_folder import HostileFolder
from tests.tiny_shop import write_shop
from tests.tiny_student import N_PROMPTS, RANK


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostileFolder:
    folder = HostileFolder(tmp_path / "hostile")
    monkeypatch.chdir(folder.path)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("_converts_again")
def test_the_tflite_converter_runs_no_code_from_the_working_folder(
    hostile: HostileFolder, quantized: QuantizedEncoder, tflite: bytes
) -> None:
    assert export_tflite_int8(quantized, n_prompts=N_PROMPTS, adapter_rank=RANK) == tflite
    assert not hostile.was_run


def test_the_steps_of_the_demo_resolve_relative_paths_and_run_no_code_from_there(hostile: HostileFolder) -> None:
    write_shop(hostile.path / "shop")

    checked = steps.Steps(Path("out")).run("check the data", "check", Path("shop"))

    assert checked["name"] == "shop"
    assert not hostile.was_run


def test_the_demo_starts_the_server_outside_the_working_folder(
    hostile: HostileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, str], Path]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, env: started.append((command, env, Path.cwd())))
    monkeypatch.setattr(demo, "run_steps", lambda *_, **__: {})
    monkeypatch.setattr(demo, "print_figures", lambda *_: None)

    demo.demo(out=Path("out"), port=0)

    served = child.command("edge_runtime", "serve", hostile.path / "out" / "bundles", "--host", "127.0.0.1")
    assert started == [([*served, "--port", "0"], child.environment(), child.FOLDER)]
