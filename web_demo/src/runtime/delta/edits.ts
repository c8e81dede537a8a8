/** Changed, inserted and removed rows of a table of bytes (SPEC section 13). */

import type { Bytes } from "../bytes";
import { MAX_EDITS } from "../constants";
import type { Cursor } from "./cursor";

/** What becomes of the rows of a table: each edit skips rows, leaves out some, and puts new ones there. */
interface Edits {
  readonly skip: Float64Array;
  readonly remove: Float64Array;
  readonly insert: Float64Array;
  /** The new rows, with all first bytes in front. */
  readonly values: Bytes;
  readonly nInserted: number;
}

/**
 * Read edits and apply them.
 *
 * @param old the older table.
 * @param nNew number of rows of the newer one.
 * @param width bytes of a row.
 * @param maxValue largest byte of a new row.
 * @throws DeltaError the edits do not lead from the older table to one of `nNew` rows.
 */
export function edited(cursor: Cursor, old: Bytes, nNew: number, width: number, maxValue = 255): Bytes {
  const edits = readEdits(cursor, old.length / width, nNew, width);
  if (maxValue < 255 && edits.values.some((value) => value > maxValue)) {
    throw cursor.error(`found a value above ${maxValue}`);
  }
  return apply(edits, old, nNew, width);
}

function readEdits(cursor: Cursor, nOld: number, nNew: number, width: number): Edits {
  const n = cursor.number();
  if (n > MAX_EDITS) throw cursor.error(`found ${n} edits, expected at most ${MAX_EDITS}`);
  const skip = cursor.numbers(n);
  const remove = cursor.numbers(n);
  const insert = cursor.numbers(n);
  if (skip.subarray(1).includes(0)) throw cursor.error("found two edits at the same row, expected one");
  const nRemoved = sum(remove);
  const nUsed = sum(skip) + nRemoved;
  const nInserted = sum(insert);
  if (nUsed > nOld || nOld - nRemoved + nInserted !== nNew) {
    throw cursor.error(
      `found edits of ${nUsed} rows that lead to ${nOld - nRemoved + nInserted}, expected edits of at most ${nOld} rows ` +
        `that lead to ${nNew}`,
    );
  }
  return { skip, remove, insert, values: cursor.take(nInserted * width), nInserted };
}

function apply({ skip, remove, insert, values, nInserted }: Edits, old: Bytes, nNew: number, width: number): Bytes {
  const made = new Uint8Array(nNew * width);
  let from = 0;
  let to = 0;
  let next = 0;
  const copy = (stop: number) => {
    made.set(old.subarray(from, stop), to);
    to += stop - from;
    from = stop;
  };
  for (const [index, nSkipped] of skip.entries()) {
    copy(from + nSkipped * width);
    from += (remove[index] ?? 0) * width;
    for (const last = next + (insert[index] ?? 0); next < last; next++) {
      for (let byte = 0; byte < width; byte++) made[to++] = values[byte * nInserted + next] ?? 0;
    }
  }
  copy(old.length);
  return made;
}

function sum(numbers: Float64Array): number {
  return numbers.reduce((total, one) => total + one, 0);
}
