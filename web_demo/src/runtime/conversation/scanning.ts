/**
 * Splits a sentence into elements: cues of a language, values of the catalogue, words of titles, numbers, the rest. The same
 * as `edge_runtime/conversation/scanning.py`.
 */

import { at } from "../at";
import { stem } from "../search/words";
import { isSameMeaning, type Lexicon, type Meaning, wordsMeaning } from "./lexicon";
import { joined, separate, shownOf, type Token } from "./tokens";
import type { Cue } from "./words";

/** Maximum number of characters of a word of a script without spaces. */
const LONGEST_RUN = 6;
/** What a number begins with, or what looks like one. */
const CUT = ["more", "less", "dearer"];
const COMPARED = ["less", "dearer", "newer", "older", "like", "varied", "below", "above"];
const NUMERIC = /^[0-9\-\u2212\u2013]/;

/** A part of a sentence. */
export class Element {
  /** What separates it from the element before. */
  readonly gap: number;
  /** The words, as they were matched. */
  readonly text: string;

  constructor(
    readonly tokens: readonly Token[],
    /** What the language means by it. */
    readonly cue: Cue | null = null,
    /** What the catalogue means by it. */
    readonly meaning: Meaning | null = null,
    /** The number that it is. */
    readonly number: number | null = null,
    /** Whether the evidence for its meaning is weak, so that it is asked about. */
    readonly isDoubtful = false,
  ) {
    this.gap = tokens[0]?.gap ?? 0;
    this.text = textOf(tokens);
  }

  /** The words, as they were written. */
  get shown(): string {
    return shownOf(this.tokens);
  }

  /** Whether a typing error was taken out of a word. */
  get isCorrected(): boolean {
    return this.tokens.some((token) => token.isCorrected);
  }

  /** Whether it is one of some cues. */
  isCue(...names: readonly string[]): boolean {
    return this.cue !== null && names.some((name) => this.cue?.names.has(name));
  }

  /** Whether it has no meaning of its own. */
  get isSkipped(): boolean {
    return isSkip(this.cue);
  }

  /** Whether neither the language nor the catalogue has it. */
  get isUnknown(): boolean {
    return this.cue === null && this.meaning === null && this.number === null;
  }

  /** The number that it is, or that the language calls so. */
  get value(): number | null {
    return this.number ?? this.cue?.number ?? null;
  }
}

function isSkip(cue: Cue | null): boolean {
  if (cue === null || cue.names.size !== 1 || !cue.names.has("skip")) return false;
  return cue.position === null && cue.number === null && cue.decade === null && cue.field === null;
}

/** The elements of a sentence: the longest phrases from left to right, cues before values. */
export function scan(tokens: readonly Token[], lexicon: Lexicon): Element[] {
  const corrected = tokens.map((_, index) => correctedAt(tokens, index, lexicon));
  const elements: Element[] = [];
  let start = 0;
  while (start < corrected.length) {
    const element = longest(corrected, start, lexicon) ?? loose(corrected, start, lexicon);
    elements.push(element);
    start += element.tokens.length;
  }
  return withWholeWords(elements, lexicon);
}

function correctedAt(tokens: readonly Token[], index: number, lexicon: Lexicon): Token {
  const token = at(tokens, index);
  if (NUMERIC.test(token.text)) return token;
  if (lexicon.isPossessive(token)) return withText(token, token.text.slice(0, -1));
  if (lexicon.knows(token)) return token;
  const before = index > 0 ? (tokens[index - 1]?.stem ?? "") : "";
  const after = tokens[index + 1]?.stem ?? "";
  const word = lexicon.corrected(token.text, before, after) ?? lexicon.fitting(token.text, before, after);
  return word === null ? token : { ...withText(token, word), isCorrected: true };
}

function withText(token: Token, text: string): Token {
  return { ...token, text, stem: stem(text) };
}

function longest(tokens: readonly Token[], start: number, lexicon: Lexicon): Element | null {
  for (let length = Math.min(lexicon.longest, tokens.length - start); length > 0; length--) {
    const element = phraseAt(tokens.slice(start, start + length), lexicon);
    if (element !== null && !cuts(element, tokens, start + length, lexicon)) return element;
  }
  return null;
}

/**
 * Whether a phrase takes the "more" of "more expensive" in "show me more expensive", or the "less" of "less than" in "costs
 * less than".
 */
