"""Exports the encoder as a TFLite file: fixed length ``L``, weight-only int8, for LiteRT and tflite-runtime 2.14.

Quantization is weight-only because the default dynamic recipe gives silently wrong results on tflite-runtime 2.14. This
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
        if len(prompts) == 1:
            # The converter writes a softmax over one entry as EXP, which devices refuse; twice the same row is equal.
            prompts, knowledge = torch.cat([prompts, prompts]), torch.cat([knowledge, knowledge])
        inputs = (embeddings, mask, prompts, knowledge, adapter_a, adapter_b)
        return {ENCODER_OUTPUT: functional_call(self.encoder, weights, inputs)}


def export_tflite_int8(quantized: QuantizedEncoder, *, n_prompts: int, adapter_rank: int) -> bytes:
    """Return the TFLite file; its only signature ``encode`` has the input and output names of SPEC section 3.

    Raises:
        EngineError: the converter is not installed, or fails.
    """
    sizes = _Sizes(asdict(quantized.encoder.config), n_prompts, adapter_rank)
    with TemporaryDirectory(prefix="pocketrec-tflite-") as name:
        folder = Path(name)
        (folder / _SIZES).write_bytes(msgspec.json.encode(sizes))
        weights = {key: tensor.contiguous() for key, tensor in quantized.encoder.state_dict().items()}
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
    """Convert the encoder that :func:`export_tflite_int8` wrote into ``folder``."""
    from export.tflite_weights import store_weights

    sizes = msgspec.json.decode((folder / _SIZES).read_bytes(), type=_Sizes)
    encoder = DeviceEncoder(encoder_config(sizes.config))
    encoder.load_state_dict(load_file(folder / _WEIGHTS))
    torch.set_num_threads(1)
    converted = folder / "float.tflite"
    _convert(encoder.eval(), sizes, converted)
    rows = quantize_encoder(encoder).rows
    (folder / _RESULT).write_bytes(store_weights(converted.read_bytes(), rows))


def _convert(encoder: DeviceEncoder, sizes: _Sizes, path: Path) -> None:
    import litert_torch

    example = example_inputs(
        encoder, length=encoder.config.max_length, n_prompts=sizes.n_prompts, adapter_rank=sizes.adapter_rank
    )
    # Positions stay a constant: functional_call does not replace them, and the converter folds nothing into them.
    weights = {name: tensor for name, tensor in encoder.state_dict().items() if tensor.ndim == 2 and name != POSITION}
    kwargs = {**example, _WEIGHTS_ARGUMENT: weights}
    litert_torch.signature(SIGNATURE, _WeightsAsInputs(encoder).eval(), sample_kwargs=kwargs).convert().export(
        str(path)
    )


if __name__ == "__main__":
    _convert_folder(Path(sys.argv[1]))
