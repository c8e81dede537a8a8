"""The encoder as a TFLite file: fixed length ``L``, weight-only int8, for LiteRT and for tflite-runtime 2.14.

Weight-only, because the default dynamic recipe runs on tflite-runtime 2.14 and is silently wrong there. The weights
are put into the converted file by this module, not by a quantizer: the converter would first rewrite them (see
``_WeightsAsInputs``), and then no two engines would hold the same encoder.

The converter runs in a process of its own: it talks on stdout, loads a second compiler, and keeps some 500 MB.
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
# Conversion takes 5 s on an idle core; a machine ten times busier still gets through.
TIMEOUT_S = 300
_WEIGHTS, _SIZES, _RESULT = "encoder.safetensors", "sizes.json", "encoder.tflite"
_WEIGHTS_ARGUMENT = "weights"


class _Sizes(msgspec.Struct):
    config: dict[str, int]
    n_prompts: int
    adapter_rank: int


class _WeightsAsInputs(nn.Module):
    """The encoder with its matrices as inputs, named after their parameters, and with a named output.

    Constants would be rewritten: the converter folds layer norms and the scale of attention into the weights behind
    them, which takes those off their grid.
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
        inputs = (embeddings, mask, prompts, knowledge, adapter_a, adapter_b)
        return {ENCODER_OUTPUT: functional_call(self.encoder, weights, inputs)}


def export_tflite_int8(quantized: QuantizedEncoder, *, n_prompts: int, adapter_rank: int) -> bytes:
    """Return the TFLite file; its one signature ``encode`` has the input and output names of SPEC section 3.

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
    """Convert in a process of its own."""
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
        said = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise EngineError(
            f"the TFLite converter failed with exit code {done.returncode}: {said[0]}. Check the pinned litert-torch "
            "and ai-edge-quantizer (`pip install -e .[export]`), or leave litert out of the target."
        )


def _convert_folder(folder: Path) -> None:
    """Read what :func:`export_tflite_int8` left in ``folder``, and write the file beside it."""
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
    # The positions stay a constant: the encoder reads them past functional_call, and nothing is folded into them.
    weights = {name: tensor for name, tensor in encoder.state_dict().items() if tensor.ndim == 2 and name != POSITION}
    kwargs = {**example, _WEIGHTS_ARGUMENT: weights}
    litert_torch.signature(SIGNATURE, _WeightsAsInputs(encoder).eval(), sample_kwargs=kwargs).convert().export(
        str(path)
    )


if __name__ == "__main__":
    _convert_folder(Path(sys.argv[1]))
