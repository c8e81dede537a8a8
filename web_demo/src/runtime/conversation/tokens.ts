/** Splits a sentence into tokens. The same as `edge_runtime/conversation/tokens.py`. */

import { IS_ASCII, stem, UNSPACED, wordsOf } from "../search/words";

/** Maximum number of characters (code points) of a sentence; the rest is ignored. */
export const MAX_CHARACTERS = 300;

/** Greatest number that is read as one: beyond any price. */
const GREATEST = 1e12;

// A number, one character of a script without spaces, a mark that ends a part, or a run of anything else. In a sentence,
// blanks may separate thousands, and what is glued to a number, as in "-5", "1e9", "5k" and "30%", makes it another one.
const MARKS = ",;:.!?，、。！？；：\\n";
const REST = `|([${UNSPACED}])|([${MARKS}]+)|([^ \\t0-9${MARKS}${UNSPACED}]+)`;
const NUMBER = "[0-9]+(?:[.,'\u2019][0-9]+)*";
const SPACED = "[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?![0-9])(?:[.,][0-9]{1,2}(?![0-9]))?";
const SIGN = "[-\u2212\u2013][$\u20ac\u00a3\u00a5]?";
const GLUED = "[kKmM](?![a-zA-Z])|[ \u00a0\u202f]?[%\u2030]";
const PIECE = new RegExp(`(${SIGN})?(${SPACED}|${NUMBER})(?:([eE][+-]?[0-9]+)|()(?=${GLUED})|)${REST}`, "gu");
const CATALOGUE_PIECE = new RegExp(`((?!))?(${NUMBER})(?:((?!))|((?!))|)${REST}`, "gu");
const DECIMAL = /^(?:[0-9]+(?:[.,][0-9]{1,2})?|0[.,][0-9]+)$/;
const GROUPED = /^([1-9][0-9]{0,2}(?:([.,'\u2019 \u00a0\u202f])[0-9]{3})(?:\2[0-9]{3})*)(?:(?!\2)[.,]([0-9]{1,2}))?$/;
const PLAIN = /[0-9]+(?:[.,][0-9]+)*|[a-z]+/g;
const STOP = /[;.!?。！？；\n]/u;
const ONE_UNSPACED = new RegExp(`^[${UNSPACED}]$`, "u");

/** One token: a word as in the search, a number with decimals, or one character of a script without spaces. */
export interface Token {
  /** In lower case, without accents and apostrophes. */
  readonly text: string;
  /** Common to singular and plural. */
  readonly stem: string;
  /** As it was written. */
  readonly shown: string;
  readonly number: number | null;
  /** What separates it from the token before: 0 nothing, 1 a comma, 2 a full stop. */
  readonly gap: number;
  /** Whether a typing error was taken out of its text. */
  readonly isCorrected: boolean;
}

/** The tokens of a sentence; a number that cannot be told, such as "-5", "1e9" or "1,00,0", has no value. */
export function tokensOf(text: string): Token[] {
  return tokensBy(text, PIECE);
}

function tokensBy(text: string, piece: RegExp): Token[] {
  const tokens: Token[] = [];
  let gap = 0;
  let left = MAX_CHARACTERS; // once more, since U+FDFA for example stands for eighteen characters
  for (const found of firstCharacters(text, MAX_CHARACTERS).matchAll(piece)) {
    const [, , number, , , character, mark, run] = found;
    if (mark !== undefined) {
      gap = Math.max(gap, STOP.test(mark) ? 2 : 1);
      continue;
    }
    const isAfterNumber = gap === 0 && typeof tokens.at(-1)?.number === "number";
    const some = number === undefined ? wordTokens(character ?? run ?? "") : [numberToken(found, isAfterNumber)];
    for (const token of some) {
      if (left <= 0) return tokens;
      tokens.push({ ...token, text: firstCharacters(token.text, left), stem: firstCharacters(token.stem, left), gap });
      gap = 0;
      left -= Array.from(token.text).length;
    }
  }
  return tokens;
}

function wordTokens(shown: string): Token[] {
  return wordsOf(shown).map((word) => ({
    text: word,
    stem: stem(word),
    shown,
    number: null,
    gap: 0,
    isCorrected: false,
  }));
}

/** The token of a number; a sign after a number is the "to" of a range. */
function numberToken(found: RegExpMatchArray, isAfterNumber: boolean): Token {
  const [, before = "", number = "", exponent = "", glued] = found;
  const sign = isAfterNumber ? "" : before;
  const text = canonical(number);
  const isPlain = sign === "" && exponent === "" && glued === undefined && DECIMAL.test(text);
  const written = `${sign}${text}${exponent}`.toLowerCase();
  return {
    text: written,
    stem: written,
    shown: `${sign}${number}${exponent}`,
    number: isPlain && Number(text) <= GREATEST ? Number(text) : null,
    gap: 0,
    isCorrected: false,
  };
}

/** A number without separators of thousands, and with a full stop before its decimals. */
function canonical(number: string): string {
  const grouped = GROUPED.exec(number);
  if (grouped === null) return number.replaceAll(",", ".");
  const [, whole = "", , decimals] = grouped;
  return whole.replace(/[^0-9]/g, "") + (decimals === undefined ? "" : `.${decimals}`);
}

/** The words of a phrase of a language, which sentences are matched with, joined by blanks. */
export function textsOf(text: string): string {
  return joined(tokensOf(text).map((token) => token.text));
}

/** The stems of a catalogue text, which sentences are matched with, joined by blanks. */
export function phraseOf(text: string): string {
  if (!IS_ASCII.test(text)) return joined(tokensBy(text, CATALOGUE_PIECE).map((token) => token.stem));
  // The same, without tokens: all values and titles pass here.
  const plain = text.slice(0, MAX_CHARACTERS).toLowerCase().replace(/['`]/g, "");
  return joined((plain.match(PLAIN) ?? []).map((word) => (/[.,]/.test(word) ? canonical(word) : stem(word))));
}

/** Words as one text, as `textsOf` and `phraseOf` return them. */
export function joined(words: readonly string[]): string {
  return words.join(" ");
}

/** The words of such a text. */
export function separate(phrase: string): string[] {
  return phrase === "" ? [] : phrase.split(" ");
}

/** Tokens as they were written. */
export function shownOf(tokens: readonly Token[]): string {
  const parts: string[] = [];
  for (const { shown } of tokens) {
    const before = parts.at(-1);
    const last = Array.from(before ?? "").at(-1) ?? "";
    if (before !== undefined && ONE_UNSPACED.test(shown) && ONE_UNSPACED.test(last)) {
      parts[parts.length - 1] = before + shown;
    } else if (before !== shown) parts.push(shown);
  }
  return parts.join(" ");
}

/** The first characters of a text; a character has at most two UTF-16 code units. */
function firstCharacters(text: string, n: number): string {
  if (text.length <= n) return text;
  return Array.from(text.slice(0, 2 * n))
    .slice(0, n)
    .join("");
}
