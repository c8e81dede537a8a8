/** Splits a sentence into tokens. The same as `edge_runtime/conversation/tokens.py`. */

import { IS_ASCII, stem, UNSPACED, wordsOf } from "../search/words";

/** Maximum number of characters (code points) of a sentence; the rest is ignored. */
export const MAX_CHARACTERS = 300;

const NUMBER = "[0-9]+(?:[.,][0-9]{1,2}(?![0-9]))?";
const MARKS = ",;:.!?，、。！？；：\\n";
// A number, one character of a script without spaces, a mark that ends a part, or a run of anything else.
const PIECE = new RegExp(`(${NUMBER})|([${UNSPACED}])|([${MARKS}]+)|([^ \\t0-9${MARKS}${UNSPACED}]+)`, "gu");
const PLAIN = new RegExp(`${NUMBER}|[a-z]+`, "g");
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

/** The tokens of a sentence. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let gap = 0;
  for (const [, number, character, mark, run] of firstCharacters(text).matchAll(PIECE)) {
    if (mark !== undefined) {
      gap = Math.max(gap, STOP.test(mark) ? 2 : 1);
      continue;
    }
    for (const token of number === undefined ? wordTokens(character ?? run ?? "") : [numberToken(number)]) {
      tokens.push({ ...token, gap });
      gap = 0;
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

function numberToken(shown: string): Token {
  const text = shown.replaceAll(",", ".");
  return { text, stem: text, shown, number: Number(text), gap: 0, isCorrected: false };
}

/** The words of a phrase of a language, which sentences are matched with, joined by blanks. */
export function textsOf(text: string): string {
  return joined(tokensOf(text).map((token) => token.text));
}

/** The stems of a catalogue text, which sentences are matched with, joined by blanks. */
export function phraseOf(text: string): string {
  if (!IS_ASCII.test(text)) return joined(tokensOf(text).map((token) => token.stem));
  // The same, without tokens: all values and titles pass here.
  const plain = text.slice(0, MAX_CHARACTERS).toLowerCase().replace(/['`]/g, "");
  return joined((plain.match(PLAIN) ?? []).map((word) => stem(word.replaceAll(",", "."))));
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

/** The first characters of a sentence; a character has at most two UTF-16 code units. */
function firstCharacters(text: string): string {
  return Array.from(text.slice(0, 2 * MAX_CHARACTERS))
    .slice(0, MAX_CHARACTERS)
    .join("");
}
