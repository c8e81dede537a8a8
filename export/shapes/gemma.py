"""Gemma 3, its text models: norms that store their weight minus one, and five blocks of six with a sliding window."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from export.shapes.shape import Json, Named, Shape, common_objection, head_dim

_PERIOD: Final = 6
_LOCAL_BASE: Final = 10_000.0
_OTHER_SCALE_BLOCKS: Final = 62
"""Blocks of the 27B model, whose attention llama.cpp scales by another rule."""


def _objection(config: Json) -> str | None:
    """Return what llama.cpp has fixed for Gemma 3 and this model has otherwise."""
    expected = ["full_attention" if (i + 1) % _PERIOD == 0 else "sliding_attention" for i in range(_n_blocks(config))]
    if config.get("layer_types", expected) != expected or config.get("sliding_window_pattern", _PERIOD) != _PERIOD:
        return f"found another pattern of sliding windows than {_PERIOD - 1} of {_PERIOD} blocks"
    if float(config.get("rope_local_base_freq", _LOCAL_BASE)) != _LOCAL_BASE:
        return f"found the rope_local_base_freq {config['rope_local_base_freq']}, expected {_LOCAL_BASE:g}"
    scale = config.get("query_pre_attn_scalar", head_dim(config))
    if scale != head_dim(config) or _n_blocks(config) == _OTHER_SCALE_BLOCKS:
        return f"found the query_pre_attn_scalar {scale}, expected {head_dim(config)}, the width of a head"
    if config.get("attn_logit_softcapping") is not None or config.get("use_bidirectional_attention"):
        return "soft caps of attention and attention to later tokens are not supported"
    return common_objection(config, ("gelu_pytorch_tanh",))


def _n_blocks(config: Json) -> int:
    return int(config["num_hidden_layers"])


def _sizes(config: Json) -> Json:
    return {"rope_theta": 1_000_000.0, "rms_norm_eps": 1e-6, "head_dim": 256} | config


def _add(writer: Any, config: Json) -> None:  # noqa: ANN401 - gguf has no types
    writer.add_sliding_window(int(config["sliding_window"]))
    writer.add_rope_freq_base_swa(_LOCAL_BASE)
    if config.get("final_logit_softcapping") is not None:
        writer.add_final_logit_softcapping(float(config["final_logit_softcapping"]))


def _tensors(name: str, array: NDArray[np.float32], _config: Json) -> Iterator[Named]:
    yield name, array + np.float32(1.0) if name.endswith("norm.weight") else array


GEMMA3: Final = Shape(
    name="gemma3",
    objection=_objection,
    sizes=_sizes,
    add=_add,
    tensors=_tensors,
    cuts_vocabulary=True,
    ties_by_default=True,
)
