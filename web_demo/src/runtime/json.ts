/**
 * A strict JSON parser, which refuses what the Python reader refuses (SPEC section 1).
 *
 * `JSON.parse` accepts duplicate names and lone surrogates, and its result does not show whether 1 was written as 1.0.
 * Parsers on npm that report how a number is written accept some of these as well, so this is our own.
 */

import { MAX_JSON_DEPTH } from "./constants";
import { BundleError, messageOf } from "./errors";

/** A number written with a fraction or an exponent: not an integer, whatever its value. */
export class Float {
  constructor(readonly value: number) {}
}

/** A parsed value. Objects are maps, so that no name has a special meaning. */
export type Json = string | number | Float | boolean | null | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const FRACTIONAL = /[.eE]/;
/** A backslash or a control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ESCAPED = /[\\\u0000-\u001f]/;

/**
 * Parse UTF-8 JSON.
 *
 * @param source names the file in errors.
 * @throws BundleError the bytes are not UTF-8 JSON, are nested too deeply, or an object has a name twice.
 */
export function parseJson(data: Uint8Array, source: string): Json {
  try {
    return new Parser(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data)).document();
  } catch (error) {
    throw new BundleError(`${source}: not valid UTF-8 JSON (${messageOf(error)})`);
  }
}

class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value();
    if (this.at < this.text.length) throw this.unexpected();
    return value;
  }

  /** A value with the white space around it. */
  private value(): Json {
    this.skipSpace();
    const value = this.bareValue();
    this.skipSpace();
    return value;
  }

  private bareValue(): Json {
    switch (this.text[this.at]) {
      case "{":
        return this.nested(() => this.object());
      case "[":
        return this.nested(() => this.list());
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private nested(read: () => Json): Json {
    this.depth += 1;
    if (this.depth > MAX_JSON_DEPTH) {
      throw new SyntaxError(`lists and objects are nested more than ${MAX_JSON_DEPTH} levels deep`);
    }
    this.at += 1;
    this.skipSpace();
    const value = read();
    this.depth -= 1;
    return value;
  }

  private object(): JsonObject {
    const object = new Map<string, Json>();
    if (this.found("}")) return object;
    do {
      this.skipSpace();
      const name = this.string();
      if (object.has(name)) throw new SyntaxError(`an object has the name ${JSON.stringify(name.slice(0, 60))} twice`);
      this.skipSpace();
      this.expect(":");
      object.set(name, this.value());
    } while (this.found(","));
    this.expect("}");
    return object;
  }

  private list(): readonly Json[] {
    const list: Json[] = [];
    if (this.found("]")) return list;
    do list.push(this.value());
    while (this.found(","));
    this.expect("]");
    return list;
  }

  private string(): string {
    const start = this.at + 1;
    this.expect('"');
    const stop = this.text.indexOf('"', start);
    const text = this.text.slice(start, stop);
    if (stop < 0 || ESCAPED.test(text)) return this.escapedString(start);
    this.at = stop + 1;
    return text;
  }

  /** A string with escapes, which `JSON.parse` resolves and checks. */
  private escapedString(start: number): string {
    for (; this.text[this.at] !== '"'; this.at += this.text[this.at] === "\\" ? 2 : 1) {
      if (this.at >= this.text.length) throw this.unexpected();
    }
    this.at += 1;
    const text: string = JSON.parse(this.text.slice(start - 1, this.at));
    // It could not be encoded as UTF-8 again.
    if (/\p{Surrogate}/u.test(text)) throw new SyntaxError("a string has a lone surrogate");
    return text;
  }

  private number(): number | Float {
    const start = this.at;
    let value = 0;
    let code = this.text.charCodeAt(start);
    for (; code >= 0x30 && code <= 0x39; code = this.text.charCodeAt(++this.at)) value = 10 * value + code - 0x30;
    const nDigits = this.at - start;
    const isWhole = code === 0x2c || code === 0x5d || code === 0x7d;
    // The usual case; regular expressions take several times as long.
    if (isWhole && nDigits > 0 && nDigits < 16 && (nDigits === 1 || this.text.charCodeAt(start) !== 0x30)) return value;
    NUMBER.lastIndex = start;
    if (!NUMBER.test(this.text)) throw this.unexpected();
    this.at = NUMBER.lastIndex;
    const digits = this.text.slice(start, this.at);
    return FRACTIONAL.test(digits) ? new Float(Number(digits)) : Number(digits);
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.unexpected();
    this.at += word.length;
    return value;
  }

  private skipSpace(): void {
    if (this.text.charCodeAt(this.at) > 0x20) return;
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private found(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  private expect(char: string): void {
    if (!this.found(char)) throw this.unexpected();
  }

  private unexpected(): SyntaxError {
    const found = this.text[this.at];
    return new SyntaxError(`unexpected ${found === undefined ? "end" : JSON.stringify(found)} at character ${this.at}`);
  }
}
