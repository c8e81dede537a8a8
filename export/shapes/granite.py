"""Granite: Llama with four multipliers. Granite 4 comes as its hybrid class, of which the plain models are this shape.

The hybrid class stores gate and up projections of the feed-forward part in one matrix, as a shared expert.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export.shapes.shape import Json, Named, Shape, common_objection

_SHARED: Final = ".shared_mlp."


def _objection(config: Json) -> str | None:
    if config.get("num_local_experts") and "shared_intermediate_size" in config:
        return f"found {config['num_local_experts']} experts, expected a dense model"
    blocks = config.get("layer_types") or config.get("layers_block_type") or []
    is_hybrid = "shared_intermediate_size" in config
    if is_hybrid and (set(blocks) != {"attention"} or config.get("position_embedding_type") != "rope"):
        return "found blocks that are not attention with rotary positions, expected a plain Granite 4 (without -h)"
    return common_objection(config)


def _sizes(config: Json) -> Json:
    shared = config.get("shared_intermediate_size")
    return config if shared is None else config | {"intermediate_size": shared}


def _add(writer: Any, config: Json) -> None:  # noqa: ANN401 - gguf has no types
    writer.add_attention_scale(float(config.get("attention_multiplier", 1.0)))
    writer.add_embedding_scale(float(config.get("embedding_multiplier", 1.0)))
    writer.add_residual_scale(float(config.get("residual_multiplier", 1.0)))
    writer.add_logit_scale(float(config.get("logits_scaling", 1.0)))


def _tensors(name: str, array: NDArray[np.float32], _config: Json) -> Iterator[Named]:
    if f"{_SHARED}input_linear." in name:
        for part, half in zip(("gate_proj", "up_proj"), np.split(array, 2), strict=True):
            yield name.replace(f"{_SHARED}input_linear.", f".mlp.{part}."), half
    else:
        yield name.replace(f"{_SHARED}output_linear.", ".mlp.down_proj."), array


GRANITE: Final = Shape(name="granite", interleaved=True, objection=_objection, sizes=_sizes, add=_add, tensors=_tensors)
