"""The encoder in numpy, after the formulas of SPEC section 3. Always available, and the reference in tests.

The weights are dequantized once, at opening; activations are float32. The last block computes only the last position,
the only one that is used.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_runtime.bundle.arrays import load_arrays
from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.engines.weights import Block, EncoderWeights, Linear, Norm, read_weights

_EPSILON = np.float32(1e-5)
_GELU_SLOPE = np.float32(math.sqrt(2.0 / math.pi))
_GELU_CUBE = np.float32(0.044715)
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
_MASKED = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """The numpy engine. It has no mutable state and is thread-safe."""

    sizes: Encoder
    weights: EncoderWeights
    precision: str = "int8"
    name: str = "reference"

    @classmethod
    def open(cls, data: bytes, sizes: Encoder, *, precision: str = "int8", source: str = "encoder.safetensors") -> Self:
        """Create the engine from the bytes of ``encoder.safetensors``.

        Raises:
            BundleError: a tensor is missing, or its shape differs from the manifest.
        """
        return cls(sizes, read_weights(load_arrays(data, source), sizes, source), precision)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first; only the newest ``L`` are used."""
        newest = embeddings[-self.sizes.max_length :]
        h: Floats = np.float32(self.sizes.input_scale) * newest + self.weights.position[len(newest) - 1 :: -1]
        *before, last = self.weights.blocks
        for block in before:
            h = self._step(h, block, n_last=len(h))
        h = self._step(h, last, n_last=1)
        return _with_knowledge(_layer_norm(h[-1], self.weights.norm), small)

    def _step(self, h: Floats, block: Block, *, n_last: int) -> Floats:
        """Return the last ``n_last`` positions after one block, ``[n_last, d]``."""
        mixed = self._attend(_layer_norm(h, block.attention_norm), block, n_last)
        h = h[-n_last:] + _apply(mixed, block.output)
        inner = _gelu(_apply(_layer_norm(h, block.feed_norm), block.feed_in))
        return h + _apply(inner, block.feed_out)

    def _attend(self, y: Floats, block: Block, n_last: int) -> Floats:
        """Return the causal self-attention of the last ``n_last`` positions, ``[n_last, d]``."""
        n, d, heads = len(y), self.sizes.dim, self.sizes.n_heads
        width = d // heads
        query = _apply(y[-n_last:], block.query).reshape(n_last, heads, width).transpose(1, 0, 2)
        pairs = _apply(y, block.key_value).reshape(n, 2, heads, width)
        keys, values = pairs[:, 0].transpose(1, 2, 0), pairs[:, 1].transpose(1, 0, 2)
        scores = query @ keys / math.sqrt(width)
        if n_last > 1:
            scores += np.triu(np.full((n_last, n), _MASKED, dtype=np.float32), k=1)
        context: Floats = (_softmax(scores) @ values).transpose(1, 0, 2).reshape(n_last, d)
        return context


def _with_knowledge(s: Floats, small: SmallMatrices) -> Floats:
    """Apply the knowledge prompts and the adapter; ``[d]``."""
    scores = small.prompts @ s / math.sqrt(len(s))
    adapted: Floats = _softmax(scores) @ small.knowledge
    adapted += s
    adapted += (adapted @ small.adapter_a) @ small.adapter_b
    return adapted


def _apply(x: Floats, linear: Linear) -> Floats:
    product: Floats = x @ linear.weight
    product += linear.bias
    return product


def _layer_norm(x: Floats, norm: Norm) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    result: Floats = centred / np.sqrt(variance + _EPSILON) * norm.weight + norm.bias
    return result


def _softmax(scores: Floats) -> Floats:
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights


def _gelu(x: Floats) -> Floats:
    result: Floats = np.tanh(_GELU_SLOPE * (x + _GELU_CUBE * (x * x * x)))
    result += _ONE
    result *= x
    result *= _HALF
    return result
