/** JSON to checked values: the few shapes that a bundle's JSON consists of. Readers throw BundleError. */

import { BundleError, messageOf } from "./errors";
import { MAX_JSON_DEPTH } from "./limits";

/** Bytes with a buffer of their own, which WebCrypto and Blob require. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The smallest and the largest allowed value or length, both inclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Any length. */
const ANY: Range = { min: 0, max: Number.POSITIVE_INFINITY };

/** Parse UTF-8 JSON strictly; `source` names the file in errors. */
export function parseJson(data: Uint8Array, source: string): unknown {
  if (!isShallow(data)) {
    throw new BundleError(`${source}: lists and objects are nested more than ${MAX_JSON_DEPTH} levels deep`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch (error) {
    throw new BundleError(`${source}: not UTF-8 JSON (${messageOf(error)})`);
  }
}

/** Reads typed fields of an object; every error names the field. */
export class Fields {
  constructor(
    private readonly value: object,
    readonly where: string,
  ) {}

  static of(value: unknown, where: string): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new BundleError(`${where}: expected an object, found ${kindOf(value)}`);
    }
    return new Fields(value, where);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.value, name);
  }

  raw(name: string): unknown {
    return Object.getOwnPropertyDescriptor(this.value, name)?.value;
  }

  /** Names of all fields; `limits` bounds their number, `limits.key` their length. */
  names(limits: Range & { readonly key?: Range } = ANY): string[] {
    const names = Object.keys(this.value);
    const { max, key = ANY } = limits;
    if (names.length > max) throw new BundleError(`${this.where}: ${names.length} entries, at most ${max} are allowed`);
    if (!names.every((name) => isText(name) && isWithin(lengthOf(name), key))) {
      throw new BundleError(`${this.where}: a name is not text of ${key.min} to ${key.max} characters`);
    }
    return names;
  }

  text(name: string, length: Range = ANY): string {
    const value = this.raw(name);
    if (!isText(value)) throw this.wrong(name, "text", value);
    if (!isWithin(lengthOf(value), length)) throw this.wrong(name, `${length.min} to ${length.max} characters`, value);
    return value;
  }

  matching(name: string, pattern: RegExp): string {
    const value = this.text(name);
    if (!pattern.test(value)) throw this.wrong(name, `text that matches ${pattern.source}`, value);
    return value;
  }

  integer(name: string, range: Range): number {
    const value = this.raw(name);
    if (!isInteger(value) || !isWithin(value, range)) {
      throw this.wrong(name, `an integer from ${range.min} to ${range.max}`, value);
    }
    return value;
  }

  number(name: string, range: Range | { readonly above: number }): number {
    const value = this.raw(name);
    const [isAllowed, expected] =
      "above" in range
        ? [(n: number) => n > range.above, `a finite number above ${range.above}`]
        : [(n: number) => isWithin(n, range), `a number from ${range.min} to ${range.max}`];
    if (typeof value !== "number" || !Number.isFinite(value) || !isAllowed(value)) {
      throw this.wrong(name, expected, value);
    }
    return value;
  }

  list(name: string, length: Range = ANY): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw this.wrong(name, "a list", value);
    if (!isWithin(value.length, length)) {
      throw this.wrong(name, `${length.min} to ${length.max} entries`, `${value.length} entries`);
    }
    return value;
  }

  objects(name: string, length: Range): Fields[] {
    return this.list(name, length).map((entry, index) => Fields.of(entry, `${this.where}.${name}[${index}]`));
  }

  /** A list of texts; `limits` bounds their number, `limits.each` their lengths. */
  texts(name: string, limits: Range & { readonly each?: Range } = ANY): string[] {
    const { each = ANY } = limits;
    return this.list(name, limits).map((entry) => {
      if (!isText(entry)) throw this.wrong(name, "a list of texts", entry);
      if (!isWithin(lengthOf(entry), each))
        throw this.wrong(name, `texts of ${each.min} to ${each.max} characters`, entry);
      return entry;
    });
  }

  object(name: string): Fields {
    return Fields.of(this.raw(name), `${this.where}.${name}`);
  }

  private wrong(name: string, expected: string, found: unknown): BundleError {
    const shown = typeof found === "string" ? JSON.stringify(found.slice(0, 60)) : kindOf(found);
    return new BundleError(`${this.where}: ${name} must be ${expected}, found ${shown}`);
  }
}

function isWithin(value: number, { min, max }: Range): boolean {
  return value >= min && value <= max;
}

/** Check the nesting of brackets outside strings, before the text is parsed. */
function isShallow(data: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < data.length; at++) {
    const byte = data[at];
    if (byte === 0x22) at = endOfString(data, at);
    else if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (depth > MAX_JSON_DEPTH) return false;
  }
  return true;
}

/** The index of the quotation mark that closes the one at `start`. */
function endOfString(data: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < data.length && data[at] !== 0x22) at += data[at] === 0x5c ? 2 : 1;
  return at;
}

/** A lone surrogate, which a JSON escape can contain, is rejected: it cannot be encoded as UTF-8. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}

/** Length in code points instead of UTF-16 units, as the Python reader counts. */
function lengthOf(text: string): number {
  if (text.length > 4096) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

export function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "a list" : typeof value;
}
