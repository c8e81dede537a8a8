"""No process that we start runs a file that lies in the folder where the user happens to be."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime import child
from edge_runtime.engines.llama_client import LlamaWriter
from tests.hostile_folder import OURS, HostileFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostileFolder:
    """Work in a hostile folder, with a search path whose empty entries mean the working folder."""
    folder = HostileFolder(tmp_path / "hostile")
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}.{os.pathsep}")
    return folder


def test_the_folder_does_trap_whoever_looks_for_code_in_it(hostile: HostileFolder) -> None:
    subprocess.run([sys.executable, "-m", "edge_runtime", "--version"], capture_output=True, check=False)

    assert hostile.was_run


def test_a_hostile_repository_does_trap_git(hostile: HostileFolder) -> None:
    subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, check=False)
    subprocess.run(["git", "status"], capture_output=True, check=False)

    assert hostile.was_run


def test_a_child_runs_our_module_with_its_arguments(hostile: HostileFolder) -> None:
    done = subprocess.run(
        child.command("edge_runtime", "--version"),
        cwd=child.FOLDER,
        env=child.environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("pocketrec ")
    assert not hostile.was_run


def test_a_child_is_safe_in_the_hostile_folder_itself(hostile: HostileFolder) -> None:
    subprocess.run(child.command("edge_runtime", "--version"), env=child.environment(), check=True)

    assert not hostile.was_run


def test_a_child_searches_the_absolute_folders_that_were_named() -> None:
    path = os.pathsep.join(["", "/opt/app", ".", "vendored"])

    assert child.environment({"PYTHONPATH": path})["PYTHONPATH"] == "/opt/app"
    assert "PYTHONPATH" not in child.environment({"PYTHONPATH": os.pathsep})


def test_the_language_models_worker(hostile: HostileFolder) -> None:
    model = Path("no-model.gguf")
    model.write_bytes(b"GGUF")
    writer = LlamaWriter(model, context=64)

    with pytest.raises(Exception, match=r"llama\.cpp cannot read no-model\.gguf"):
        writer.write("x", ("It is blue.", "It is red."), 0)

    writer.close()
    assert not hostile.was_run


def test_only_one_module_names_the_interpreter() -> None:
    files = [file for name in OURS for file in (ROOT / name).rglob("*.py")]
    assert len(files) > 100

    naming = {
        file.relative_to(ROOT).as_posix()
        for file in files
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Attribute) and node.attr == "executable"
    }

    assert naming == {"edge_runtime/child.py"}
