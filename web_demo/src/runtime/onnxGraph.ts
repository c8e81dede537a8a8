/**
 * Checks what an ONNX file may compute (SPEC section 3) before a library parses it: arithmetic, no control flow, no custom
 * operators, no external files. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */

import { EngineError } from "./errors";
import type { Bytes } from "./json";
import { MAX_ONNX_FIELDS, ONNX_DOMAINS, ONNX_OPERATORS } from "./limits";

const NO_GRAPH = "the file is truncated, or not an ONNX graph";
const BYTES = 2;

/** Field numbers by message type. */
const MODEL = { graph: 7, training: 20, functions: 25 };
const GRAPH = { node: 1, initializer: 5, sparse: 15 };
const NODE = { operator: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { tensors: [5, 10], refused: [6, 11, 22, 23] };
const TENSOR = { external: [13, 14] };

interface Field {
  readonly number: number;
  readonly wire: number;
  readonly start: number;
  readonly stop: number;
}

/**
 * Check every operator and every tensor of an ONNX file.
 *
 * @throws EngineError it is not an ONNX file, or contains something that an encoder does not need.
 */
export function checkGraph(data: Bytes): void {
  const walk = new Walk(data);
  if (walk.text(4, 8) === "ORTM") throw new EngineError("the graph is in ONNX Runtime's own format, expected ONNX");
  walk.model();
}

class Walk {
  private nFields = 0;

  constructor(private readonly data: Bytes) {}

  model(): void {
    let nOperators = 0;
    for (const { number, start, stop } of this.messages(0, this.data.length)) {
      if (number === MODEL.training || number === MODEL.functions) {
        throw new EngineError("the file contains functions or training information, which are not allowed");
      }
      if (number === MODEL.graph) nOperators += this.graph(start, stop);
    }
    if (nOperators === 0) throw new EngineError("the file has no operator: it is not an ONNX graph");
  }

  text(start: number, stop: number): string {
    return new TextDecoder().decode(this.data.subarray(start, Math.min(stop, start + 100)));
  }

  private graph(from: number, to: number): number {
    let nOperators = 0;
    for (const { number, start, stop } of this.messages(from, to)) {
      if (number === GRAPH.sparse) throw new EngineError("the graph contains a sparse tensor, which is not allowed");
      if (number === GRAPH.initializer) this.tensor(start, stop);
      if (number === GRAPH.node) {
        this.node(start, stop);
        nOperators += 1;
      }
    }
    return nOperators;
  }

  private node(from: number, to: number): void {
    let name = "";
    for (const { number, start, stop } of this.messages(from, to)) {
      if (number === NODE.operator) {
        name = this.text(start, stop);
        checkOperator(name);
      }
      if (number === NODE.domain && !ONNX_DOMAINS.includes(this.text(start, stop))) {
        throw new EngineError("the graph has a custom operator, which is not allowed");
      }
      if (number === NODE.attribute) this.attribute(start, stop);
    }
    checkOperator(name);
  }

  private attribute(from: number, to: number): void {
    for (const { number, start, stop } of this.messages(from, to)) {
      if (ATTRIBUTE.refused.includes(number)) {
        throw new EngineError("an operator of the graph contains a subgraph or a sparse tensor, which is not allowed");
      }
      if (ATTRIBUTE.tensors.includes(number)) this.tensor(start, stop);
    }
  }

  private tensor(from: number, to: number): void {
    for (const { number } of this.fields(from, to)) {
      if (TENSOR.external.includes(number)) {
        throw new EngineError("a tensor of the graph is in another file (external data), which is not allowed");
      }
    }
  }

  /** The fields that are messages, strings or bytes. */
  private *messages(start: number, stop: number): Generator<Field> {
    for (const field of this.fields(start, stop)) if (field.wire === BYTES) yield field;
  }

  private *fields(start: number, stop: number): Generator<Field> {
    for (let at = start; at < stop; ) {
      this.nFields += 1;
      if (this.nFields > MAX_ONNX_FIELDS) throw new EngineError(`the graph has more than ${MAX_ONNX_FIELDS} fields`);
      const key = this.varint(at, stop);
      const wire = key.value % 8;
      const extent = this.extent(wire, key.next, stop);
      if (extent.stop > stop || key.value < 8) throw new EngineError(NO_GRAPH);
      yield { number: Math.floor(key.value / 8), wire, ...extent };
      at = extent.stop;
    }
  }

  /** The start and the end of a field's value. */
  private extent(wire: number, at: number, stop: number): { start: number; stop: number } {
    switch (wire) {
      case 0:
        return { start: at, stop: this.varint(at, stop).next };
      case 1:
        return { start: at, stop: at + 8 };
      case BYTES: {
        const { value, next } = this.varint(at, stop);
        return { start: next, stop: next + value };
      }
      case 5:
        return { start: at, stop: at + 4 };
      default:
        throw new EngineError(NO_GRAPH);
    }
  }

  /** A varint of at most ten bytes; inexact above 2^53, which as a length is beyond the end of the file anyway. */
  private varint(at: number, stop: number): { value: number; next: number } {
    let value = 0;
    for (let i = 0; i < 10 && at + i < stop; i++) {
      const byte = this.data[at + i] as number;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return { value, next: at + i + 1 };
    }
    throw new EngineError(NO_GRAPH);
  }
}

function checkOperator(name: string): void {
  if (!ONNX_OPERATORS.includes(name))
    throw new EngineError(`the graph has the operator ${JSON.stringify(name)}, which is not allowed`);
}
