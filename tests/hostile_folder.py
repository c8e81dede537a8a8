"""A hostile working folder: its files record if any of them is imported or executed."""

import subprocess
import sys
from pathlib import Path

OURS = ("edge_runtime", "train", "export", "server", "benchmarks")
OTHERS = (
    "PIL", "accelerate", "ai_edge_litert", "flatbuffers", "gguf", "llama_cpp", "litert_torch", "msgspec", "numpy",
    "onnx", "onnxruntime", "optimum", "peft", "polars", "rich", "safetensors", "scipy", "sitecustomize", "tokenizers",
    "torch", "transformers", "typer", "usercustomize",
)  # fmt: skip
MARK = "was-run"


class HostileFolder:
    """A folder with a module for every name that a child process may import, and a git repository with a hook."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        trap = f"import os; os.close(os.open({str(path / MARK)!r}, os.O_CREAT | os.O_WRONLY)); raise SystemExit(99)\n"
        for name in {*sys.stdlib_module_names, *OURS, *OTHERS}:
            (path / f"{name}.py").write_text(trap)
        program = path / "fsmonitor"
        program.write_text(f"#!/bin/sh\n: > {path / MARK}\n")
        program.chmod(0o755)
        (path / "git").write_bytes(program.read_bytes())
        (path / "git").chmod(0o755)
        for words in (("init", "-q"), ("add", "git"), ("config", "core.fsmonitor", str(program))):
            subprocess.run(["git", *words], cwd=path, check=True)

    @property
    def was_run(self) -> bool:
        """Whether any of its files was executed."""
        return (self.path / MARK).exists()
