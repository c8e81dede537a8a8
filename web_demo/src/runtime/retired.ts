/** The retired items, which are on no list (SPEC section 11). */

import { type Arrays, take } from "./arrays";
import { BundleError } from "./errors";

const FILE = "retired.safetensors";

/**
 * The rows of the retired items.
 *
 * @throws BundleError the array violates SPEC section 11.
 */
export function readRetired(arrays: Arrays, nItems: number): ReadonlySet<number> {
  const bits = take(arrays, "retired", "U8", [Math.ceil(nItems / 8)], FILE);
  const rows = new Set<number>();
  for (let row = 0; row < bits.length * 8; row++) {
    if ((((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 0) continue;
    if (row >= nItems) throw new BundleError(`${FILE}: a bit after the last of ${nItems} items is set`);
    rows.add(row);
  }
  return rows;
}
