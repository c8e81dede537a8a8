"""Converts a Hugging Face folder with a Llama, Qwen2 or Qwen3 model to one GGUF file.

Tensors are the same as those of llama.cpp's own converter (https://github.com/ggml-org/llama.cpp,
`convert_hf_to_gguf.py`): matrices in float16, vectors in float32, rows of Llama's q and k in llama.cpp's order of
rotary pairs.
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
from train.errors import RunError
from train.reasons.model_card import base_model, stated_licences

Json = dict[str, Any]

MAX_CONTEXT: Final = 1024
ARCHITECTURES: Final = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}
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
    config = _config(hf_folder)
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
            quantization, [int(config["hidden_size"]), int(config["intermediate_size"])]
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

    config = _config(hf_folder)
    architecture = ARCHITECTURES[config["architectures"][0]]
    writer = gguf.GGUFWriter(out, architecture)
    try:
        _add_sizes(writer, config, hf_folder.name)
        for licence in stated_licences(hf_folder)[:1]:
            writer.add_license(licence)
        _add_vocabulary(writer, read_vocabulary(hf_folder, int(config["vocab_size"])))
        names = gguf.get_tensor_name_map(_model_arch(architecture), int(config["num_hidden_layers"]))
        for name, tensor in _tensors(hf_folder, config):
            target = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if target is None:
                raise RunError(f"{hf_folder}: found the tensor {name!r}, which a {architecture} model does not have")
            writer.add_tensor(target, _as_stored(name, tensor))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _config(folder: Path) -> Json:
    """Return ``config.json``; refuse settings that this converter or llama.cpp does not support."""
    path = folder / "config.json"
    if not path.is_file():
        raise RunError(f"{path}: not found, expected a Hugging Face folder with config.json and *.safetensors")
    config: Json = json.loads(path.read_text(encoding="utf-8"))
    architecture = (config.get("architectures") or ["nothing"])[0]
    if architecture not in ARCHITECTURES:
        raise RunError(f"{path}: found the architecture {architecture}, expected one of {', '.join(ARCHITECTURES)}")
    if config.get("use_sliding_window") or config.get("hidden_act", "silu") != "silu" or config.get("mlp_bias"):
        raise RunError(f"{path}: sliding windows, activations other than silu and MLP biases are not supported")
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type", "default")) not in ("default", "linear", "llama3"):
        raise RunError(f"{path}: found the rope_scaling {scaling}, expected none, linear or llama3")
    return config


def _head_dim(config: Json) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _add_sizes(writer: Any, config: Json, name: str) -> None:  # noqa: ANN401 - gguf has no types
    """Add the hyperparameters that llama.cpp needs to build the graph."""
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
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or n_heads))
    writer.add_key_length(_head_dim(config))
    writer.add_value_length(_head_dim(config))
    writer.add_rope_dimension_count(_head_dim(config))
    writer.add_rope_freq_base(float(config.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    scaling = config.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type")) == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(scaling["factor"]))


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:  # noqa: ANN401 - gguf has no types
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
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


def _tensors(folder: Path, config: Json) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the tensors with their Hugging Face names, rows in llama.cpp's order."""
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise RunError(f"{folder}: found no *.safetensors; pickled weights are not supported")
    is_llama = config["architectures"][0] == "LlamaForCausalLM"
    heads = {"q_proj": int(config["num_attention_heads"])}
    heads["k_proj"] = int(config.get("num_key_value_heads") or heads["q_proj"])
    for file in files:
        with safe_open(file, framework="pt") as tensors:  # numpy has no bfloat16
            for name in sorted(tensors.keys()):
                if name == "lm_head.weight" and config.get("tie_word_embeddings"):
                    continue
                array: NDArray[np.float32] = tensors.get_tensor(name).float().numpy()
                projection = name.split(".")[-2] if "." in name else ""
                if is_llama and projection in heads:
                    array = interleave_rotary(array, heads[projection])
                yield name, array
    if (config.get("rope_scaling") or {}).get("rope_type") == "llama3":
        yield "rope_freqs.weight", _llama3_frequencies(config)


def interleave_rotary(array: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Return Llama's q or k in llama.cpp's rotary order: neighbouring pairs in place of Hugging Face's halves.

    Args:
        array: weights or biases, ``[n_heads * head_dim, ...]``.
        n_heads: number of heads of q or k.
    """
    halves = array.reshape(n_heads, 2, array.shape[0] // n_heads // 2, *array.shape[1:])
    return halves.swapaxes(1, 2).reshape(array.shape)


def _llama3_frequencies(config: Json) -> NDArray[np.float32]:
    """Return the divisors of Llama 3.1's rotary frequencies, as in `_compute_llama3_parameters` of transformers."""
    scaling, dim = config["rope_scaling"], _head_dim(config)
    base, factor = float(config.get("rope_theta", 10_000.0)), float(scaling["factor"])
    low, high = float(scaling["low_freq_factor"]), float(scaling["high_freq_factor"])
    window = float(scaling["original_max_position_embeddings"])
    wavelength = 2 * math.pi * base ** (np.arange(0, dim, 2) / dim)
    smooth = (window / wavelength - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    divisor = np.where(wavelength < window / high, 1.0, np.where(wavelength > window / low, factor, between))
    return divisor.astype(np.float32)


def _as_stored(name: str, tensor: NDArray[np.float32]) -> NDArray[Any]:
    """Return vectors in float32 and matrices in float16."""
    if tensor.ndim == 1:
        return np.ascontiguousarray(tensor)
    largest = float(np.abs(tensor).max())
    if not largest <= _F16_MAX:
        raise RunError(
            f"the weight {name} has the magnitude {largest:g}, float16 allows at most {_F16_MAX:g}; retrain the model"
        )
    return np.ascontiguousarray(tensor.astype(np.float16))
