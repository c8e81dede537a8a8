"""LFM2: short convolutions, and attention in some blocks."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export.shapes.shape import Json, Named, Shape, common_objection

_KERNEL: Final = ".conv.conv."


def _objection(config: Json) -> str | None:
    if config.get("conv_bias"):
        return "found biases of convolutions, expected none"
    return common_objection(config)


def _sizes(config: Json) -> Json:
    """Return Llama's names of the sizes; a block of convolutions has no heads of keys and values."""
    n_kv_heads = int(config["num_key_value_heads"])
    kinds = config.get("layer_types") or [
        "full_attention" if i in config["full_attn_idxs"] else "conv" for i in range(int(config["num_hidden_layers"]))
    ]
    return config | {
        "num_key_value_heads": [n_kv_heads if kind == "full_attention" else 0 for kind in kinds],
        "intermediate_size": _feed_forward(config),
        "rms_norm_eps": config["norm_eps"],
        "rope_theta": config.get("theta", config.get("rope_theta", 1_000_000.0)),
    }


def _feed_forward(config: Json) -> int:
    """Return the width of the feed-forward part, which the model computes from its configuration."""
    width = int(config["block_ff_dim"] if "block_ff_dim" in config else config["intermediate_size"])
    if not config.get("block_auto_adjust_ff_dim", True):
        return width
    width = int(2 * width / 3)
    width = int((config.get("block_ffn_dim_multiplier") or 1.0) * width)
    multiple = int(config.get("block_multiple_of", 256))
    return -(-width // multiple) * multiple


def _add(writer: Any, config: Json) -> None:  # noqa: ANN401 - gguf has no types
    writer.add_shortconv_l_cache(int(config["conv_L_cache"]))


def _tensors(name: str, array: NDArray[np.float32], _config: Json) -> Iterator[Named]:
    yield name, array.squeeze(1) if _KERNEL in name else array


LFM2: Final = Shape(
    name="lfm2",
    objection=_objection,
    sizes=_sizes,
    add=_add,
    tensors=_tensors,
    float32=(_KERNEL,),
    ties_by_default=True,
)
