"""Converts a Hugging Face folder to one GGUF file; :mod:`export.shapes` has what differs between families of models.

Tensors are the same as those of llama.cpp's own converter (https://github.com/ggml-org/llama.cpp,
`convert_hf_to_gguf.py`): matrices in float16, vectors in float32, and for some families the rows of q and k in
llama.cpp's order of rotary pairs.
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.reasons.prompt import LAYOUT
from export.gguf_tokenizer import Vocabulary, read_vocabulary
from export.quantize_gguf import quantize_gguf, unsupported_row_lengths
from export.shapes.known import SHAPES
from export.shapes.shape import Json, Shape, head_dim, interleave_rotary, rope_type
from train.errors import RunError
from train.reasons.model_card import base_model, stated_licences

MAX_CONTEXT: Final = 1024
ARCHITECTURES: Final = {name: shape.name for name, shape in SHAPES.items()}
_F16_MAX: Final = 65504.0


def make_language_model(hf_folder: Path, out_file: Path, quantization: str = "Q4_K_M") -> dict[str, object]:
    """Write the quantized GGUF file of a model, and return its description for the manifest.

    Args:
        hf_folder: folder with ``config.json``, ``*.safetensors`` and ``tokenizer.json``; LoRA weights must be merged.
        out_file: path of the GGUF file; replaced when the new file is complete.
        quantization: ``Q4_K_M``, ``Q8_0`` or ``F16``.

    Raises:
        RunError: the folder has no model that llama.cpp runs correctly.
    """
    config = read_config(hf_folder)
    sizes = SHAPES[config["architectures"][0]].sizes(config)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_file.parent) as scratch:
        plain, small = Path(scratch, "f16.gguf"), Path(scratch, "quantized.gguf")
        write_gguf(hf_folder, plain)
        if quantization == "F16":
            small = plain
        else:
            quantize_gguf(plain, small, quantization)
        small.replace(out_file)
    data = out_file.read_bytes()
    return {
        "file": out_file.name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "architecture": ARCHITECTURES[config["architectures"][0]],
        "quantization": quantization,
        "unquantized": unsupported_row_lengths(
            quantization, [int(sizes["hidden_size"]), int(sizes["intermediate_size"])]
        ),
        "context": min(MAX_CONTEXT, int(config["max_position_embeddings"])),
        "prompt": LAYOUT,
        "licences": stated_licences(hf_folder),
        "base": base_model(hf_folder),
    }


def write_gguf(hf_folder: Path, out: Path) -> None:
    """Write a float16 GGUF file.

    Args:
        hf_folder: folder with ``config.json``, ``*.safetensors`` and ``tokenizer.json``.
        out: path of the GGUF file.

    Raises:
        RunError: the architecture is not supported, or a weight does not fit into float16.
    """
    import gguf

    config = read_config(hf_folder)
    shape = SHAPES[config["architectures"][0]]
    config = shape.sizes(config)
    vocabulary = read_vocabulary(hf_folder, int(config["vocab_size"]), cut=shape.cuts_vocabulary)
    config["vocab_size"] = len(vocabulary.tokens)
    writer = gguf.GGUFWriter(out, shape.name)
    try:
        _add_sizes(writer, config, hf_folder.name)
        shape.add(writer, config)
        for licence in stated_licences(hf_folder)[:1]:
            writer.add_license(licence)
        _add_vocabulary(writer, vocabulary)
        names = gguf.get_tensor_name_map(_model_arch(shape.name), int(config["num_hidden_layers"]))
        for name, tensor in _tensors(hf_folder, config, shape):
            target = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if target is None:
                raise RunError(f"{hf_folder}: found the tensor {name!r}, which a {shape.name} model does not have")
            writer.add_tensor(target, _as_stored(name, tensor, shape))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def read_config(folder: Path) -> Json:
    """Return ``config.json``; refuse settings that this converter or llama.cpp does not support."""
    path = folder / "config.json"
    if not path.is_file():
        raise RunError(f"{path}: not found, expected a Hugging Face folder with config.json and *.safetensors")
    config: Json = json.loads(path.read_text(encoding="utf-8"))
    architecture = (config.get("architectures") or ["nothing"])[0]
    if architecture not in SHAPES:
        raise RunError(f"{path}: found the architecture {architecture}, expected one of {', '.join(SHAPES)}")
    objection = SHAPES[architecture].objection(config)
    if objection is not None:
        raise RunError(f"{path}: {objection}")
    return config


def _add_sizes(writer: Any, config: Json, name: str) -> None:  # noqa: ANN401 - gguf has no types
    """Add the hyperparameters that llama.cpp needs to build the graph of any model."""
    import gguf

    n_heads = int(config["num_attention_heads"])
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or n_heads)
    writer.add_key_length(head_dim(config))
    writer.add_value_length(head_dim(config))
    writer.add_rope_dimension_count(head_dim(config))
    writer.add_rope_freq_base(float(config.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    if rope_type(config) == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(config["rope_scaling"]["factor"]))


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:  # noqa: ANN401 - gguf has no types
    writer.add_tokenizer_model("llama" if vocabulary.pre is None else "gpt2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.pre is None:
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(vocabulary.scores)
        writer.add_add_space_prefix(False)
        writer.add_unk_token_id(vocabulary.unknown)
    else:
        writer.add_tokenizer_pre(vocabulary.pre)
        writer.add_token_merges(vocabulary.merges)
    writer.add_eos_token_id(vocabulary.eos)
    if vocabulary.bos is not None:
        writer.add_bos_token_id(vocabulary.bos)
    if vocabulary.pad is not None:
        writer.add_pad_token_id(vocabulary.pad)
    writer.add_add_bos_token(vocabulary.add_bos)


def _model_arch(architecture: str) -> Any:  # noqa: ANN401 - gguf has no types
    import gguf

    return next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)


def _tensors(folder: Path, config: Json, shape: Shape) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the tensors with their Hugging Face names, as llama.cpp's graph of the shape needs them."""
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise RunError(f"{folder}: found no *.safetensors; pickled weights are not supported")
    for file in files:
        with safe_open(file, framework="pt") as tensors:  # numpy has no bfloat16
            for name in sorted(tensors.keys()):
                if name != "lm_head.weight" or not config.get("tie_word_embeddings", shape.ties_by_default):
                    for part, array in shape.tensors(name, tensors.get_tensor(name).float().numpy(), config):
                        yield part, _cut(part, _ordered(part, array, config, shape), config, shape)
    if rope_type(config) == "llama3":
        yield "rope_freqs.weight", _llama3_frequencies(config)


