"""Child processes run no code from the working directory of the user."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime import child
from edge_runtime.language_model.client import LlamaWriter
from tests.hostile_folder import OURS, HostileFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostileFolder:
    """Change to a hostile folder, with empty entries in PYTHONPATH, which mean the working directory."""
    folder = HostileFolder(tmp_path / "hostile")
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}.{os.pathsep}")
    return folder


def test_the_hostile_folder_traps_a_plain_python(hostile: HostileFolder) -> None:
    subprocess.run([sys.executable, "-m", "edge_runtime", "--version"], capture_output=True, check=False)

    assert hostile.was_run


def test_the_hostile_repository_traps_git(hostile: HostileFolder) -> None:
    subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, check=False)
    subprocess.run(["git", "status"], capture_output=True, check=False)

    assert hostile.was_run


def test_a_child_runs_the_module_with_its_arguments(hostile: HostileFolder) -> None:
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


def test_a_child_searches_the_absolute_folders_of_the_path() -> None:
    path = os.pathsep.join(["", "/opt/app", ".", "vendored"])

    assert child.environment({"PYTHONPATH": path})["PYTHONPATH"] == "/opt/app"
    assert "PYTHONPATH" not in child.environment({"PYTHONPATH": os.pathsep})


def test_the_language_model_worker_runs_no_foreign_code(hostile: HostileFolder) -> None:
    model = Path("no-model.gguf")
    model.write_bytes(b"GGUF")
    writer = LlamaWriter(model, context=64)

    with pytest.raises(Exception, match=r"llama\.cpp cannot read no-model\.gguf"):
        writer.write("x", ("It is blue.", "It is red."), 0)

    writer.close()
    assert not hostile.was_run


def test_only_one_module_uses_the_path_of_the_interpreter() -> None:
    files = [file for name in OURS for file in (ROOT / name).rglob("*.py")]
    assert len(files) > 100

    naming = {
        file.relative_to(ROOT).as_posix()
        for file in files
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Attribute) and node.attr == "executable"
    }

    assert naming == {"edge_runtime/child.py"}
