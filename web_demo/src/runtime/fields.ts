/** Reads checked values of parsed JSON: the few shapes that a bundle's JSON consists of. Readers throw BundleError. */

import { BundleError } from "./errors";
import { Float, type Json, type JsonObject } from "./json";

/** The smallest and the largest allowed value or length, both inclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Any length. */
const ANY: Range = { min: 0, max: Number.POSITIVE_INFINITY };

/** Reads typed fields of an object; every error names the field. */
export class Fields {
  constructor(
    private readonly object: JsonObject,
    readonly where: string,
  ) {}

  static of(value: Json | undefined, where: string): Fields {
    if (!isObject(value)) throw new BundleError(`${where}: expected an object, found ${kindOf(value)}`);
    return new Fields(value, where);
  }

  has(name: string): boolean {
    return this.object.has(name);
  }

  raw(name: string): Json | undefined {
    return this.object.get(name);
  }

  /** The same object without one field. */
  without(name: string): Fields {
    const others = new Map(this.object);
    others.delete(name);
    return new Fields(others, this.where);
  }

  /** Names of all fields. */
  names(): string[] {
    return [...this.object.keys()];
  }

  text(name: string, length: Range = ANY): string {
    const value = this.raw(name);
    if (typeof value !== "string") throw this.wrong(name, "text", value);
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
    const found = this.raw(name);
    const value = found instanceof Float ? found.value : found;
    const [isAllowed, expected] =
      "above" in range
        ? [(n: number) => n > range.above, `a finite number above ${range.above}`]
        : [(n: number) => isWithin(n, range), `a number from ${range.min} to ${range.max}`];
    if (typeof value !== "number" || !Number.isFinite(value) || !isAllowed(value)) {
      throw this.wrong(name, expected, value);
    }
    return value;
  }

  list(name: string, length: Range = ANY): readonly Json[] {
    const value = this.raw(name);
    if (!isList(value)) throw this.wrong(name, "a list", value);
    if (!isWithin(value.length, length)) {
      throw this.wrong(name, `${length.min} to ${length.max} entries`, `${value.length} entries`);
    }
    return value;
  }

  objects(name: string, length: Range): Fields[] {
    return this.list(name, length).map((entry, index) => Fields.of(entry, `${this.where}.${name}[${index}]`));
  }

  /** A list of texts; `limits` bounds their number, `limits.each` their lengths or their form. */
  texts(name: string, limits: Range & { readonly each?: Range | RegExp } = ANY): string[] {
    const { each = ANY } = limits;
    const isAllowed = (text: string) => (each instanceof RegExp ? each.test(text) : isWithin(lengthOf(text), each));
    return this.list(name, limits).map((entry) => {
      if (typeof entry !== "string") throw this.wrong(name, "a list of texts", entry);
      if (!isAllowed(entry)) throw this.wrong(name, `a list of texts ${describe(each)}`, entry);
      return entry;
    });
  }

  /** A list of integers. */
  integers(name: string): readonly number[] {
    const list = this.list(name);
    if (!list.every(isInteger)) throw this.wrong(name, "a list of integers", list);
    return list;
  }

  /** A list of lists of integers. */
  integerLists(name: string): readonly (readonly number[])[] {
    return this.list(name).map((entry) => {
      if (!isList(entry) || !entry.every(isInteger)) throw this.wrong(name, "a list of lists of integers", entry);
      return entry;
    });
  }

  nested(name: string): Fields {
    return Fields.of(this.raw(name), `${this.where}.${name}`);
  }

  /** A nested object; null if the field is null or missing. */
  optional<T>(name: string, read: (fields: Fields) => T): T | null {
    return (this.raw(name) ?? null) === null ? null : read(this.nested(name));
  }

  /** An object whose names are data; `limits` bounds their number, `limits.key` their lengths. */
  map<T>(
    name: string,
    limits: Range & { readonly key: Range },
    read: (values: Fields, key: string) => T,
  ): ReadonlyMap<string, T> {
    const values = this.nested(name);
    const keys = values.names();
    if (!isWithin(keys.length, limits)) {
      throw this.wrong(name, `an object of ${limits.min} to ${limits.max} entries`, keys.length);
    }
    if (!keys.every((key) => isWithin(lengthOf(key), limits.key))) {
      throw new BundleError(`${values.where}: expected names ${describe(limits.key)}`);
    }
    return new Map(keys.map((key) => [key, read(values, key)]));
  }

  private wrong(name: string, expected: string, found: Json | undefined): BundleError {
    const shown = typeof found === "string" ? JSON.stringify(found.slice(0, 60)) : kindOf(found);
    return new BundleError(`${this.where}: ${name} must be ${expected}, found ${shown}`);
  }
}

function describe(each: Range | RegExp): string {
  return each instanceof RegExp ? `that match ${each.source}` : `of ${each.min} to ${each.max} characters`;
}

function isWithin(value: number, { min, max }: Range): boolean {
  return value >= min && value <= max;
}

/** Length in code points instead of UTF-16 units, as the Python reader counts. */
function lengthOf(text: string): number {
  if (text.length > 4096) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

export function isInteger(value: Json | undefined): value is number {
  return Number.isSafeInteger(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

function kindOf(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (value instanceof Float) return `the float ${value.value}`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return isList(value) ? "a list" : typeof value === "string" ? "a text" : "an object";
}
