/** Titles and facts of a large catalogue as arrays of texts (SPEC section 12). The search index is Python's. */

import { type Arrays, take } from "./arrays";
import type { FactField, ItemColumns } from "./bundleJson";
import { MAX_FACT, MAX_FACTS, MAX_ID, MAX_TITLE } from "./constants";
import { BundleError } from "./errors";

const FILE = "items.safetensors";
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * All columns, in memory.
 *
 * @throws BundleError the arrays violate SPEC section 12.
 */
export function readItemTable(arrays: Arrays, nItems: number): ItemColumns {
  const itemId = texts(arrays, "item_id", nItems, { min: 1, max: MAX_ID });
  const title = texts(arrays, "title", nItems, { min: 1, max: MAX_TITLE });
  const names = texts(arrays, "fact", nRows(arrays, "fact"), { min: 0, max: MAX_FACT });
  if (names.length > MAX_FACTS) throw new BundleError(`${FILE}: ${names.length} facts, at most ${MAX_FACTS}`);
  const fields = new Map(names.map((name, index) => [name, factField(arrays, index, nItems)]));
  if (fields.size !== names.length) throw new BundleError(`${FILE}: two facts have the same name`);
  take(arrays, "item_id.order", "U32", [nItems], FILE);
  const nTexts = nItems + [...fields.values()].reduce((sum, { values }) => sum + values.length, 0);
  take(arrays, "n_words", "U8", [nTexts], FILE);
  return { itemId, title, fields };
}

function factField(arrays: Arrays, index: number, nItems: number): FactField {
  const column = `value.${index}`;
  const values = texts(arrays, column, nRows(arrays, column), { min: 0, max: MAX_FACT });
  const name = `entry.${index}`;
  const entries = take(arrays, name, "U32", [lengthOf(arrays, name)], FILE);
  const bounds = spans(arrays, name, nItems, entries.length);
  const rows = Array.from({ length: nItems }, (_, row) => [...entries.subarray(bounds[row], bounds[row + 1])]);
  return { values, rows };
}

function texts(arrays: Arrays, name: string, n: number, length: { min: number; max: number }): string[] {
  const data = take(arrays, name, "U8", [lengthOf(arrays, name)], FILE);
  const bounds = spans(arrays, name, n, data.length);
  return Array.from({ length: n }, (_, index) => {
    const bytes = data.subarray(bounds[index], bounds[index + 1]);
    const text = decoded(bytes, `${FILE}: text ${index} of ${name}`);
    // At least one UTF-16 unit a character, and at most two: counted only where the number of units does not decide.
    const nCharacters = text.length <= length.max ? Math.min(text.length, length.max) : [...text].length;
    if (nCharacters < length.min || nCharacters > length.max) {
      throw new BundleError(`${FILE}: text ${index} of ${name} has ${nCharacters} characters`);
    }
    return text;
  });
}

function decoded(bytes: Uint8Array, what: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new BundleError(`${what} is not UTF-8`);
  }
}

/** The starts of `n` rows, which cover the entries in ascending order. */
function spans(arrays: Arrays, name: string, n: number, nEntries: number): Uint32Array {
  const starts = take(arrays, `${name}.start`, "U32", [n + 1], FILE);
  const ascend = starts.every((start, index) => index === 0 || start >= (starts[index - 1] ?? 0));
  if (starts[0] !== 0 || starts[n] !== nEntries || !ascend) {
    throw new BundleError(`${FILE}: the starts of ${name} do not cover its ${nEntries} entries in ascending order`);
  }
  return starts;
}

/** The number of rows of a column whose length the manifest does not state. */
function nRows(arrays: Arrays, name: string): number {
  return Math.max(0, lengthOf(arrays, `${name}.start`) - 1);
}

function lengthOf(arrays: Arrays, name: string): number {
  return arrays.get(name)?.shape.reduce((product, n) => product * n, 1) ?? 0;
}
