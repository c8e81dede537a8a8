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
    } | hidden()


def hidden() -> dict[str, Attack]:
    """Graphs that two parsers read differently, or that compute the size of a value."""
    return {
        "graph/loop-behind-a-tag-of-33-bits": _bytes(_hidden_loop),
        "graph/weights-in-another-file-behind-a-tag-of-33-bits": _bytes(lambda good: good + _elsewhere("weights.bin")),
        "graph/weights-in-memory-behind-a-tag-of-33-bits": _bytes(lambda good: good + _elsewhere("*/_ORT_MEM_ADDR_/*")),
        "graph/domain-behind-a-tag-of-33-bits": _bytes(_hidden_domain),
        "graph/operators-of-another-domain-imported": _model(
            lambda model: model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        ),
        "graph/weights-in-memory": _model(lambda model: _external(model, "*/_ORT_MEM_ADDR_/*")),
        "graph/tag-of-six-bytes": _bytes(lambda good: good + b"\xba\x80\x80\x80\x80\x00\x00"),
        "graph/tag-longer-than-it-needs": _bytes(lambda good: good + b"\xba\x00\x00"),
        "graph/field-without-number": _bytes(lambda good: good + b"\x02\x00"),
        "graph/field-with-the-largest-number": _bytes(lambda good: good + b"\xfa\xff\xff\xff\x0f\x00"),
        "graph/unknown-field": _bytes(lambda good: good + _field(99, b"x")),
        "graph/group": _bytes(lambda good: good + b"\x3b\x3c"),
        "graph/graph-as-a-number": _bytes(lambda good: good + b"\x38\x00"),
        "graph/length-longer-than-it-needs": _bytes(lambda good: good + b"\x3a\x80\x00"),
        "graph/shape-of-20000-squared": _model(lambda model: _expand(model, 20_000, 20_000)),
        "graph/shape-of-allowed-integers": _model(lambda model: _expand(model, 16, 16, 16)),
        "graph/many-integers": _model(lambda model: _expand(model, *[1] * 9)),
        "graph/integers-multiplied": _model(_multiplied),
        "graph/integers-from-floats": _model(lambda model: _add(model, "Cast", to=TensorProto.INT64)),
        "graph/values-joined": _model(lambda model: _add(model, "Concat", axis=0)),
        "graph/value-before-it-is-computed": _model(
            lambda model: (
                model.graph.node.add(op_type="Add", input=["later", "mask"], output=["spare"])
                and model.graph.node.add(op_type="Gelu", input=["mask"], output=["later"])
            )
        ),
        "graph/indices-computed": _model(lambda model: _add(model, "Gather")),
        "graph/tensor-shorter-than-its-shape": _model(lambda model: model.graph.initializer[0].dims.append(1 << 40)),
        "graph/tensor-larger-than-the-encoder": _model(_large),
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


def _external(model: onnx.ModelProto, location: str = "/etc/passwd") -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)


def _external_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(1, dtype=np.float32))
    tensor.external_data.add(key="location", value="/etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["spare"], value=tensor))


def _many(model: onnx.ModelProto) -> None:
    for _ in range(60_000):
        model.graph.node.add(op_type="Gelu")


def _evil_model() -> bytes:
    """Return a model that a protobuf parser merges with the preceding one."""
    model = onnx.ModelProto()
    model.graph.node.append(helper.make_node("Loop", ["a", "b"], ["c"], body=_empty()))
    data: bytes = model.SerializeToString()
    return data


def _field(number: int, data: bytes, *, bits: int = 0) -> bytes:
    """Return a length-delimited field; ``bits`` are added to its tag above what C++ parsers keep."""
    return _varint((number << 3) + 2 + bits) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def _hidden_loop(good: bytes) -> bytes:
    """Append an ``Add`` that becomes a ``Loop`` where a tag is cut to 32 bits."""
    body = onnx.AttributeProto(name="body", type=onnx.AttributeProto.GRAPH).SerializeToString()
    body += _field(6, _empty().SerializeToString(), bits=1 << 32)
    node = onnx.NodeProto(op_type="Add", input=["mask", "mask"], output=["spare"]).SerializeToString()
    return good + _field(7, _field(1, node + _field(4, b"Loop", bits=1 << 32) + _field(5, body)))


def _hidden_domain(good: bytes) -> bytes:
    node = onnx.NodeProto(op_type="Add", input=["mask", "mask"], output=["spare"]).SerializeToString()
    return good + _field(7, _field(1, node + _field(7, b"com.microsoft", bits=1 << 32)))


def _elsewhere(location: str) -> bytes:
    """Return an empty tensor that a parser with 32-bit tags reads as a tensor with external data."""
    entry = onnx.StringStringEntryProto(key="location", value=location).SerializeToString()
    tensor = onnx.TensorProto(name="spare", data_type=TensorProto.FLOAT, dims=[0]).SerializeToString()
    tensor += _field(13, entry, bits=1 << 32) + _varint((14 << 3) + (1 << 32)) + b"\x01"
    return _field(7, _field(5, tensor))


def _expand(model: onnx.ModelProto, *shape: int) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), "shape"))
    model.graph.node.append(helper.make_node("Expand", ["mask", "shape"], ["spare"]))


def _multiplied(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Shape", ["embeddings"], ["sizes"]))
    model.graph.node.append(helper.make_node("Mul", ["sizes", "sizes"], ["larger"]))
    model.graph.node.append(helper.make_node("Expand", ["mask", "larger"], ["spare"]))


def _large(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(16 * 16_384 + 1, dtype=np.int8), "spare"))