def _ordered(name: str, array: NDArray[np.float32], config: Json, shape: Shape) -> NDArray[np.float32]:
    """Return a tensor with the rows of q and k in llama.cpp's order of rotary pairs, where the shape has that."""
    projection = name.split(".")[-2] if "." in name else ""
    if not shape.interleaved or projection not in ("q_proj", "k_proj"):
        return array
    n_heads = int(config["num_attention_heads"])
    return interleave_rotary(array, n_heads if projection == "q_proj" else config.get("num_key_value_heads") or n_heads)


def _cut(name: str, array: NDArray[np.float32], config: Json, shape: Shape) -> NDArray[np.float32]:
    """Return a table of tokens without the rows that no token has."""
    is_table = name in ("model.embed_tokens.weight", "lm_head.weight")
    return array[: int(config["vocab_size"])] if shape.cuts_vocabulary and is_table else array


def _llama3_frequencies(config: Json) -> NDArray[np.float32]:
    """Return the divisors of Llama 3.1's rotary frequencies, as in `_compute_llama3_parameters` of transformers."""
    scaling, dim = config["rope_scaling"], head_dim(config)
    base, factor = float(config.get("rope_theta", 10_000.0)), float(scaling["factor"])
    low, high = float(scaling["low_freq_factor"]), float(scaling["high_freq_factor"])
    window = float(scaling["original_max_position_embeddings"])
    wavelength = 2 * math.pi * base ** (np.arange(0, dim, 2) / dim)
    smooth = (window / wavelength - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    divisor = np.where(wavelength < window / high, 1.0, np.where(wavelength > window / low, factor, between))
    return divisor.astype(np.float32)


def _as_stored(name: str, tensor: NDArray[np.float32], shape: Shape) -> NDArray[Any]:
    """Return vectors in float32 and matrices in float16, but for those that the shape needs in float32."""
    if tensor.ndim == 1 or any(part in name for part in shape.float32):
        return np.ascontiguousarray(tensor)
    largest = float(np.abs(tensor).max())
    if not largest <= _F16_MAX:
        raise RunError(
            f"the weight {name} has the magnitude {largest:g}, float16 allows at most {_F16_MAX:g}; retrain the model"
        )
    return np.ascontiguousarray(tensor.astype(np.float16))
