/** Arrays and sizes as the golden files hold them. */

import type { Arrays, NdArray } from "../src/runtime/arrays";
import { Fields } from "../src/runtime/fields";
import { parseJson } from "../src/runtime/json";

export interface GoldenArray {
  readonly dtype: "uint8" | "int8" | "float32";
  readonly shape: number[];
  readonly data: number[];
}

export function arraysOf(golden: Readonly<Record<string, GoldenArray>>): Arrays {
  return new Map(Object.entries(golden).map(([name, array]) => [name, arrayOf(array)]));
}

function arrayOf({ dtype, shape, data }: GoldenArray): NdArray {
  switch (dtype) {
    case "uint8":
      return { dtype: "U8", shape, data: Uint8Array.from(data) };
    case "int8":
      return { dtype: "I8", shape, data: Int8Array.from(data) };
    case "float32":
      return { dtype: "F32", shape, data: Float32Array.from(data) };
  }
}

/** A part of a manifest, as the runtime's readers take it. */
export function fieldsOf(part: object): Fields {
  return Fields.of(parseJson(new TextEncoder().encode(JSON.stringify(part)), "golden"), "golden");
}
