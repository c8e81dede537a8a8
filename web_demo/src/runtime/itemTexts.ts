/** Decompresses and parses columns of items, up to the limits of SPEC section 6. */

import type { FactField } from "./bundleJson";
import type { Bytes } from "./bytes";
import {
  INFLATED_BYTES,
  INFLATED_BYTES_PER_ITEM,
  MAX_INFLATED_BYTES,
  MAX_VALUES,
  MAX_VALUES_PER_ITEM,
} from "./constants";
import { BundleError } from "./errors";
import { Fields } from "./fields";
import { inflate } from "./inflate";
import { parseJson } from "./json";

const FILE = "items.json.z";

/** The texts of one file; the limits hold for all of them together. */
export class ItemTexts {
  private bytesLeft: number;
  private valuesLeft: number;

  constructor(private readonly nItems: number) {
    this.bytesLeft = Math.min(MAX_INFLATED_BYTES, INFLATED_BYTES + INFLATED_BYTES_PER_ITEM * nItems);
    this.valuesLeft = MAX_VALUES + MAX_VALUES_PER_ITEM * nItems;
  }

  /**
   * Read the object of one stream.
   *
   * @throws BundleError it is no zlib stream of JSON, or exceeds a limit.
   */
  async read(stream: Bytes): Promise<Fields> {
    const text = await inflate(stream, "deflate", this.bytesLeft, FILE);
    this.bytesLeft -= text.length;
    this.count(text);
    return Fields.of(parseJson(text, FILE), FILE);
  }

  /** Limit the number of values before parsing, by counting commas and opening brackets. */
  private count(text: Uint8Array): void {
    for (const byte of text) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) this.valuesLeft -= 1;
    if (this.valuesLeft < 0) {
      throw new BundleError(`${FILE}: has too many commas and opening brackets for ${this.nItems} items`);
    }
  }
}

/** @throws BundleError an index is outside the values of a fact. */
export function checkIndices(name: string, { values, rows }: FactField): void {
  if (rows.some((row) => row.some((index) => index < 0 || index >= values.length))) {
    throw new BundleError(`${FILE}: field ${name} has an index outside its values`);
  }
}
