"""Writes the tiny bundle that ``pocketrec doctor`` tests engines with: ``python -m export.doctor_bundle``.

Its files come from the exporters of real bundles, with random weights, so an engine that works with it has the
operators that real encoders need. Written anew only if the exporters change.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import torch

from edge_runtime.bundle.folder import open_folder, write_folder
from edge_runtime.bundle.manifest import Catalogue, Encoder, EngineVariant, Manifest, Tier
from edge_runtime.doctor import BUILT_IN
from edge_runtime.probe.stand_in import write_stand_in
from export.encoder_onnx import export_onnx_int8
from export.encoder_tflite import export_tflite_int8
from export.quantize import quantize_encoder
from train.backbones.encoder import EncoderConfig
from train.distill.student import DeviceEncoder

_CONFIG: Final = EncoderConfig(dim=4, max_length=4, n_blocks=1, n_heads=2)
_N_PROMPTS, _RANK, _N_ITEMS = 2, 1, 16
_TOLERANCE: Final = (1e-4, 0.98)
_ENGINES: Final = (
    EngineVariant("onnxruntime", "int8", "encoder.onnx", *_TOLERANCE),
    EngineVariant("litert", "int8", "encoder.tflite", *_TOLERANCE),
    EngineVariant("reference", "int8", "encoder.safetensors", *_TOLERANCE),
)


def write_doctor_bundle(path: Path) -> Manifest:
    """Write the bundle into a folder, which is replaced."""
    torch.manual_seed(0)
    quantized = quantize_encoder(DeviceEncoder(_CONFIG).eval())
    sizes = {"n_prompts": _N_PROMPTS, "adapter_rank": _RANK}
    encoders = {
        "encoder.onnx": ("encoder", export_onnx_int8(quantized, **sizes)),
        "encoder.tflite": ("encoder", export_tflite_int8(quantized, **sizes)),
    }
    with TemporaryDirectory(prefix="pocketrec-doctor-") as place:
        made = Path(place) / "made"
        manifest = write_stand_in(made, _manifest(), weights=quantized.arrays())
        folder = open_folder(made)
        files = {entry.name: (entry.role, folder.read(entry)) for entry in manifest.files}
    return write_folder(path, msgspec.structs.replace(manifest, engines=_ENGINES), encoders | files)


def _manifest() -> Manifest:
    return Manifest(
        schema=1,
        required_features=("shared-codebooks",),
        minimum_runtime="0.1.0",
        name="doctor",
        release=1,
        created="2026-01-01T00:00:00Z",
        target="doctor",
        files=(),
        catalogue=Catalogue(_N_ITEMS, _CONFIG.dim, 8, (Tier(_N_ITEMS, 2),)),
        encoder=Encoder(
            dim=_CONFIG.dim,
            max_length=_CONFIG.max_length,
            n_blocks=_CONFIG.n_blocks,
            n_heads=_CONFIG.n_heads,
            n_prompts=_N_PROMPTS,
            adapter_rank=_RANK,
            input_scale=_CONFIG.input_scale,
        ),
        engines=_ENGINES[-1:],
        licences=("CC0-1.0",),
    )


if __name__ == "__main__":
    write_doctor_bundle(BUILT_IN)
