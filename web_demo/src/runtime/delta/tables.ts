/** A file as tables of bytes: each tensor of a safetensors file, or the whole of another file (SPEC section 13). */

import { type Entry, readEntries, splitArrays } from "../arrays";
import type { Bytes } from "../bytes";
import { DTYPE_BYTES } from "../constants";
import { BundleError } from "../errors";

/** What two tables must have in common for one to be a change of the other. */
export interface Form {
  /** Dtype and sizes of a row. */
  readonly key: string;
  readonly itemBytes: number;
  /** Bytes of a row. */
  readonly width: number;
}

export interface Table {
  readonly form: Form;
  readonly data: Bytes;
}

/** Bytes of any kind. */
export const OCTET: Form = { key: "U8[]", itemBytes: 1, width: 1 };

/** Header and tensors of the older file; none if there is none, or if it is no safetensors file. */
export function readOlder(file: Bytes | null): { header: Bytes; tables: ReadonlyMap<string, Table> } {
  try {
    if (file !== null) return readTables(file);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
  }
  return { header: new Uint8Array(), tables: new Map() };
}

function readTables(file: Bytes): { header: Bytes; tables: ReadonlyMap<string, Table> } {
  const { header, body } = splitArrays(file, "");
  const entries = readEntries(header, body.length, "");
  return {
    header,
    tables: new Map(
      entries.map((entry) => [entry.name, { form: formOf(entry), data: body.subarray(entry.start, entry.stop) }]),
    ),
  };
}

/** The form of a tensor; one of no dimension is one row. */
export function formOf({ dtype, shape }: Entry): Form {
  const itemBytes = DTYPE_BYTES[dtype];
  const row = shape.slice(1);
  const key = shape.length === 0 ? dtype : `${dtype}[${row}]`;
  return { key, itemBytes, width: row.reduce((product, n) => product * n, itemBytes) };
}