function cuts(element: Element, tokens: readonly Token[], end: number, { phrases }: Lexicon): boolean {
  const next = tokens[end];
  if (next === undefined || next.gap > 0 || !element.isCue(...CUT)) return false;
  const compared = phrases.cues.get(`${at(tokens, end - 1).text} ${next.text}`);
  return compared !== undefined && COMPARED.some((name) => compared.names.has(name));
}

/** Some tokens as one cue or value; null if they are none. */
function phraseAt(part: readonly Token[], lexicon: Lexicon): Element | null {
  const [first, second] = part;
  const stems = joined(part.map((token) => token.stem));
  const gap = Math.max(0, ...part.slice(1).map((token) => token.gap));
  const cue = gap === 0 ? (lexicon.phrases.cues.get(textOf(part)) ?? null) : null;
  const meaning = gap <= 1 ? (lexicon.meaning(stems) ?? titleOf(part, stems, lexicon)) : null;
  // "number 4" is an item of the list, whatever else has that name.
  const isItem = first !== undefined && second !== undefined && second.number !== null && counts(first, lexicon);
  if (isItem || (cue === null && meaning === null)) return null;
  const isNamed = cue === null || (isSkip(cue) && part.length > 1) || cue.names.has("carrier");
  return new Element(part, cue, isNamed ? meaning : null, part.length === 1 ? (first?.number ?? null) : null);
}

function counts(token: Token, lexicon: Lexicon): boolean {
  return lexicon.phrases.cues.get(token.text)?.names.has("number_of") === true;
}

/** The words of the beginning of a title, if they are more than words of the language or values in a row. */
function titleOf(part: readonly Token[], stems: string, lexicon: Lexicon): Meaning | null {
  const isSpoken = part.every(({ text }) => lexicon.phrases.known.has(text));
  if (!lexicon.beginsTitle(stems) || isSpoken || lexicon.isOfValues(separate(stems))) return null;
  return wordsMeaning(textOf(part));
}

/** A number, a word of a title, or a token that nobody knows. */
function loose(tokens: readonly Token[], start: number, lexicon: Lexicon): Element {
  const first = at(tokens, start);
  if (first.number !== null) return new Element([first], null, null, first.number);
  if (NUMERIC.test(first.text)) return new Element([first]); // such as "-5", which is no word of a title
  for (let length = Math.min(LONGEST_RUN, tokens.length - start); length > 1; length--) {
    const part = tokens.slice(start, start + length);
    const text = part.map((token) => token.text).join("");
    if (part.every(isCharacter) && lexicon.hasText(text)) return new Element(part, null, wordsMeaning(text));
  }
  return new Element([first], null, lexicon.hasText(first.text) ? wordsMeaning(first.text) : null);
}

/** Whether a token is one character that is not ASCII, as it was written. */
function isCharacter({ text, shown }: Token): boolean {
  return text === shown && Array.from(text).length === 1 && text > "\x7f";
}

function isLooseWord({ meaning, text }: Element): boolean {
  return meaning !== null && isSameMeaning(meaning, wordsMeaning(text));
}

/** The elements with words of titles that follow each other as one, where a title or fact has them all. */
function withWholeWords(elements: readonly Element[], lexicon: Lexicon): Element[] {
  const whole: Element[] = [];
  for (const element of elements) {
    const before = whole.at(-1);
    const follows = before !== undefined && element.gap === 0 && isLooseWord(element) && isLooseWord(before);
    const text = follows ? `${before.text} ${element.text}` : "";
    if (follows && lexicon.hasText(text)) {
      whole[whole.length - 1] = new Element([...before.tokens, ...element.tokens], null, wordsMeaning(text));
    } else whole.push(element);
  }
  return whole.map((_, index) => asPerson(whole, index, lexicon));
}

/** An element with the people that it names by surname, such as "Kubrick", if it means nothing else. */
function asPerson(elements: readonly Element[], index: number, lexicon: Lexicon): Element {
  const [element, before] = [at(elements, index), elements[index - 1]];
  const isPart = before !== undefined && element.gap === 0 && (before.isUnknown || isLooseWord(before));
  const isEveryday = element.tokens.every(({ text }) => lexicon.phrases.ordinary.has(text));
  if (isPart || isEveryday || element.isCorrected || !isLooseWord(element)) return element;
  const person = lexicon.person(element.text);
  return person === null ? element : new Element(element.tokens, null, person);
}

function textOf(tokens: readonly Token[]): string {
  return joined(tokens.map(({ text }) => text));
}
