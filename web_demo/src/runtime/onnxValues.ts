/**
 * Checks which values of an ONNX graph may become shapes (SPEC section 3): integers come from the bounded constants and
 * from `Shape`, and nothing computes with them.
 */

import { MAX_ONNX_JOINED, ONNX_MOVES } from "./constants";
import { EngineError } from "./errors";

/** One operator with the names of its inputs and outputs; an empty name is an optional one left out. */
export interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface Names {
  readonly constants: ReadonlySet<string>;
  readonly integers: Set<string>;
  readonly joined: Set<string>;
}

/**
 * Check the flow of integers through a graph.
 *
 * @param nodes in topological order.
 * @param constants names of the integer constants.
 * @throws EngineError a node uses a later value, computes with integers, or joins or gathers other than allowed.
 */
export function checkValues(nodes: readonly Node[], constants: ReadonlySet<string>): void {
  const names: Names = { constants, integers: new Set(constants), joined: new Set() };
  const later = new Set(nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== ""));
  for (const node of nodes) {
    if (node.inputs.some((name) => later.has(name))) {
      throw new EngineError(`an operator ${node.operator} of the graph uses a value before it is computed`);
    }
    for (const name of node.outputs) later.delete(name);
    checkNode(node, names);
    remember(node, names);
  }
}

function remember({ operator, inputs, outputs }: Node, { integers, joined }: Names): void {
  const moves = (names: Set<string>) => ONNX_MOVES.includes(operator) && names.has(inputs[0] ?? "");
  const isInteger = operator === "Shape" || operator === "Concat" || moves(integers);
  const isJoined = operator === "Concat" || moves(joined);
  for (const name of outputs) {
    if (isInteger) integers.add(name);
    if (isJoined) joined.add(name);
  }
}

function checkNode({ operator, inputs }: Node, { constants, integers, joined }: Names): void {
  if (operator === "Concat") {
    if (inputs.length > MAX_ONNX_JOINED || inputs.some((name) => !integers.has(name) || joined.has(name))) {
      throw new EngineError(`the graph joins other values than at most ${MAX_ONNX_JOINED} integers of a shape`);
    }
  } else if (operator === "Gather") {
    if (inputs.slice(1).some((name) => !constants.has(name))) {
      throw new EngineError("the graph gathers by computed indices, expected constants");
    }
  } else if (![...ONNX_MOVES, "Shape", "Cast"].includes(operator)) {
    const checked = operator === "Expand" ? inputs.slice(0, 1) : inputs;
    if (checked.some((name) => integers.has(name))) {
      throw new EngineError(`the graph computes with integers (${operator}), which is not allowed`);
    }
  }
}
