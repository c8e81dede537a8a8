"""The numpy engine implements the formula of SPEC section 3."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, dump_arrays
from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.protocol import SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.errors import BundleError
from tests.tiny_bundle import Shape, tiny_encoder, tiny_small

Doubles = NDArray[np.float64]


def sizes_of(shape: Shape) -> Encoder:
    return Encoder(
        shape.dim, shape.max_length, shape.n_blocks, shape.n_heads, shape.n_prompts, shape.rank, input_scale=4.0
    )


def published(arrays: Mapping[str, Array], sizes: Encoder, e: Doubles, small: SmallMatrices) -> Doubles:
    """Evaluate the formula of SPEC.md in float64, one position and one head at a time."""

    def w(name: str) -> Doubles:
        array: Doubles = arrays[name].astype(np.float64)
        return array * arrays[f"{name}.scale"].astype(np.float64)[:, None] if f"{name}.scale" in arrays else array

    def layer_norm(x: Doubles, name: str) -> Doubles:
        return np.asarray((x - x.mean()) / math.sqrt(x.var() + 1e-5) * w(f"{name}.weight") + w(f"{name}.bias"))

    def linear(x: Doubles, name: str) -> Doubles:
        return w(f"{name}.weight") @ x + w(f"{name}.bias")

    def softmax(x: Doubles) -> Doubles:
        return np.asarray(np.exp(x) / np.exp(x).sum())

    def gelu_tanh(x: Doubles) -> Doubles:
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))

    n, width = len(e), sizes.dim // sizes.n_heads
    h = [sizes.input_scale * e[i] + w("position")[n - 1 - i] for i in range(n)]
    for b in range(sizes.n_blocks):
        name = f"block.{b}"
        y = [layer_norm(x, f"{name}.attention_norm") for x in h]
        q, k, v = ([linear(x, f"{name}.{part}") for x in y] for part in ("query", "key", "value"))
        for i in range(n):
            gathered = []
            for head in range(len(q[i]) // width):
                part = slice(head * width, (head + 1) * width)
                a = softmax(np.array([q[i][part] @ k[j][part] for j in range(i + 1)]) / math.sqrt(width))
                gathered.append(sum(a[j] * v[j][part] for j in range(i + 1)))
            h[i] = h[i] + linear(np.concatenate(gathered), f"{name}.output")
        h = [
            x + linear(gelu_tanh(linear(layer_norm(x, f"{name}.feed_norm"), f"{name}.feed_in")), f"{name}.feed_out")
            for x in h
        ]
    s = layer_norm(h[-1], "norm")
    s = s + softmax(small.prompts @ s / math.sqrt(sizes.dim)) @ small.knowledge
    return np.asarray(s + (s @ small.adapter_a) @ small.adapter_b)


@pytest.mark.parametrize("length", [1, 2, 7, 8])
@pytest.mark.parametrize("heads", [(), (1, 4, 2)])
@pytest.mark.parametrize("n_blocks", [1, 3])
def test_the_state_equals_the_formula_of_the_specification(length: int, n_blocks: int, heads: tuple[int, ...]) -> None:
    rng = np.random.default_rng(length)
    shape = Shape(n_blocks=n_blocks, n_heads=4, heads=heads[:n_blocks])
    arrays, small = tiny_encoder(shape, rng), tiny_small(shape, rng)
    events = rng.normal(size=(length, shape.dim)).astype(np.float32)
    engine = ReferenceEngine.open(dump_arrays(arrays), sizes_of(shape))

    state = engine.encode(events, small)

    assert state.dtype == np.float32
    np.testing.assert_allclose(state, published(arrays, engine.sizes, events.astype(np.float64), small), atol=2e-5)


def test_only_the_newest_events_are_used() -> None:
    rng = np.random.default_rng(0)
    shape = Shape()
    small = tiny_small(shape, rng)
    engine = ReferenceEngine.open(dump_arrays(tiny_encoder(shape, rng)), sizes_of(shape))
    events = rng.normal(size=(12, shape.dim)).astype(np.float32)

    np.testing.assert_array_equal(engine.encode(events, small), engine.encode(events[-8:], small))


def test_zero_knowledge_and_a_zero_adapter_have_no_effect() -> None:
    rng = np.random.default_rng(0)
    shape = Shape()
    small = tiny_small(shape, rng)
    engine = ReferenceEngine.open(dump_arrays(tiny_encoder(shape, rng)), sizes_of(shape))
    events = rng.normal(size=(5, shape.dim)).astype(np.float32)
    nothing = replace(small, knowledge=np.zeros_like(small.knowledge), adapter_b=np.zeros_like(small.adapter_b))

    plain = engine.encode(events, nothing)

    np.testing.assert_array_equal(plain, engine.encode(events, replace(nothing, prompts=small.prompts * 9)))
    assert np.abs(plain - engine.encode(events, small)).max() > 0.01


def test_arguments_are_not_modified() -> None:
    rng = np.random.default_rng(0)
    shape = Shape()
    small = tiny_small(shape, rng)
    engine = ReferenceEngine.open(dump_arrays(tiny_encoder(shape, rng)), sizes_of(shape))
    events = rng.normal(size=(5, shape.dim)).astype(np.float32)
    before = [array.copy() for array in (events, small.prompts, small.knowledge, small.adapter_a, small.adapter_b)]

    first = engine.encode(events, small)
    second = engine.encode(events, small)

    np.testing.assert_array_equal(first, second)
    for array, was in zip(
        (events, small.prompts, small.knowledge, small.adapter_a, small.adapter_b), before, strict=True
    ):
        np.testing.assert_array_equal(array, was)


def test_weights_of_another_shape_are_rejected_with_their_name() -> None:
    arrays = tiny_encoder(Shape(), np.random.default_rng(0))

    with pytest.raises(BundleError, match=r"block\.2\.feed_in\.weight"):
        ReferenceEngine.open(dump_arrays(arrays), sizes_of(Shape(n_blocks=3)))
