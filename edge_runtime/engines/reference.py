"""The encoder in numpy, after the formulas of SPEC section 3. Always available, and the reference in tests.

The weights are dequantized once, at opening; activations are float32. The last block computes only the last position,
the only one that is used. A pass over a small encoder costs as much in calls of numpy as in arithmetic, so whatever
does not depend on the history is computed at opening: what a layer norm multiplies and adds goes into the matrices
after it, as does the scale of the attention. Arrays are changed in place where nothing else uses them.
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
_GELU_CUBE = np.float32(0.044715 * math.sqrt(2.0 / math.pi))
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
_MASKED = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class _Block:
    """A block for normalized inputs; ``mixed`` gives queries, keys and values, ``[d, 3 joined]``."""

    mixed: Linear
    output: Linear
    feed_in: Linear
    feed_out: Linear


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """The numpy engine. It has no mutable state and is thread-safe.

    Attributes:
        sizes: of the encoder.
        position: ``[L, d]``, row 0 is the newest event.
        blocks: in order.
        norm: layer norm after the last block.
        hidden: ``[L, L]``, added to attention scores: a position does not see those after it.
    """

    sizes: Encoder
    position: Floats
    blocks: tuple[_Block, ...]
    norm: Norm
    hidden: Floats
    precision: str = "int8"
    name: str = "reference"

    @classmethod
    def open(cls, data: bytes, sizes: Encoder, *, precision: str = "int8", source: str = "encoder.safetensors") -> Self:
        """Create the engine from the bytes of ``encoder.safetensors``.

        Raises:
            BundleError: a tensor is missing, or its shape differs from the manifest.
        """
        return cls.of(read_weights(load_arrays(data, source), sizes, source), sizes, precision)

    @classmethod
    def of(cls, weights: EncoderWeights, sizes: Encoder, precision: str) -> Self:
        """Create the engine from weights."""
        hidden = np.triu(np.full((sizes.max_length, sizes.max_length), _MASKED, dtype=np.float32), k=1)
        blocks = tuple(_folded(block, sizes.dim // sizes.n_heads) for block in weights.blocks)
        return cls(sizes, weights.position, blocks, weights.norm, hidden, precision)

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first; only the newest ``L`` are used."""
        newest = embeddings[-self.sizes.max_length :]
        h: Floats = np.float32(self.sizes.input_scale) * newest
        h += self.position[len(newest) - 1 :: -1]
        *before, last = self.blocks
        for block in before:
            h = self._step(h, block, n_last=len(h))
        h = self._step(h, last, n_last=1)
        return _with_knowledge(_normalized(h)[-1] * self.norm.weight + self.norm.bias, small)

    def _step(self, h: Floats, block: _Block, *, n_last: int) -> Floats:
        """Return the last ``n_last`` positions after one block, ``[n_last, d]``."""
        mixed = self._attend(_normalized(h), block.mixed, n_last)
        h = h[-n_last:] + _apply(mixed, block.output)
        inner = _gelu(_apply(_normalized(h), block.feed_in))
        h += _apply(inner, block.feed_out)
        return h

    def _attend(self, y: Floats, mixed: Linear, n_last: int) -> Floats:
        """Return the causal self-attention of the last ``n_last`` positions, ``[n_last, joined]``."""
        n, width = len(y), self.sizes.dim // self.sizes.n_heads
        # A pruned block has fewer heads than the manifest states.
        parts = _apply(y, mixed).reshape(n, 3, -1, width)
        query = parts[n - n_last :, 0].transpose(1, 0, 2)
        keys, values = parts[:, 1].transpose(1, 2, 0), parts[:, 2].transpose(1, 0, 2)
        scores: Floats = query @ keys
        if n_last > 1:
            scores += self.hidden[:n, :n]
        scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        context: Floats = scores @ values
        total: Floats = np.add.reduce(scores, axis=-1, keepdims=True)
        np.divide(context, total, out=context)  # fewer divisions than before the product
        return context.transpose(1, 0, 2).reshape(n_last, -1)


def _folded(block: Block, width: int) -> _Block:
    """Return a block without the weights of its layer norms and the scale of its attention."""
    scale = np.float32(1.0 / math.sqrt(width))
    query = Linear(block.query.weight * scale, block.query.bias * scale)
    mixed = Linear(
        np.hstack([query.weight, block.key_value.weight]), np.concatenate([query.bias, block.key_value.bias])
    )
    return _Block(
        _after_norm(block.attention_norm, mixed),
        block.output,
        _after_norm(block.feed_norm, block.feed_in),
        block.feed_out,
    )


def _after_norm(norm: Norm, linear: Linear) -> Linear:
    """Return the linear layer that takes what ``norm`` has only centred and scaled."""
    return Linear(norm.weight[:, None] * linear.weight, norm.bias @ linear.weight + linear.bias)


def _with_knowledge(s: Floats, small: SmallMatrices) -> Floats:
    """Apply the knowledge prompts and the adapter; ``[d]``."""
    scores = small.prompts @ s
    scores *= np.float32(1.0 / math.sqrt(len(s)))
    adapted: Floats = _softmax(scores) @ small.knowledge
    adapted += s
    adapted += (adapted @ small.adapter_a) @ small.adapter_b
    return adapted


def _apply(x: Floats, linear: Linear) -> Floats:
    product: Floats = x @ linear.weight
    product += linear.bias
    return product


def _normalized(x: Floats) -> Floats:
    """Return the rows of ``x`` with mean 0 and variance 1."""
    share = np.float32(1.0 / x.shape[-1])
    mean: Floats = np.add.reduce(x, axis=-1, keepdims=True)
    mean *= share
    centred: Floats = x - mean
    variance: Floats = np.add.reduce(centred * centred, axis=-1, keepdims=True)
    variance *= share
    variance += _EPSILON
    np.divide(centred, np.sqrt(variance, out=variance), out=centred)
    return centred


def _softmax(scores: Floats) -> Floats:
    """Return the softmax of the last dimension, in place."""
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, axis=-1, keepdims=True)
    return scores


def _gelu(x: Floats) -> Floats:
    result: Floats = x * x
    result *= _GELU_CUBE
    result += _GELU_SLOPE
    result *= x
    np.tanh(result, out=result)
    result += _ONE
    result *= x
    result *= _HALF
    return result
