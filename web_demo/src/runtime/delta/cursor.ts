/** Reads the numbers and bytes of a delta pack in order (SPEC section 13). */

import type { Bytes } from "../bytes";
import { MAX_NUMBER_BYTES } from "../constants";
import { DeltaError } from "../errors";

export class Cursor {
  private at = 0;

  /** @param source names the data in errors. */
  constructor(
    private readonly data: Bytes,
    private readonly source: string,
  ) {}

  /** A view of the next bytes. */
  take(nBytes: number): Bytes {
    const left = this.data.length - this.at;
    if (nBytes > left) throw this.error(`found ${left} bytes, expected ${nBytes} more`);
    this.at += nBytes;
    return this.data.subarray(this.at - nBytes, this.at);
  }

  /** The next number, which has at most 49 bits. */
  number(): number {
    let value = 0;
    let weight = 1;
    for (let index = 0; index < MAX_NUMBER_BYTES; index++) {
      const byte = this.data[this.at];
      if (byte === undefined) throw this.error("found the end, expected a number");
      this.at += 1;
      value += (byte & 127) * weight;
      if (byte < 128) return value;
      weight *= 128;
    }
    throw this.error(`found a number of more than ${MAX_NUMBER_BYTES} bytes`);
  }

  /** The next numbers. */
  numbers(n: number): Float64Array {
    const left = this.data.length - this.at;
    if (n > left) throw this.error(`found ${left} bytes, expected ${n} numbers`);
    return new Float64Array(n).map(() => this.number());
  }

  /** Check that everything was read. */
  end(): void {
    const left = this.data.length - this.at;
    if (left > 0) throw this.error(`found ${left} bytes after the end`);
  }

  error(problem: string): DeltaError {
    return new DeltaError(this.source, problem);
  }
}
