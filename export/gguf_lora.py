"""Converts a LoRA adapter of peft to a GGUF file that llama.cpp attaches to a model at run time.

Keys and tensors are those of llama.cpp's own converter (https://github.com/ggml-org/llama.cpp,
`convert_lora_to_gguf.py`): each adapted matrix has a ``lora_a`` ``[rank, columns]`` and a ``lora_b`` ``[rows, rank]``,
in float16, and the product of them is scaled by ``adapter.lora.alpha / rank``.

Example: python -m export.gguf_lora RUN/reasons/0123/adapter BASE shop.gguf
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.files import replacing
from edge_runtime.terminal.console import Console
from export.gguf import ARCHITECTURES
from export.shapes.known import SHAPES
from export.shapes.shape import interleave_rotary
from train.errors import RunError

Json = dict[str, Any]

_CONFIG: Final = "adapter_config.json"
_WEIGHTS: Final = "adapter_model.safetensors"
_PREFIX: Final = "base_model.model."
_PARTS: Final = {".lora_A.weight": ".lora_a", ".lora_B.weight": ".lora_b"}
_F16_MAX: Final = 65504.0
# What peft can add to a plain LoRA, and llama.cpp's adapters do not have; each of them is falsy where it is not used.
_UNSUPPORTED: Final = (
    "use_dora", "use_rslora", "use_qalora", "use_bdlora", "lora_bias", "modules_to_save", "alpha_pattern",
    "rank_pattern", "fan_in_fan_out", "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
)  # fmt: skip


def write_lora(adapter: Path, base: Path, out: Path) -> None:
    """Write the GGUF file of an adapter.

    Args:
        adapter: folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
        base: Hugging Face folder of the model that the adapter was trained on; only its ``config.json`` is read.
        out: path of the GGUF file; replaced when the new file is complete.

    Raises:
        RunError: llama.cpp cannot attach such an adapter, or a weight does not fit into float16.
    """
    import gguf

    settings, config = _settings(adapter), _json(base / "config.json", "a Hugging Face folder with a model")
    hf_architecture = (config.get("architectures") or ["nothing"])[0]
    if hf_architecture not in ARCHITECTURES:
        raise RunError(f"{base}: found the architecture {hf_architecture}, expected one of {', '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[hf_architecture]
    arch = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(arch, int(config["num_hidden_layers"]))
    tensors = [(_target(names, name, adapter), array) for name, array in _tensors(adapter, hf_architecture, config)]
    with replacing(out) as fresh:
        writer = gguf.GGUFWriter(fresh, architecture)
        try:
            writer.add_type("adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
            for name, array in tensors:
                writer.add_tensor(name, array)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _settings(adapter: Path) -> Json:
    """Return ``adapter_config.json``; refuse what llama.cpp's adapters do not have."""
    settings = _json(adapter / _CONFIG, "a folder that peft saved")
    found = {name: settings[name] for name in _UNSUPPORTED if settings.get(name)}
    if settings.get("peft_type") != "LORA" or settings.get("bias", "none") != "none" or found:
        kind = {name: settings.get(name) for name in ("peft_type", "bias")} | found
        raise RunError(f"{adapter / _CONFIG}: found {kind}, expected a plain LoRA without biases; train the adapter so")
    return settings


def _tensors(adapter: Path, hf_architecture: str, config: Json) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """Yield the matrices with their names in peft; rows of q and k in llama.cpp's order where the model has them so."""
    from safetensors import safe_open

    path = adapter / _WEIGHTS
    if not path.is_file():
        raise RunError(f"{path}: not found, expected the weights of the adapter; train it again")
    heads = {"q_proj": int(config["num_attention_heads"])}
    heads["k_proj"] = int(config.get("num_key_value_heads") or heads["q_proj"])
    with safe_open(path, framework="pt") as tensors:  # numpy has no bfloat16
        for name in sorted(tensors.keys()):
            array: NDArray[np.float32] = tensors.get_tensor(name).float().numpy()
            module = name.removesuffix(".lora_B.weight").rpartition(".")[2]
            if SHAPES[hf_architecture].interleaved and name.endswith(".lora_B.weight") and module in heads:
                array = interleave_rotary(array, heads[module])
            largest = float(np.abs(array).max(initial=0.0))
            if not largest <= _F16_MAX:
                raise RunError(f"{path}: {name} has the magnitude {largest:g}, float16 allows at most {_F16_MAX:g}")
            yield name, np.ascontiguousarray(array.astype(np.float16))


def _target(names: Any, name: str, adapter: Path) -> str:  # noqa: ANN401 - gguf has no types
    """Return the name of a matrix in the GGUF file."""
    part = next((part for part in _PARTS if name.endswith(part)), "")
    module = name.removeprefix(_PREFIX).removesuffix(part)
    target = names.get_name(f"{module}.weight", try_suffixes=(".weight",)) if part else None
    if target is None:
        raise RunError(f"{adapter}: found the tensor {name!r}, expected lora_A and lora_B of a matrix of the model")
    return f"{target}{_PARTS[part]}"


def _json(path: Path, expected: str) -> Json:
    if not path.is_file():
        raise RunError(f"{path}: not found, expected {expected}")
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def main() -> None:
    """Convert an adapter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapter", type=Path, help="Folder that peft saved.")
    parser.add_argument("base", type=Path, help="Hugging Face folder of the model that it was trained on.")
    parser.add_argument("out", type=Path, help="GGUF file to write.")
    options = parser.parse_args()
    write_lora(options.adapter, options.base, options.out)
    Console(soft_wrap=True).print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
