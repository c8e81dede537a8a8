"""Which TFLite files are passed to a library."""

import contextlib
from collections.abc import Callable

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.engines.tflite_graph import N_INPUTS, OPERATORS, check_graph
from edge_runtime.errors import EngineError

ADD, WHILE, CALL_ONCE, CUSTOM = 0, 119, 129, 32


def model(*codes: int, n_graphs: int = 1, custom: str | None = None, outside: int = 0, external: int = 0) -> bytes:
    """Return a file with these operators, too incomplete to run."""
    built = schema.ModelT()
    built.version = 3
    built.operatorCodes = [operator(code, custom) for code in codes]
    built.subgraphs = [graph(codes) for _ in range(n_graphs)]
    buffer = schema.BufferT()
    buffer.offset, buffer.size = outside, outside
    built.buffers = [schema.BufferT(), buffer]
    built.externalBuffers = [schema.ExternalBufferT() for _ in range(external)]
    return pack(built)


def pack(built: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(built.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator(code: int, custom: str | None) -> schema.OperatorCodeT:
    built = schema.OperatorCodeT()
    built.builtinCode = code
    built.deprecatedBuiltinCode = min(code, 127)
    built.customCode = custom
    return built


def graph(codes: tuple[int, ...]) -> schema.SubGraphT:
    """Return a graph with one operator for each code, from tensors 0 to 3 to tensor 4."""
    built = schema.SubGraphT()
    built.tensors = [schema.TensorT() for _ in range(5)]
    built.inputs, built.outputs = [0], [4]
    built.operators = []
    for index, code in enumerate(codes):
        operator = schema.OperatorT()
        operator.opcodeIndex = index
        operator.inputs = list(range(N_INPUTS[OPERATORS[code]][0])) if code in OPERATORS else []
        operator.outputs = [4]
        built.operators.append(operator)
    return built


GOOD = model(*OPERATORS)


def changed(change: Callable[[schema.ModelT], None]) -> bytes:
    """Return ``GOOD`` with one signature, one entry of metadata and a change."""
    built = schema.ModelT.InitFromPackedBuf(GOOD, 0)
    for part in (built.subgraphs[0], *built.subgraphs[0].operators):
        part.inputs, part.outputs = list(part.inputs), list(part.outputs)
    signature, entry = schema.SignatureDefT(), schema.TensorMapT()
    signature.inputs, signature.outputs = [entry], [entry]
    built.signatureDefs, built.metadata = [signature], [schema.MetadataT()]
    change(built)
    return pack(built)


def operator_of(built: schema.ModelT, name: str = "ADD") -> schema.OperatorT:
    return built.subgraphs[0].operators[list(OPERATORS.values()).index(name)]


def test_the_operator_numbers_match_the_schema() -> None:
    assert {number: getattr(schema.BuiltinOperator, name) for number, name in OPERATORS.items()} == {
        number: number for number in OPERATORS
    }


def test_arithmetic_operators_are_allowed() -> None:
    check_graph(GOOD)


def test_a_complete_file_passes() -> None:
    check_graph(changed(lambda built: None))


def test_a_fully_connected_layer_needs_no_bias() -> None:
    check_graph(changed(lambda built: setattr(operator_of(built, "FULLY_CONNECTED"), "inputs", [0, 1, -1])))


@pytest.mark.parametrize("name", OPERATORS.values())
@pytest.mark.parametrize("part", ["inputs", "outputs"])
@pytest.mark.parametrize("tensors", [[], [0] * 5], ids=["none", "five"])
def test_an_operator_with_another_number_of_tensors_is_refused(name: str, part: str, tensors: list[int]) -> None:
    data = changed(lambda built: setattr(operator_of(built, name), part, tensors))

    with pytest.raises(EngineError, match=rf"an operator {name} of the graph has .* inputs and .* outputs, expected"):
        check_graph(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda built: setattr(operator_of(built), "inputs", [0, 5]), "the tensor 5, but has 5"),
        (lambda built: setattr(operator_of(built), "inputs", [0, -1]), "the tensor -1"),
        (lambda built: setattr(operator_of(built), "outputs", [-1]), "the tensor -1"),
        (lambda built: setattr(operator_of(built, "FULLY_CONNECTED"), "inputs", [0, -1, 1]), "the tensor -1"),
        (lambda built: setattr(operator_of(built), "opcodeIndex", 999), "the operator code 999"),
        (lambda built: setattr(operator_of(built), "intermediates", [1]), "intermediate tensors"),
        (lambda built: setattr(operator_of(built), "largeCustomOptionsOffset", 8), "custom options"),
        (lambda built: setattr(built.subgraphs[0], "inputs", [5]), "the tensor 5"),
        (lambda built: setattr(built.subgraphs[0], "outputs", [-1]), "the tensor -1"),
        (lambda built: setattr(built.subgraphs[0].tensors[3], "buffer", 2), "the buffer 2, but has 2"),
        (lambda built: setattr(built.metadata[0], "buffer", 2), "the buffer 2"),
        (lambda built: setattr(built.signatureDefs[0], "subgraphIndex", 1), "the graph 1, but has 1"),
        (lambda built: setattr(built.signatureDefs[0].outputs[0], "tensorIndex", 5), "the tensor 5"),
        (lambda built: built.signatureDefs.append(built.signatureDefs[0]), "2 signatures"),
    ],
)
def test_an_index_out_of_range_is_refused(change: Callable[[schema.ModelT], None], reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        check_graph(changed(change))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (model(ADD, WHILE), "the operator 119"),
        (model(CALL_ONCE), "the operator 129"),
        (model(CUSTOM, custom="Evil"), "the operator 32"),
        (model(ADD, custom="Evil"), "the operator 0"),
        (model(ADD, n_graphs=2), "2 graphs"),
        (model(ADD, n_graphs=0), "0 graphs"),
        (model(), "expected one graph with operators"),
        (model(ADD, outside=4096), "outside its tables"),
        (model(ADD, external=1), "outside its tables"),
        (b"", "not a TFLite graph"),
        (b"\xff" * 64, "not a TFLite graph"),
    ],
    ids=[
        "while",
        "call once",
        "custom",
        "custom name",
        "two",
        "none",
        "empty",
        "offset",
        "external",
        "nothing",
        "junk",
    ],
)
def test_a_file_with_other_content_is_rejected(data: bytes, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        check_graph(data)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=6))
def test_any_bytes_are_accepted_or_raise_an_engine_error(at: int, changed: bytes) -> None:
    with contextlib.suppress(EngineError):
        check_graph(GOOD[:at] + changed + GOOD[at + len(changed) :])
