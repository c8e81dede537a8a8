/**
 * Checks what an ONNX file may compute (SPEC section 3) before a library parses it: arithmetic, no control flow, no custom
 * operators, no external files. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */

import type { Encoder } from "./bundleJson";
import type { Bytes } from "./bytes";
import { MAX_FEED, MAX_ONNX_RANK, ONNX_DOMAINS, ONNX_OPERATORS } from "./constants";
import { EngineError } from "./errors";
import { checkValues, type Node } from "./onnxValues";
import { BYTES, FIXED32, type Field, Reader, VARINT } from "./protobuf";

/** Allowed fields by message, with their wire types. */
const strings = (...numbers: number[]): [number, number][] => numbers.map((number) => [number, BYTES]);
const varints = (...numbers: number[]): [number, number][] => numbers.map((number) => [number, VARINT]);
const MODEL = new Map([...strings(2, 3, 4, 6, 7, 8), ...varints(1, 5)]);
const OPSET = new Map([...strings(1), ...varints(2)]);
const GRAPH = new Map(strings(1, 2, 5, 10, 11, 12));
const NODE = new Map(strings(1, 2, 3, 4, 5, 6, 7));
const ATTRIBUTE = new Map([...strings(4), ...varints(3, 8, 20), ...strings(1), [2, FIXED32] as const]);
const TENSOR = new Map([...strings(8, 9, 12, 13), ...varints(1, 2, 14)]);

/** Data type of a tensor (float32, int8, int64) to bytes per element. */
const TENSOR_TYPES = new Map([
  [1, 4],
  [3, 1],
  [7, 8],
]);
const FLOAT = 1;
const INT64 = 7;
const TO_THE_END = [2n ** 63n - 1n, -(2n ** 63n)];

/**
 * Check every operator and every tensor of an ONNX file.
 *
 * @param sizes the encoder's sizes in the manifest; they bound the constants of the graph.
 * @throws EngineError it is not an ONNX file, or contains something that an encoder does not need.
 */
export function checkGraph(data: Bytes, sizes: Encoder): void {
  const walk = new Walk(data, sizes);
  if (walk.text(4, 8) === "ORTM") throw new EngineError("the graph is in ONNX Runtime's own format, expected ONNX");
  walk.model();
}

class Walk {
  private readonly reader: Reader;
  private readonly nodes: Node[] = [];
  private readonly integers = new Set<string>();
  private readonly decoder = new TextDecoder("latin1");

  constructor(
    private readonly data: Bytes,
    private readonly sizes: Encoder,
  ) {
    this.reader = new Reader(data);
  }

  model(): void {
    for (const field of this.reader.fields("ModelProto", MODEL, 0, this.data.length)) {
      if (field.number === 7) this.graph(field);
      if (field.number === 8) this.opset(field);
    }
    if (this.nodes.length === 0) throw new EngineError("the file has no operator: it is not an ONNX graph");
    checkValues(this.nodes, this.integers);
  }

  /** One character for each byte, so that different names stay different. */
  text(start: number, stop: number): string {
    return this.decoder.decode(this.data.subarray(start, stop));
  }

  private opset({ start, stop }: Field): void {
    for (const field of this.reader.fields("OperatorSetIdProto", OPSET, start, stop)) {
      if (field.number === 1) this.checkDomain(field);
    }
  }

  private graph({ start, stop }: Field): void {
    for (const field of this.reader.fields("GraphProto", GRAPH, start, stop)) {
      if (field.number === 1) this.nodes.push(this.node(field));
      if (field.number === 5) this.tensor(field);
    }
  }

  private node({ start, stop }: Field): Node {
    const fields = [...this.reader.fields("NodeProto", NODE, start, stop)];
    const all = (number: number) => fields.filter((field) => field.number === number);
    const texts = (number: number) => all(number).map((field) => this.text(field.start, field.stop));
    const operator = texts(4).at(-1) ?? "";
    if (!ONNX_OPERATORS.includes(operator)) {
      throw new EngineError(`the graph has the operator ${JSON.stringify(operator.slice(0, 60))}, not allowed here`);
    }
    for (const field of all(7)) this.checkDomain(field);
    for (const field of all(5)) this.attribute(field, operator);
    return { operator, inputs: texts(1), outputs: texts(2) };
  }

  private attribute({ start, stop }: Field, operator: string): void {
    for (const { number, value } of this.reader.fields("AttributeProto", ATTRIBUTE, start, stop)) {
      if (operator === "Cast" && number === 3 && value !== FLOAT) {
        throw new EngineError(`the graph casts to the type ${value}, expected ${FLOAT} (float32)`);
      }
    }
  }

  private tensor({ start, stop }: Field): void {
    const fields = [...this.reader.fields("TensorProto", TENSOR, start, stop)];
    const last = (number: number) => fields.findLast((field) => field.number === number);
    if (last(13) !== undefined || last(14) !== undefined) {
      throw new EngineError("a tensor of the graph has external data, which is not allowed");
    }
    const kind = last(2)?.value ?? 0;
    const dims = fields.filter(({ number }) => number === 1).map(({ value }) => value);
    const values = last(9) ?? { start: 0, stop: 0 };
    const nElements = dims.reduce((product, dim) => product * dim, 1);
    const nBytes = nElements * (TENSOR_TYPES.get(kind) ?? Number.NaN);
    if (dims.length > MAX_ONNX_RANK || nBytes !== values.stop - values.start) {
      throw new EngineError(
        `a tensor of the graph has the type ${kind} and the shape ${dims.slice(0, 9)}, not its bytes`,
      );
    }
    const most = this.sizes.dim * Math.max(this.sizes.maxLength, this.sizes.dim, MAX_FEED);
    if (nElements > most) throw new EngineError(`a tensor of the graph has ${nElements} elements, at most ${most} fit`);
    if (kind !== INT64) return;
    this.checkIntegers(values.start, nElements);
    const name = last(8);
    this.integers.add(name === undefined ? "" : this.text(name.start, name.stop));
  }

  /** Check a constant that can be a shape, an axis or a bound of a slice. */
  private checkIntegers(start: number, count: number): void {
    const { maxLength, dim, nPrompts } = this.sizes;
    const view = new DataView(this.data.buffer, this.data.byteOffset + start);
    const integers = Array.from({ length: Math.min(count, MAX_ONNX_RANK + 1) }, (_, i) =>
      view.getBigInt64(8 * i, true),
    );
    if (integers.length === 1 && integers.every((value) => TO_THE_END.includes(value))) return;
    const sizes = integers.map((value) => Math.abs(Number(value)));
    const largest = Math.max(maxLength, dim, nPrompts);
    const product = sizes.reduce((total, size) => total * (size || 1), 1);
    if (
      count > MAX_ONNX_RANK ||
      sizes.some((size) => size > largest) ||
      product > maxLength * Math.max(maxLength, dim)
    ) {
      throw new EngineError(`the graph has the integers ${integers}, more than the encoder's sizes allow`);
    }
  }

  private checkDomain({ start, stop }: Field): void {
    const domain = this.text(start, stop);
    if (!ONNX_DOMAINS.includes(domain)) {
      throw new EngineError(
        `the graph has operators of the domain ${JSON.stringify(domain.slice(0, 60))}, not allowed`,
      );
    }
  }
}
