"""Which TFLite files are passed to a library."""

import contextlib

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.engines.tflite_graph import OPERATORS, check_graph
from edge_runtime.errors import EngineError

ADD, WHILE, CALL_ONCE, CUSTOM = 0, 119, 129, 32


def model(*codes: int, n_graphs: int = 1, custom: str | None = None, outside: int = 0, external: int = 0) -> bytes:
    """Return a file with these operators, too incomplete to run."""
    built = schema.ModelT()
    built.version = 3
    built.operatorCodes = [operator(code, custom) for code in codes]
    built.subgraphs = [schema.SubGraphT() for _ in range(n_graphs)]
    buffer = schema.BufferT()
    buffer.offset, buffer.size = outside, outside
    built.buffers = [schema.BufferT(), buffer]
    built.externalBuffers = [schema.ExternalBufferT() for _ in range(external)]
    builder = flatbuffers.Builder()
    builder.Finish(built.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator(code: int, custom: str | None) -> schema.OperatorCodeT:
    built = schema.OperatorCodeT()
    built.builtinCode = code
    built.deprecatedBuiltinCode = min(code, 127)
    built.customCode = custom
    return built


GOOD = model(*OPERATORS)


def test_the_operator_numbers_match_the_schema() -> None:
    assert {number: getattr(schema.BuiltinOperator, name) for number, name in OPERATORS.items()} == {
        number: number for number in OPERATORS
    }


def test_arithmetic_operators_are_allowed() -> None:
    check_graph(GOOD)


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
