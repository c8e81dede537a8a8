/**
 * Reads the fields of a protobuf message strictly: what two parsers could read differently is refused. ONNX Runtime's
 * parser cuts a tag to 32 bits, so a longer tag would hide a field from a reader that keeps all of its bits.
 */

import type { Bytes } from "./bytes";
import { MAX_ONNX_FIELDS } from "./constants";
import { EngineError } from "./errors";

export const VARINT = 0;
export const BYTES = 2;
export const FIXED32 = 5;

const MAX_TAG = 2 ** 32;
const NO_GRAPH = "the file is truncated, or not an ONNX graph";

/** One field: its number, the start and stop of its bytes, and its value if it is a varint. */
export interface Field {
  readonly number: number;
  readonly start: number;
  readonly stop: number;
  readonly value: number;
}

export class Reader {
  private nFields = 0;

  constructor(private readonly data: Bytes) {}

  /**
   * The fields of one message.
   *
   * @param message name of the message, for errors.
   * @param allowed field number to wire type; every other field is refused.
   * @throws EngineError a field is not allowed, or not in its shortest encoding.
   */
  *fields(message: string, allowed: ReadonlyMap<number, number>, start: number, stop: number): Generator<Field> {
    for (let offset = start; offset < stop; ) {
      this.nFields += 1;
      if (this.nFields > MAX_ONNX_FIELDS) throw new EngineError(`the graph has more than ${MAX_ONNX_FIELDS} fields`);
      const { value: tag, next } = this.varint(offset, stop);
      const number = Math.floor(tag / 8);
      const wire = tag % 8;
      if (tag >= MAX_TAG || allowed.get(number) !== wire) {
        throw new EngineError(
          `the graph has the field ${number} of wire type ${wire} in a ${message}, not allowed here`,
        );
      }
      const field = this.field(number, wire, next, stop);
      if (field.stop > stop) throw new EngineError(NO_GRAPH);
      yield field;
      offset = field.stop;
    }
  }

  private field(number: number, wire: number, offset: number, stop: number): Field {
    if (wire === FIXED32) return { number, start: offset, stop: offset + 4, value: 0 };
    const { value, next } = this.varint(offset, stop);
    if (wire === VARINT) return { number, start: offset, stop: next, value };
    return { number, start: next, stop: next + value, value: 0 };
  }

  /**
   * A number in its shortest encoding, at most ten bytes, and the offset behind it. Beyond 2^53 it is not exact, and
   * every value that matters here is refused long before.
   */
  private varint(offset: number, stop: number): { value: number; next: number } {
    let value = 0;
    for (let index = 0; index < 10 && offset + index < stop; index++) {
      const byte = this.data[offset + index] ?? 0;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte >= 0x80) continue;
      if ((index === 9 && byte > 1) || (index > 0 && byte === 0)) break;
      return { value, next: offset + index + 1 };
    }
    throw new EngineError(NO_GRAPH);
  }
}
