/** Bytes to checked values: the few shapes that a bundle's JSON is made of. A reader throws BundleError. */

import { BundleError } from "./errors";

/** Bytes that own their memory, as WebCrypto and Blob want them. */
export type Bytes = Uint8Array<ArrayBuffer>;

export type JsonObject = { readonly [key: string]: unknown };

/** Lists and objects inside one another (SPEC section 1). */
const MAX_DEPTH = 32;

/** Parse UTF-8 JSON strictly; `source` is for the message. */
export function parseJson(data: Uint8Array, source: string): unknown {
  if (!isShallow(data)) throw new BundleError(`${source}: lists and objects are nested more than ${MAX_DEPTH} deep`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
  } catch (error) {
    throw new BundleError(`${source}: not UTF-8 JSON (${error instanceof Error ? error.message : "unreadable"})`);
  }
}

/** Reads typed fields; every method names the field in its complaint. */
export class Fields {
  constructor(
    private readonly value: JsonObject,
    readonly where: string,
  ) {}

  static of(value: unknown, where: string): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new BundleError(`${where}: expected an object, found ${kindOf(value)}`);
    }
    return new Fields(value as JsonObject, where);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.value, name);
  }

  raw(name: string): unknown {
    return this.has(name) ? this.value[name] : undefined;
  }

  names(max = Number.POSITIVE_INFINITY, maxLength = Number.POSITIVE_INFINITY): string[] {
    const names = Object.keys(this.value);
    if (names.length > max) throw new BundleError(`${this.where}: ${names.length} entries, at most ${max} are allowed`);
    if (!names.every((name) => isText(name) && lengthOf(name) <= maxLength)) {
      throw new BundleError(`${this.where}: a name is not text, or longer than ${maxLength} characters`);
    }
    return names;
  }

  text(name: string, minLength = 0, maxLength = Number.POSITIVE_INFINITY): string {
    const found = this.raw(name);
    if (!isText(found)) throw this.wrong(name, "text", found);
    const length = lengthOf(found);
    if (length < minLength || length > maxLength)
      throw this.wrong(name, `${minLength} to ${maxLength} characters`, found);
    return found;
  }

  matching(name: string, pattern: RegExp): string {
    const found = this.text(name);
    if (!pattern.test(found)) throw this.wrong(name, `text like ${pattern.source}`, found);
    return found;
  }

  integer(name: string, min: number, max: number): number {
    const found = this.raw(name);
    if (!isInteger(found) || found < min || found > max)
      throw this.wrong(name, `an integer from ${min} to ${max}`, found);
    return found;
  }

  number(name: string, accept: (value: number) => boolean, expected: string): number {
    const found = this.raw(name);
    if (typeof found !== "number" || !Number.isFinite(found) || !accept(found)) throw this.wrong(name, expected, found);
    return found;
  }

  list(name: string, min: number, max: number): readonly unknown[] {
    const found = this.raw(name);
    if (!Array.isArray(found)) throw this.wrong(name, "a list", found);
    if (found.length < min || found.length > max) {
      throw this.wrong(name, `${min} to ${max} entries`, `${found.length} entries`);
    }
    return found;
  }

  objects(name: string, min: number, max: number): Fields[] {
    return this.list(name, min, max).map((entry, index) => Fields.of(entry, `${this.where}.${name}[${index}]`));
  }

  texts(name: string, max = Number.POSITIVE_INFINITY, minLength = 0, maxLength = Number.POSITIVE_INFINITY): string[] {
    return this.list(name, 0, max).map((entry) => {
      if (!isText(entry)) throw this.wrong(name, "a list of texts", entry);
      const length = lengthOf(entry);
      if (length < minLength || length > maxLength) {
        throw this.wrong(name, `texts of ${minLength} to ${maxLength} characters`, entry);
      }
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

/** Count the brackets outside strings, before a parser meets them. */
function isShallow(data: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < data.length; at++) {
    const byte = data[at];
    if (byte === 0x22) at = endOfString(data, at);
    else if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (depth > MAX_DEPTH) return false;
  }
  return true;
}

/** The place of the quotation mark that closes the one at `start`. */
function endOfString(data: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < data.length && data[at] !== 0x22) at += data[at] === 0x5c ? 2 : 1;
  return at;
}

/** Half a surrogate pair, which an escape can smuggle in, is no text: it cannot be written as UTF-8 again. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}

/** Characters, not UTF-16 units: the limits are the ones of the Python reader. */
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
