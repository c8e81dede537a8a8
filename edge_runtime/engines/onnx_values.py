"""Checks which values of an ONNX graph may become shapes (SPEC section 3).

Integers come from the bounded constants and from ``Shape``; nothing computes with them, so none exceeds both the
constants and the dimensions of a tensor that exists.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from edge_runtime.errors import EngineError

MAX_JOINED: Final = 4
"""Maximum number of inputs of ``Concat``, which only joins the dimensions of a shape."""
MOVES: Final = ("Gather", "Reshape", "Slice", "Transpose", "Trilu", "Unsqueeze")
"""Operators whose output has the type of their first input, and that may move integers."""


class Node(NamedTuple):
    """One operator with the names of its inputs and outputs; an empty name is an optional one left out."""

    operator: str
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]


def check_values(nodes: Iterable[Node], constants: Iterable[bytes]) -> None:
    """Check the flow of integers through a graph.

    Args:
        nodes: in topological order.
        constants: names of the integer constants.

    Raises:
        EngineError: a node uses a later value, computes with integers, or joins or gathers other than allowed.
    """
    nodes, constants = list(nodes), frozenset(constants)
    integers, joined = set(constants), set[bytes]()
    later = {name for node in nodes for name in node.outputs if name}
    for node in nodes:
        if not later.isdisjoint(node.inputs):
            raise EngineError(f"an operator {node.operator} of the graph uses a value before it is computed")
        later.difference_update(node.outputs)
        _check_node(node, constants, integers, joined)
        first = node.inputs[:1]
        if node.operator in ("Shape", "Concat") or (node.operator in MOVES and not integers.isdisjoint(first)):
            integers.update(node.outputs)
        if node.operator == "Concat" or (node.operator in MOVES and not joined.isdisjoint(first)):
            joined.update(node.outputs)


def _check_node(node: Node, constants: frozenset[bytes], integers: set[bytes], joined: set[bytes]) -> None:
    operator, inputs = node.operator, node.inputs
    if operator == "Concat":
        if len(inputs) > MAX_JOINED or not integers.issuperset(inputs) or not joined.isdisjoint(inputs):
            raise EngineError(f"the graph joins other values than at most {MAX_JOINED} integers of a shape")
    elif operator == "Gather":
        if not constants.issuperset(inputs[1:]):
            raise EngineError("the graph gathers by computed indices, expected constants")
    elif operator == "Expand":
        inputs = inputs[:1]
    if operator not in (*MOVES, "Concat", "Shape", "Cast") and not integers.isdisjoint(inputs):
        raise EngineError(f"the graph computes with integers ({operator}), which is not allowed")
