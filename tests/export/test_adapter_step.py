"""A training step of the adapter gives PyTorch's gradients, in numpy and as an ONNX graph."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from edge_runtime.engines.onnxruntime import library
from edge_runtime.learning.adapter_step import EXCLUDED, GRAPH, Batch, Step, adapter_step
from export.adapter_step import adapter_step_graph

SIZES = {"tiny": (1, 2, 3, 1), "odd": (5, 9, 7, 3), "on a device": (32, 512, 64, 8)}
FACTOR = 0.7


Floats = NDArray[np.float32]
Method = Callable[[Batch, Floats, Floats], Step]


def drawn(n: int, m: int, dim: int, rank: int) -> tuple[Batch, Floats, Floats]:
    """Return a batch of float32 numbers with excluded candidates and padding, and an adapter."""
    random = np.random.default_rng(n)
    states, vectors, following = (
        random.normal(size=shape).astype(np.float32) for shape in ((n, dim), (m, dim), (n, m))
    )
    chosen = random.integers(m, size=n)
    offsets = np.where(random.random((n, m)) < 0.2, EXCLUDED, 0.0).astype(np.float32)
    offsets[np.arange(n), chosen] = 0.0
    weights = np.arange(n, 0, -1, dtype=np.float32)
    weights[1:][-1:] = 0.0
    a, b = (random.normal(scale=0.2, size=shape).astype(np.float32) for shape in ((dim, rank), (rank, dim)))
    following = np.maximum(following, 0) * 5
    return Batch(states, vectors, following, offsets, chosen, weights), a, b


def by_autograd(batch: Batch, a: Floats, b: Floats) -> Step:
    """Return the step as PyTorch differentiates it, in float64."""
    states, vectors, following, offsets, weights, fixed = (
        torch.tensor(np.asarray(array, dtype=np.float64))
        for array in (batch.states, batch.vectors, batch.following, batch.offsets, batch.weights, a)
    )
    trained = torch.tensor(np.asarray(b, dtype=np.float64), requires_grad=True)
    factor = torch.tensor(FACTOR, dtype=torch.float64, requires_grad=True)
    scores = (states + states @ fixed @ trained) @ vectors.T + factor * following + offsets
    losses = F.cross_entropy(scores, torch.from_numpy(batch.chosen), reduction="none")
    loss = (weights * losses).sum() / weights.sum()
    grad_b, grad_factor = torch.autograd.grad(loss, (trained, factor))
    return Step(loss.item(), grad_b.numpy(), grad_factor.item())


def by_graph(batch: Batch, a: Floats, b: Floats) -> Step:
    onnxruntime = library()

    session = onnxruntime.InferenceSession(GRAPH.read_bytes(), providers=["CPUExecutionProvider"])
    names = ("states", "vectors", "following", "offsets", "chosen", "weights")
    feed: dict[str, Any] = {name: getattr(batch, name) for name in names}
    feed |= {"adapter_a": a, "adapter_b": b, "factor": np.array(FACTOR, dtype=np.float32)}
    loss, grad_b, grad_factor = session.run(None, feed)
    return Step(float(loss), grad_b, float(grad_factor))


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("step", [partial(adapter_step, factor=FACTOR), by_graph], ids=["numpy", "ONNX"])
def test_loss_and_gradients_are_those_of_autograd(step: Method, name: str) -> None:
    batch, a, b = drawn(*SIZES[name])
    theirs = by_autograd(batch, a, b)
    assert name == "tiny" or np.abs(theirs.grad_b).max() > 0.1

    ours = step(batch, a, b)

    np.testing.assert_allclose(ours.grad_b, theirs.grad_b, rtol=0, atol=1e-5)
    assert ours.grad_factor == pytest.approx(theirs.grad_factor, abs=1e-5)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)


def test_the_graph_is_the_one_that_is_exported_and_has_standard_operators_only() -> None:
    assert GRAPH.read_bytes() == adapter_step_graph(), "run `python -m export.adapter_step` and commit the file"
    model = onnx.load_from_string(GRAPH.read_bytes())
    assert {node.domain for node in model.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert not model.functions
    assert not model.training_info


def test_no_size_of_the_graph_is_fixed() -> None:
    graph = onnx.load_from_string(GRAPH.read_bytes()).graph

    sizes = [size.dim_param for value in graph.input for size in value.type.tensor_type.shape.dim]

    assert sizes == ["n", "d", "m", "d", "n", "m", "n", "m", "n", "n", "d", "r", "r", "d"]
