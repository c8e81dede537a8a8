/** How one table of bytes becomes another: whole, by edits of rows or of half bytes, or by differences (SPEC section 13). */

import type { Bytes } from "../bytes";
import type { Cursor } from "./cursor";
import { edited } from "./edits";
import type { Form, Table } from "./tables";

const FULL = 0;
const ROWS = 1;
const NIBBLES = 2;
const SUB = 3;

/**
 * Read one change and return the bytes of the newer tensor.
 *
 * @param nBytes how many they are.
 * @param old the tensor of the same name in the older file, if it has one.
 * @throws DeltaError the change is malformed, or needs another tensor than `old`.
 */
export function changed(cursor: Cursor, form: Form, nBytes: number, old: Table | undefined): Bytes {
  const code = cursor.take(1)[0];
  if (code === FULL) return cursor.take(nBytes);
  if (old === undefined || old.form.key !== form.key || form.width === 0) {
    throw cursor.error(`found the operation ${code}, which needs the older tensor in the form ${form.key}`);
  }
  switch (code) {
    case ROWS:
      return edited(cursor, old.data, nBytes / form.width, form.width);
    case NIBBLES:
      return joined(edited(cursor, halves(old.data), 2 * nBytes, 1, 15));
    case SUB: {
      const nSame = Math.min(nBytes, old.data.length);
      const made = new Uint8Array(nBytes);
      addDifferences(made, old.data.subarray(0, nSame), cursor.take(nSame), form.itemBytes);
      made.set(cursor.take(nBytes - nSame), nSame);
      return made;
    }
    default:
      throw cursor.error(`found the operation ${code}, expected ${FULL} to ${SUB}`);
  }
}

/** Add zig-zag differences in byte planes to the numbers of the older table. */
function addDifferences(made: Bytes, old: Bytes, planes: Bytes, itemBytes: number): void {
  const n = old.length / itemBytes;
  const read = (bytes: Bytes, start: number, step: number) => {
    let value = 0;
    for (let byte = 0; byte < itemBytes; byte++) value |= (bytes[start + byte * step] ?? 0) << (8 * byte);
    return value;
  };
  for (let index = 0; index < n; index++) {
    const folded = read(planes, index, n);
    const value = read(old, index * itemBytes, 1) + ((folded >>> 1) ^ -(folded & 1));
    for (let byte = 0; byte < itemBytes; byte++) made[index * itemBytes + byte] = value >> (8 * byte);
  }
}

/** Half bytes, the low one of each byte first. */
function halves(data: Bytes): Bytes {
  const made = new Uint8Array(2 * data.length);
  for (let index = 0; index < data.length; index++) {
    const byte = data[index] ?? 0;
    made[2 * index] = byte & 15;
    made[2 * index + 1] = byte >> 4;
  }
  return made;
}

function joined(nibbles: Bytes): Bytes {
  return new Uint8Array(nibbles.length / 2).map(
    (_, index) => (nibbles[2 * index] ?? 0) | ((nibbles[2 * index + 1] ?? 0) << 4),
  );
}
