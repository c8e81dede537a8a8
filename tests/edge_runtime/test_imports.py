"""The runtime loads no heavy library and no server package."""

import json
import subprocess
import sys
from pathlib import Path

SERVER_SIDE = (
    "torch", "onnx", "litestar", "transformers", "polars", "optimum", "peft", "accelerate", "sklearn", "scipy",
    "safetensors", "train", "export", "server",
)  # fmt: skip
USE = """
import importlib.abc, json, sys
from pathlib import Path

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise AssertionError(f"{name} was imported")

REFUSED = json.loads(sys.argv[2])
sys.meta_path.insert(0, Refuse())
from edge_runtime import Recommender
with Recommender.open(Path(sys.argv[1])) as recommender:
    recommender.observe("item-1")
    listed = recommender.recommend(5)
    recommender.explain(listed[0].item_id)
    recommender.search("rose")
    engine = recommender.engine.name
standard = set(sys.stdlib_module_names)
print(json.dumps({
    "engine": engine,
    "n_modules": len(sys.modules),
    "third_party": sorted({name.partition(".")[0] for name in sys.modules} - standard),
}))
"""


def use(bundle: Path, refused: tuple[str, ...]) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", USE, str(bundle), json.dumps(refused)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


def test_the_runtime_works_if_server_packages_cannot_be_imported(bundle: Path) -> None:
    report = use(bundle, SERVER_SIDE)

    assert report["engine"] == "reference"


def test_the_numpy_engine_needs_only_numpy_and_msgspec(bundle: Path) -> None:
    report = use(
        bundle, (*SERVER_SIDE, "onnxruntime", "ai_edge_litert", "tflite_runtime", "llama_cpp", "typer", "rich")
    )
    third_party = report["third_party"]
    assert isinstance(third_party, list)

    ours = {name for name in third_party if not name.startswith("_")} - {"edge_runtime"}

    assert ours <= {"numpy", "msgspec", "sitecustomize", "cython_runtime", "typing_extensions"}  # the last by msgspec
    assert isinstance(report["n_modules"], int)
    assert report["n_modules"] < 350


def test_reading_a_manifest_does_not_load_the_recommender() -> None:
    code = "import sys, edge_runtime, edge_runtime.bundle; print('edge_runtime.recommender' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
