"""Exports the encoder as a TFLite file: fixed length ``L``, float32 or weight-only int8, for LiteRT and tflite-runtime.

Int8 is weight-only because the default dynamic recipe gives silently wrong results on tflite-runtime 2.14. This
module inserts the int8 weights into the converted file instead of using a quantizer: the converter would rewrite the
weights first (see ``_WeightsAsInputs``), and engines would no longer share the same encoder.

The converter runs in a separate process: it prints to stdout, loads a second compiler, and keeps about 500 MB.
"""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.func import functional_call

from edge_runtime import child
from edge_runtime.bundle.names import ENCODER_OUTPUT
from edge_runtime.errors import EngineError
from export.encoder_onnx import example_inputs
from export.quantize import QuantizedEncoder, quantize_encoder
from train.backbones.encoder import encoder_config
from train.distill.student import DeviceEncoder

SIGNATURE = "encode"
POSITION = "position"
# Conversion takes 5 s on an idle core; the limit leaves room for a busy machine.
TIMEOUT_S = 300
_WEIGHTS, _SIZES, _RESULT = "encoder.safetensors", "sizes.json", "encoder.tflite"
_WEIGHTS_ARGUMENT = "weights"


class _Sizes(msgspec.Struct):
    config: dict[str, int | list[int]]
    n_prompts: int
    adapter_rank: int
    is_int8: bool


class _Float(nn.Module):
    """The encoder with a named output."""

    def __init__(self, encoder: DeviceEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self,
        embeddings: Tensor,
        mask: Tensor,
        prompts: Tensor,
        knowledge: Tensor,
        adapter_a: Tensor,
        adapter_b: Tensor,
    ) -> dict[str, Tensor]:
        prompts, knowledge = _two_at_least(prompts), _two_at_least(knowledge)
        return {ENCODER_OUTPUT: self.encoder(embeddings, mask, prompts, knowledge, adapter_a, adapter_b)}


class _WeightsAsInputs(nn.Module):
    """The encoder with its matrices as inputs, named after their parameters, and a named output.

    The converter would rewrite constants: it folds layer norms and the attention scale into the weights that follow,
    so that these would no longer lie on the int8 grid.
    """

    def __init__(self, encoder: DeviceEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self,
        embeddings: Tensor,
        mask: Tensor,
        prompts: Tensor,
        knowledge: Tensor,
        adapter_a: Tensor,
        adapter_b: Tensor,
        weights: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        inputs = (embeddings, mask, _two_at_least(prompts), _two_at_least(knowledge), adapter_a, adapter_b)
        return {ENCODER_OUTPUT: functional_call(self.encoder, weights, inputs)}


def export_tflite(encoder: DeviceEncoder, *, n_prompts: int, adapter_rank: int) -> bytes:
    """Return the TFLite file in float32; its only signature ``encode`` has the names of SPEC section 3.

    Raises:
        EngineError: the converter is not installed, or fails.
    """
    return _exported(encoder, _Sizes(asdict(encoder.config), n_prompts, adapter_rank, is_int8=False))


def export_tflite_int8(quantized: QuantizedEncoder, *, n_prompts: int, adapter_rank: int) -> bytes:
    """Return the TFLite file with matrices stored as int8; otherwise as :func:`export_tflite`."""
    encoder = quantized.encoder
    return _exported(encoder, _Sizes(asdict(encoder.config), n_prompts, adapter_rank, is_int8=True))


def _two_at_least(rows: Tensor) -> Tensor:
    """Return the rows, or one row twice: a softmax over both is the same.

    The converter writes a softmax over one entry as EXP, which devices refuse.
    """
    return torch.cat([rows, rows]) if len(rows) == 1 else rows


def _exported(encoder: DeviceEncoder, sizes: _Sizes) -> bytes:
    with TemporaryDirectory(prefix="pocketrec-tflite-") as name:
        folder = Path(name)
        (folder / _SIZES).write_bytes(msgspec.json.encode(sizes))
        weights = {key: tensor.contiguous() for key, tensor in encoder.state_dict().items()}
        save_file(weights, folder / _WEIGHTS)
        _run(folder)
        return (folder / _RESULT).read_bytes()


def _run(folder: Path) -> None:
    """Convert in a separate process."""
    try:
        done = subprocess.run(  # noqa: S603 - this very module, run by this very interpreter
            child.command("export.encoder_tflite", folder.absolute()),
            cwd=child.FOLDER,
            env=child.environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"the TFLite converter did not finish within {TIMEOUT_S} s; try again, or leave litert out of the target."
        ) from error
    if done.returncode or not (folder / _RESULT).is_file():
        last_line = (done.stderr.strip().splitlines() or ["no error output"])[-1]
        raise EngineError(
            f"the TFLite converter failed with exit code {done.returncode}: {last_line}. Check the pinned litert-torch "
            "and ai-edge-quantizer (`pip install -e .[export]`), or leave litert out of the target."
        )


def _convert_folder(folder: Path) -> None:
    """Convert the encoder that :func:`_exported` wrote into ``folder``."""
    from export.tflite_weights import store_weights

    sizes = msgspec.json.decode((folder / _SIZES).read_bytes(), type=_Sizes)
    encoder = DeviceEncoder(encoder_config(sizes.config))
    encoder.load_state_dict(load_file(folder / _WEIGHTS))
    torch.set_num_threads(1)
    converted = folder / "float.tflite"
    _convert(encoder.eval(), sizes, converted)
    rows = quantize_encoder(encoder).rows if sizes.is_int8 else {}
    (folder / _RESULT).write_bytes(store_weights(converted.read_bytes(), rows))


def _convert(encoder: DeviceEncoder, sizes: _Sizes, path: Path) -> None:
    import litert_torch

    example = example_inputs(
        encoder, length=encoder.config.max_length, n_prompts=sizes.n_prompts, adapter_rank=sizes.adapter_rank
    )
    if not sizes.is_int8:
        litert_torch.signature(SIGNATURE, _Float(encoder).eval(), sample_kwargs=example).convert().export(str(path))
        return
    # Positions stay a constant: functional_call does not replace them, and the converter folds nothing into them.
    weights = {name: tensor for name, tensor in encoder.state_dict().items() if tensor.ndim == 2 and name != POSITION}
    kwargs = {**example, _WEIGHTS_ARGUMENT: weights}
    litert_torch.signature(SIGNATURE, _WeightsAsInputs(encoder).eval(), sample_kwargs=kwargs).convert().export(
        str(path)
    )


if __name__ == "__main__":
    _convert_folder(Path(sys.argv[1]))
