"""Exports the encoder as an ONNX graph, in float32 or with int8 weights.

The int8 file stores each matrix as int8, followed by ``Cast`` to float32 and ``Mul`` with its scales; ONNX Runtime
folds both when it loads the file, and computes in float32. ``DequantizeLinear`` is not used: ONNX Runtime 1.31 fuses it
with the matrix product that follows into a kernel that also rounds the activations, unless a session option forbids it.
That changes the state by 3e-2 (measured; 1e-6 with ``Cast`` and ``Mul``).
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from logging import WARNING, getLogger
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge_runtime.bundle.names import ENCODER_INPUTS, ENCODER_OUTPUT
from edge_runtime.errors import EngineError
from edge_runtime.probe.target import OPSET
from export.quantize import QuantizedEncoder, QuantizedRows
from train.distill.student import DeviceEncoder


def export_onnx(encoder: DeviceEncoder, *, n_prompts: int, adapter_rank: int, opset: int = OPSET) -> bytes:
    """Return the float32 graph for batches of 1 with any length ``1 <= l <= L``.

    Args:
        encoder: the encoder, in evaluation mode.
        n_prompts: number of rows of ``prompts`` and ``knowledge``.
        adapter_rank: number of columns of ``adapter_a``.
        opset: version of the operators.
    """
    # The exporter would treat the lengths 1 and L as constants.
    example = example_inputs(encoder, length=2, n_prompts=n_prompts, adapter_rank=adapter_rank)
    length = torch.export.Dim("l", min=1, max=encoder.config.max_length)
    with _quiet():
        program = torch.onnx.export(
            encoder,
            tuple(example.values()),
            dynamo=True,
            verbose=False,
            opset_version=opset,
            input_names=list(ENCODER_INPUTS),
            output_names=[ENCODER_OUTPUT],
            dynamic_shapes=({1: length}, {1: length}, None, None, None, None),
        )
    if program is None:
        raise EngineError("torch.onnx.export returned no graph; install the pinned torch (constraints.txt).")
    return _compact(program.model_proto)


def export_onnx_int8(quantized: QuantizedEncoder, *, n_prompts: int, adapter_rank: int, opset: int = OPSET) -> bytes:
    """Return the graph of a quantized encoder, with matrices stored as int8."""
    data = export_onnx(quantized.encoder, n_prompts=n_prompts, adapter_rank=adapter_rank, opset=opset)
    return _compact(_store_as_int8(onnx.load_from_string(data), quantized.rows))


def example_inputs(
    encoder: DeviceEncoder, *, length: int, n_prompts: int, adapter_rank: int
) -> dict[str, torch.Tensor]:
    """Return example inputs for tracing, by name, in the order of ``forward``."""
    dim = encoder.config.dim
    shapes = (
        (1, length, dim),
        (1, length),
        (n_prompts, dim),
        (n_prompts, dim),
        (dim, adapter_rank),
        (adapter_rank, dim),
    )
    return {name: torch.ones(shape) for name, shape in zip(ENCODER_INPUTS, shapes, strict=True)}


def _store_as_int8(model: onnx.ModelProto, rows: Mapping[str, QuantizedRows]) -> onnx.ModelProto:
    """Replace every initializer that equals a matrix of ``rows``, or its transpose, by int8 values and scales.

    Initializers are matched by value, because the exporter folds transposes and renames folded tensors.
    """
    graph = model.graph
    missing = dict(rows)
    kept, stored, nodes = [], [], []
    for initializer in graph.initializer:
        match = _match(numpy_helper.to_array(initializer), rows)
        if match is None:
            kept.append(initializer)
            continue
        name, axis = match
        missing.pop(name, None)
        matrix = rows[name]
        values, scale = (matrix.values.T, matrix.scale) if axis else (matrix.values, matrix.scale[:, None])
        parts = tuple(f"{initializer.name}.{part}" for part in ("int8", "scale", "float"))
        stored.append(numpy_helper.from_array(np.ascontiguousarray(values), parts[0]))
        stored.append(numpy_helper.from_array(scale, parts[1]))
        nodes.append(helper.make_node("Cast", [parts[0]], [parts[2]], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [parts[2], parts[1]], [initializer.name]))
    if missing:
        raise EngineError(
            f"the ONNX graph does not contain the weights {sorted(missing)} unchanged: this version of the exporter "
            "rewrites them. Install the pinned torch and onnxscript (constraints.txt)."
        )
    nodes += list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept + stored)
    graph.node.extend(nodes)
    return model


def _match(array: NDArray[Any], rows: Mapping[str, QuantizedRows]) -> tuple[str, int] | None:
    """Return the name of the matrix that equals ``array``, and the axis of its scales; None if there is none."""
    if array.ndim != 2 or array.dtype != np.float32:
        return None
    for name, matrix in rows.items():
        weight = matrix.dequantize()
        for axis, candidate in ((0, weight), (1, weight.T)):
            if array.shape == candidate.shape and (array == candidate).all():
                return name, axis
    return None


def _compact(model: onnx.ModelProto) -> bytes:
    """Return the checked bytes of ``model`` without debug information, which is a fifth of the file."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.value_info[:], model.functions[:]
    graph.name, model.producer_name, model.producer_version = "encoder", "pocketrec", ""
    _rename(graph)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _rename(graph: onnx.GraphProto) -> None:
    """Give inner tensors short names and remove the names of nodes; inputs and outputs keep theirs."""
    fresh = count()
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for initializer in graph.initializer:
        initializer.name = names.setdefault(initializer.name, f"w{next(fresh)}")
    for node in graph.node:
        node.name = ""
        for edges in (node.input, node.output):
            edges[:] = [names.setdefault(edge, f"t{next(fresh)}") for edge in edges]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress messages of the exporter about its own dependencies."""
    registration = getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    # "torchvision is not installed": its operators are not used.
    registration.setLevel(WARNING + 1)
    try:
        with warnings.catch_warnings():
            # torch 2.13 uses its own deprecated tree class.
            warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
            # Two inputs share the dynamic length, as intended.
            warnings.filterwarnings("ignore", message=r".*The axis name: l will not be used", category=UserWarning)
            yield
    finally:
        registration.setLevel(level)
