"""Writes what the browser runtime's own tests read: ``python -m tests.web_demo.bundles FOLDER``.

``FOLDER/good`` is a complete bundle, ``FOLDER/retired`` has retired items, ``FOLDER/encoder.onnx`` its encoder
as a graph, ``FOLDER/transitions`` has transitions too and ``FOLDER/instant`` no engine, ``FOLDER/learning`` settings of
learning, with two histories in ``FOLDER/tastes.json``, ``FOLDER/narrow`` has a pruned
encoder, ``FOLDER/table`` is the complete one with its items as arrays, ``FOLDER/log`` with them as a log,
``FOLDER/malformed/*`` are those of `tests.attacks`, and ``FOLDER/index.json`` lists them.
"""

import json
import sys
from pathlib import Path

from tests.attacks import attacks
from tests.golden_lists import make_retired_bundle
from tests.tiny_bundle import Shape, make_tiny_bundle
from tests.tiny_items import with_item_log, with_item_table
from tests.tiny_learning import make_learning_bundle, no_taste, one_taste
from tests.tiny_onnx import tiny_onnx
from tests.tiny_transitions import ALONE, WITH_ENGINES


def main(folder: Path) -> None:
    """Write the bundles."""
    manifest = make_tiny_bundle(folder / "good", pictures=True, target="browser-wasm")
    make_retired_bundle(folder / "retired")
    make_tiny_bundle(folder / "transitions", transitions=WITH_ENGINES, target="browser-wasm")
    make_tiny_bundle(folder / "instant", transitions=ALONE, target="browser-wasm")
    make_learning_bundle(folder / "learning", transitions=WITH_ENGINES, target="browser-wasm")
    taste = {name: history(folder / "learning") for name, history in (("one", one_taste), ("none", no_taste))}
    (folder / "tastes.json").write_text(json.dumps(taste), encoding="utf-8")
    make_tiny_bundle(folder / "narrow", shape=Shape(heads=(1, 2), feed=9), target="browser-wasm")
    with_item_table(folder / "good", folder / "table")
    with_item_log(folder / "good", folder / "log")
    weights = (folder / "good" / "encoder.safetensors").read_bytes()
    (folder / "encoder.onnx").write_bytes(tiny_onnx(weights, manifest.encoder))
    malformed = [{"name": name, "folder": str(path)} for name, path in attacks(folder / "malformed")]
    (folder / "index.json").write_text(json.dumps(malformed), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
