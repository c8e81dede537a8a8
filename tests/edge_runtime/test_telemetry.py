"""Telemetry is disabled before a library is loaded; loading one too early gives a warning."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime import telemetry

ROOT = Path(__file__).parents[2]
FOLDERS = ("edge_runtime", "train", "export", "server", "benchmarks", "tests")
# Optimum imports ONNX Runtime by itself: these modules name edge_runtime first.
MAY_IMPORT = {
    "edge_runtime/engines/onnxruntime.py": "onnxruntime",
    "benchmarks/encoder_quantization.py": "optimum",
    "benchmarks/optimum_sasrec.py": "optimum",
}


@pytest.mark.parametrize("package", ["edge_runtime", "train", "export", "server"])
def test_importing_any_package_disables_telemetry_before_it_loads_a_library(package: str) -> None:
    code = f"import sys, {package}, json, os; print(json.dumps([dict(os.environ), list(sys.modules)]))"

    done = subprocess.run(
        [sys.executable, "-c", code], env={"ORT_DISABLE_TELEMETRY": "0"}, capture_output=True, text=True, check=True
    )

    environment, modules = json.loads(done.stdout)
    assert environment.items() >= telemetry.OFF.items()
    assert not {"onnxruntime", "huggingface_hub", "transformers", "accelerate", "optimum", "torch"}.intersection(
        modules
    )


def test_onnx_runtime_is_imported_in_one_place() -> None:
    imports = {
        (file.relative_to(ROOT).as_posix(), name)
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for name in _imported(file)
        if name in ("onnxruntime", "optimum")
    }

    assert imports == set(MAY_IMPORT.items())


def _imported(file: Path) -> Iterator[str]:
    """Yield the top-level name of every module that a file imports."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(module)), *_]):
                yield module.partition(".")[0]


def test_an_app_that_imports_onnx_runtime_first_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", sys)
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")

    with pytest.warns(RuntimeWarning, match="Import edge_runtime first, or set ORT_DISABLE_TELEMETRY=1"):
        telemetry.switch_off()
