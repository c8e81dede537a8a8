"""First engines with a forbidden graph: loops, functions, external weights, or no graph at all."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import Encoder
from tests.attacks.draft import Attack, Draft
from tests.tiny_onnx import ONNX_VARIANT, tiny_onnx

Modify = Callable[[onnx.ModelProto], None]


def graphs() -> dict[str, Attack]:
    return {
        "graph/loop-without-end": _model(_loop),
        "graph/branch": _model(lambda model: _add(model, "If", then_branch=_empty(), else_branch=_empty())),
        "graph/scan": _model(lambda model: _add(model, "Scan", body=_empty(), num_scan_inputs=1)),
        "graph/graph-inside-an-allowed-operator": _model(lambda model: _add(model, "Add", body=_empty())),
        "graph/operator-of-another-domain": _model(lambda model: _add(model, "Add", domain="com.evil")),
        "graph/operator-without-name": _model(lambda model: _add(model, "")),
        "graph/function-of-its-own": _model(_function),
        "graph/steps-of-training": _model(lambda model: model.training_info.add().initialization.CopyFrom(_empty())),
        "graph/sparse-tensor": _model(lambda model: model.graph.sparse_initializer.add().dims.append(3)),
        "graph/weights-in-another-file": _model(_external),
        "graph/constant-in-another-file": _model(_external_constant),
        "graph/too-many-fields": _model(_many),
        "graph/second-graph-behind-the-first": _bytes(lambda good: good + _evil_model()),
        "graph/format-of-one-runtime": _bytes(lambda good: b"\x08\x00\x12\x7fORTM" + good),
        "graph/not-protobuf": _bytes(lambda _: b"\x0b" * 100),
        "graph/cut": _bytes(lambda good: good[: len(good) // 2]),
        "graph/length-beyond-the-file": _bytes(lambda good: good + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        "graph/number-without-end": _bytes(lambda good: good + b"\xff" * 50),
        "graph/empty": _bytes(lambda _: b""),
    }


def _bytes(modify: Callable[[bytes], bytes]) -> Attack:
    def attack(draft: Draft) -> None:
        data = modify(tiny_onnx(draft.files["encoder.safetensors"], Encoder(**draft.manifest["encoder"])))
        entry = describe("encoder.onnx", "encoder", data)
        draft.files["encoder.onnx"] = data
        draft.manifest["files"].append(
            {"name": entry.name, "role": entry.role, "bytes": entry.bytes, "sha256": entry.sha256}
        )
        first = {name: getattr(ONNX_VARIANT, name) for name in ONNX_VARIANT.__struct_fields__}
        draft.manifest["engines"].insert(0, first)

    return attack


def _model(modify: Modify) -> Attack:
    def modified(good: bytes) -> bytes:
        model = onnx.load_from_string(good)
        modify(model)
        data: bytes = model.SerializeToString()
        return data

    return _bytes(modified)


def _add(model: onnx.ModelProto, operator: str, domain: str = "", **attributes: object) -> None:
    model.graph.node.append(helper.make_node(operator, ["mask", "mask"], ["spare"], domain=domain, **attributes))


def _empty() -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [])


def _loop(model: onnx.ModelProto) -> None:
    """Add a loop of 2^62 multiplications before the output."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes_on"]), helper.make_node("Mul", ["x", "x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    last = model.graph.node[-1]
    last.output[0] = "before"
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 << 62), "steps"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    model.graph.node.append(helper.make_node("Loop", ["steps", "always", "before"], ["state"], body=body))


def _function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Add", ["a", "a"], ["b"])
    model.functions.append(helper.make_function("", "Relu", ["a"], ["b"], [node], model.opset_import))


def _external(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def _external_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(1, dtype=np.float32))
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["spare"], value=tensor))


def _many(model: onnx.ModelProto) -> None:
    for _ in range(60_000):
        model.graph.node.add(op_type="Identity")


def _evil_model() -> bytes:
    """Return a model that a protobuf parser merges with the preceding one."""
    model = onnx.ModelProto()
    model.graph.node.append(helper.make_node("Loop", ["a", "b"], ["c"], body=_empty()))
    data: bytes = model.SerializeToString()
    return data
