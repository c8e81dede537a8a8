"""What a family of language models is to the writer of GGUF files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Named = tuple[str, NDArray[np.float32]]

ROPE_SCALINGS: Final = ("default", "linear", "llama3")


def _no_objection(_: Json) -> str | None:
    return None


def _nothing_to_add(_writer: object, _config: Json) -> None:
    return


def _as_it_is(name: str, array: NDArray[np.float32], _config: Json) -> Iterator[Named]:
    yield name, array


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One architecture.

    Attributes:
        name: llama.cpp's name of it.
        interleaved: whether rows of q and k are stored in llama.cpp's order of rotary pairs.
        objection: returns what of a ``config.json`` llama.cpp does not compute; None if it computes all of it.
        sizes: returns the configuration with the names of Llama's for the sizes that every model has.
        add: adds the hyperparameters that only this family has to a ``gguf.GGUFWriter``.
        tensors: yields what a tensor of transformers becomes.
        float32: parts of names of matrices that stay in float32.
        cuts_vocabulary: whether rows of the table of tokens without a token are cut off.
        ties_by_default: whether the head is the table of tokens if ``config.json`` does not say.
    """

    name: str
    interleaved: bool = False
    objection: Callable[[Json], str | None] = _no_objection
    sizes: Callable[[Json], Json] = dict
    add: Callable[[Any, Json], None] = _nothing_to_add
    tensors: Callable[[str, NDArray[np.float32], Json], Iterator[Named]] = _as_it_is
    float32: tuple[str, ...] = ()
    cuts_vocabulary: bool = False
    ties_by_default: bool = False


def head_dim(config: Json) -> int:
    """Return the width of a head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def rope_type(config: Json) -> str:
    """Return the kind of scaling of rotary frequencies; ``default`` for none."""
    scaling = config.get("rope_scaling") or {}
    return str(scaling.get("rope_type", scaling.get("type", "default")))


def interleave_rotary(array: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Return q or k in llama.cpp's order of rotary pairs: neighbouring pairs in place of Hugging Face's halves.

    Args:
        array: weights or biases, ``[n_heads * head_dim, ...]``.
        n_heads: number of heads of q or k.
    """
    halves = array.reshape(n_heads, 2, array.shape[0] // n_heads // 2, *array.shape[1:])
    return halves.swapaxes(1, 2).reshape(array.shape)


def common_objection(config: Json, activations: tuple[str, ...] = ("silu",)) -> str | None:
    """Return what no family's graph in llama.cpp computes."""
    if config.get("use_sliding_window") or config.get("mlp_bias"):
        return "sliding windows and MLP biases are not supported"
    activation = config.get("hidden_act", config.get("hidden_activation")) or activations[0]
    if activation not in activations:
        return f"found the activation {activation}, expected {' or '.join(activations)}"
    if rope_type(config) not in ROPE_SCALINGS:
        return f"found the rope_scaling {config['rope_scaling']}, expected none, linear or llama3"
    return None
