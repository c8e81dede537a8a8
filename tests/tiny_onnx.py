"""The encoder of a synthetic bundle as an ONNX graph, built node by node from the formula in SPEC section 3."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.bundle.arrays import Array, load_arrays
from edge_runtime.bundle.manifest import Encoder, EngineVariant
from edge_runtime.bundle.names import ENCODER_INPUTS, ENCODER_OUTPUT

OPSET = 20
ONNX_VARIANT = EngineVariant("onnxruntime", "fp32", "encoder.onnx", 1e-3, 0.99)


def tiny_onnx(encoder: bytes, sizes: Encoder) -> bytes:
    """Return ``encoder.onnx`` with the same weights as ``encoder.safetensors``."""
    return _Graph(load_arrays(encoder, "encoder"), sizes).build()


class _Graph:
    def __init__(self, arrays: Mapping[str, Array], sizes: Encoder) -> None:
        self.arrays = arrays
        self.sizes = sizes
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def weight(self, name: str) -> Array:
        array: Array = self.arrays[name].astype(np.float32) * self.arrays[f"{name}.scale"][:, None]
        return array

    def linear(self, x: str, name: str) -> str:
        product = self.add("MatMul", x, self.constant(self.weight(f"{name}.weight").T))
        return self.add("Add", product, self.constant(self.arrays[f"{name}.bias"]))

    def norm(self, x: str, name: str) -> str:
        scale, bias = (self.constant(self.arrays[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("LayerNormalization", x, scale, bias, epsilon=1e-5)

    def heads(self, x: str) -> str:
        """Return ``[1, l, d]`` as ``[1, heads, l, d / heads]``."""
        n_heads = self.sizes.n_heads
        split = self.add("Reshape", x, self.ints(1, -1, n_heads, self.sizes.dim // n_heads))
        return self.add("Transpose", split, perm=[0, 2, 1, 3])

    def block(self, h: str, name: str, hidden: str) -> str:
        y = self.norm(h, f"{name}.attention_norm")
        query, key, value = (self.heads(self.linear(y, f"{name}.{part}")) for part in ("query", "key", "value"))
        scores = self.add("MatMul", query, self.add("Transpose", key, perm=[0, 1, 3, 2]))
        root = self.constant(np.sqrt(self.sizes.dim / self.sizes.n_heads))
        scores = self.add("Add", self.add("Div", scores, root), hidden)
        gathered = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        flat = self.add("Reshape", self.add("Transpose", gathered, perm=[0, 2, 1, 3]), self.ints(1, -1, self.sizes.dim))
        h = self.add("Add", h, self.linear(flat, f"{name}.output"))
        inner = self.add("Gelu", self.linear(self.norm(h, f"{name}.feed_norm"), f"{name}.feed_in"), approximate="tanh")
        return self.add("Add", h, self.linear(inner, f"{name}.feed_out"))

    def build(self) -> bytes:
        length = self.add("Shape", "mask", start=1, end=2)
        zero, last = self.ints(0), self.ints(-1)
        # Positions in the file start at the newest event: the first `length` rows, in reverse order
        newest = self.add("Slice", self.constant(self.weight("position")), zero, length, zero)
        newest = self.add("Slice", newest, last, self.ints(-(2**63)), zero, last)
        scaled = self.add("Mul", "embeddings", self.constant(self.sizes.input_scale))
        h = self.add("Mul", self.add("Add", scaled, newest), self.add("Unsqueeze", "mask", self.ints(2)))
        square = self.add("Expand", self.constant(-1e9), self.add("Concat", length, length, axis=0))
        hidden = self.add("Trilu", square, self.constant(1, np.int64), upper=1)
        for index in range(self.sizes.n_blocks):
            h = self.block(h, f"block.{index}", hidden)
        last = self.add("Gather", h, self.constant(-1, np.int64), axis=1)
        s = self.norm(last, "norm")
        scores = self.add("MatMul", s, self.add("Transpose", "prompts", perm=[1, 0]))
        shares = self.add("Softmax", self.add("Div", scores, self.constant(np.sqrt(self.sizes.dim))), axis=-1)
        s = self.add("Add", s, self.add("MatMul", shares, "knowledge"))
        adapted = self.add("MatMul", self.add("MatMul", s, "adapter_a"), "adapter_b")
        self.nodes.append(helper.make_node("Add", [s, adapted], [ENCODER_OUTPUT]))
        return self._model()

    def _model(self) -> bytes:
        d, p, r = self.sizes.dim, self.sizes.n_prompts, self.sizes.adapter_rank
        shapes: tuple[list[int | str], ...] = ([1, "l", d], [1, "l"], [p, d], [p, d], [d, r], [r, d])
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(ENCODER_INPUTS, shapes, strict=True)
        ]
        output = helper.make_tensor_value_info(ENCODER_OUTPUT, TensorProto.FLOAT, [1, d])
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data
