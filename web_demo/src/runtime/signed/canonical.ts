/** The canonical form of JSON that signatures cover; twin of `edge_runtime/sync/tuf/canonical.py`. */

import type { Bytes } from "../bytes";
import { BundleError } from "../errors";
import { Float, type Json } from "../json";

/** Encode in OLPC's canonical JSON: names sorted, no spaces, nothing escaped but two characters. */
export function canonicalJson(value: Json): Bytes {
  return new TextEncoder().encode(text(value));
}

/**
 * Check that a document has no fraction and no integer that is not exact, anywhere.
 *
 * @throws BundleError it has.
 */
export function checkIntegers(value: Json): void {
  if (value instanceof Float || (typeof value === "number" && !Number.isSafeInteger(value))) {
    throw new BundleError("an integer is above 2^53 - 1");
  }
  if (value instanceof Map || Array.isArray(value)) for (const one of value.values()) checkIntegers(one);
}

function text(value: Json): string {
  if (typeof value === "string") return quoted(value);
  if (value instanceof Map) {
    const names = [...value.keys()].sort(byCodePoint);
    return `{${names.map((name) => `${quoted(name)}:${text(value.get(name) ?? null)}`).join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(text).join(",")}]`;
  return String(value);
}

function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Order by code points, as Python sorts; `sort` alone would order by UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((char, index) => char !== right[index]);
  if (at < 0) return left.length - right.length;
  return (left[at]?.codePointAt(0) ?? -1) - (right[at]?.codePointAt(0) ?? -1);
}
