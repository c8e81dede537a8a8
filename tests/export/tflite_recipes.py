"""TFLite files of one encoder by every recipe of ai-edge-quantizer that a user might take, and what runs them."""

import subprocess
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import qtyping, recipe
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager

from edge_runtime.contents import Contents
from edge_runtime.engines.litert import LiteRTEngine
from edge_runtime.engines.protocol import Floats, SmallMatrices
from export.encoder_tflite import SIGNATURE

SCRIPT = Path(__file__).with_name("old_board.py")


def _dynamic_tensorwise() -> list[dict[str, Any]]:
    manager = RecipeManager()
    manager.add_dynamic_config(
        ".*", qtyping.TFLOperationName.ALL_SUPPORTED, 8, granularity=qtyping.QuantGranularity.TENSORWISE
    )
    recipes: list[dict[str, Any]] = manager.get_quantization_recipe()
    return recipes


RECIPES: Mapping[str, Callable[[], Any]] = {
    "weight-only int8 by ai-edge-quantizer": recipe.weight_only_wi8_afp32,
    "weight-only int4": recipe.weight_only_wi4_afp32,
    "dynamic int8, per tensor": _dynamic_tensorwise,
    "dynamic int8, per channel": recipe.dynamic_wi8_afp32,
    "dynamic int4, per channel": recipe.dynamic_wi4_afp32,
    "static int8": recipe.static_wi8_ai8,
    "static int8 with int16 activations": recipe.static_wi8_ai16,
}


@dataclass(frozen=True, slots=True)
class Cases:
    """The golden sequences of a bundle as inputs of a TFLite file: ``[n, 1, L, d]`` and ``[n, 1, L]``."""

    embeddings: Floats
    mask: Floats
    small: SmallMatrices

    @classmethod
    def of(cls, contents: Contents) -> "Cases":
        """Return the cases of a bundle, with zero padding in front."""
        sizes, sequences = contents.folder.manifest.encoder, contents.golden.sequences
        embeddings = np.zeros((len(sequences), 1, sizes.max_length, sizes.dim), dtype=np.float32)
        mask = np.zeros((len(sequences), 1, sizes.max_length), dtype=np.float32)
        for index, rows in enumerate(sequences):
            embeddings[index, 0, -len(rows) :] = contents.codes.decode(rows)
            mask[index, 0, -len(rows) :] = 1.0
        return cls(embeddings, mask, contents.small)

    def matrices(self) -> dict[str, Floats]:
        """Return the inputs that all cases share."""
        small = self.small
        return {
            "prompts": small.prompts,
            "knowledge": small.knowledge,
            "adapter_a": small.adapter_a,
            "adapter_b": small.adapter_b,
        }


def quantized_by(name: str, float32: bytes, cases: Cases) -> bytes:
    """Return a float32 file quantized by a recipe, calibrated on the cases where it needs that."""
    data = [
        {"embeddings": one, "mask": mask, **cases.matrices()}
        for one, mask in zip(cases.embeddings, cases.mask, strict=True)
    ]
    with warnings.catch_warnings():
        # Calibration keeps all tensors, and LiteRT warns about the memory.
        warnings.simplefilter("ignore", UserWarning)
        quantizer = Quantizer(_with_names(float32), RECIPES[name]())
        calibration = quantizer.calibrate({SIGNATURE: data}, num_threads=1) if quantizer.need_calibration else None
        return bytes(quantizer.quantize(calibration, enable_progress_report=False).quantized_model)


def states_on_old_board(python: Path, data: bytes, cases: Cases, folder: Path) -> Floats | str:
    """Return the states of all cases on tflite-runtime, or the last line of its error."""
    (folder / "model.tflite").write_bytes(data)
    arrays: dict[str, Any] = {"embeddings": cases.embeddings[:, 0], "mask": cases.mask[:, 0], **cases.matrices()}
    np.savez(folder / "cases.npz", **arrays)
    files = [folder / name for name in ("model.tflite", "cases.npz", "states.npy")]
    files[-1].unlink(missing_ok=True)
    done = subprocess.run([python, SCRIPT, *files], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    states: Floats = np.load(files[-1])
    return states


def states_on_litert(data: bytes, contents: Contents) -> Floats:
    """Return the states of the golden sequences on LiteRT."""
    engine = LiteRTEngine.open(data, contents.folder.manifest.encoder)
    return np.stack([engine.encode(contents.codes.decode(rows), contents.small) for rows in contents.golden.sequences])


def _with_names(data: bytes) -> bytes:
    """Return the file with a name for every tensor: the quantizer needs unique ones, and the export removes them."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    for index, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = tensor.name or f"t{index}".encode()
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
