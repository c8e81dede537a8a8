"""``encoder.safetensors``: the weights of the encoder, checked and dequantized (SPEC section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.manifest import Encoder
from edge_runtime.errors import BundleError

Floats = NDArray[np.float32]
MAX_FEED: Final = 16_384
MAX_SCALE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm: ``weight`` and ``bias``, ``[d]``."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Linear:
    """``y = x @ weight + bias``, with ``weight`` ``[in, out]``, transposed from the file."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Block:
    """One transformer block; the key and value weights are concatenated, ``[d, 2 joined]``, into one product.

    ``joined`` is the width of all its heads together, at most ``d``.
    """

    attention_norm: Norm
    query: Linear
    key_value: Linear
    output: Linear
    feed_norm: Norm
    feed_in: Linear
    feed_out: Linear


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """All weights in float32.

    Attributes:
        position: ``[L, d]``, row 0 is the newest event.
        blocks: in order.
        norm: layer norm after the last block.
    """

    position: Floats
    blocks: tuple[Block, ...]
    norm: Norm


def read_weights(arrays: Mapping[str, Array], sizes: Encoder, source: str) -> EncoderWeights:
    """Read the weights, with every shape checked against the manifest.

    Raises:
        BundleError: a tensor is missing, or its shape or dtype violates SPEC section 3.
    """
    reader = _Reader(arrays, source)
    d = sizes.dim
    return EncoderWeights(
        position=reader.quantized("position", sizes.max_length, d),
        blocks=tuple(_read_block(reader, f"block.{index}", sizes) for index in range(sizes.n_blocks)),
        norm=reader.norm("norm", d),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    arrays: Mapping[str, Array]
    source: str

    def floats(self, name: str, size: int) -> Floats:
        return take(self.arrays, name, "float32", (size,), self.source).copy()

    def quantized(self, name: str, n_rows: int, n_columns: int) -> Floats:
        weight = take(self.arrays, name, "int8", (n_rows, n_columns), self.source)
        scale = take(self.arrays, f"{name}.scale", "float32", (n_rows,), self.source)
        if not (np.abs(scale) < MAX_SCALE).all():
            raise BundleError(f"{self.source}: a scale of {name!r} is not below {MAX_SCALE:g} in absolute value")
        return weight.astype(np.float32) * scale[:, None]

    def norm(self, name: str, size: int) -> Norm:
        return Norm(self.floats(f"{name}.weight", size), self.floats(f"{name}.bias", size))

    def linear(self, name: str, n_in: int, n_out: int) -> Linear:
        weight = self.quantized(f"{name}.weight", n_out, n_in)
        return Linear(np.ascontiguousarray(weight.T), self.floats(f"{name}.bias", n_out))

    def feed_width(self, name: str) -> int:
        """Return the feed-forward width of a block, which is not in the manifest."""
        width = self._rows(f"{name}.feed_in.weight")
        if not 1 <= width <= MAX_FEED:
            raise BundleError(f"{self.source}: {name}.feed_in.weight has {width} rows, expected 1 to {MAX_FEED}")
        return width

    def joined_width(self, name: str, sizes: Encoder) -> int:
        """Return the width of all heads of a block together; the manifest has that of a head, and the most heads."""
        width, head = self._rows(f"{name}.query.weight"), sizes.dim // sizes.n_heads
        if not 1 <= width <= sizes.dim or width % head:
            raise BundleError(
                f"{self.source}: {name}.query.weight has {width} rows, expected those of 1 to {sizes.n_heads} heads of "
                f"{head}"
            )
        return width

    def _rows(self, name: str) -> int:
        weight = self.arrays.get(name)
        return weight.shape[0] if weight is not None and weight.ndim else 0


def _read_block(reader: _Reader, name: str, sizes: Encoder) -> Block:
    d, feed, joined = sizes.dim, reader.feed_width(name), reader.joined_width(name, sizes)
    key, value = reader.linear(f"{name}.key", d, joined), reader.linear(f"{name}.value", d, joined)
    return Block(
        attention_norm=reader.norm(f"{name}.attention_norm", d),
        query=reader.linear(f"{name}.query", d, joined),
        key_value=Linear(np.hstack([key.weight, value.weight]), np.concatenate([key.bias, value.bias])),
        output=reader.linear(f"{name}.output", joined, d),
        feed_norm=reader.norm(f"{name}.feed_norm", d),
        feed_in=reader.linear(f"{name}.feed_in", d, feed),
        feed_out=reader.linear(f"{name}.feed_out", feed, d),
    )
