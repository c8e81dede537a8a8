/**
 * Splits a sentence into elements: cues of a language, values of the catalogue, words of titles, numbers, the rest. The same
 * as `edge_runtime/conversation/scanning.py`.
 */

import { at } from "../at";
import { stem } from "../search/words";
import { isSameMeaning, type Lexicon, type Meaning, wordsMeaning } from "./lexicon";
import { joined, separate, shownOf, type Token } from "./tokens";
import { type Correction, type Cue, cueOf } from "./words";

/** Maximum number of characters of a word of a script without spaces. */
const LONGEST_RUN = 6;
/** What a number begins with, or what looks like one. */
const CUT = ["more", "less", "dearer"];
const COMPARED = ["less", "dearer", "newer", "older", "like", "varied", "below", "above"];
const CORRECTION = cueOf("correction");
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
    /** Row of the item whose whole title it is, where the list shall resemble it or not. */
    readonly title: number | null = null,
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

  /** Whether it may be something that is asked for, and no word without meaning. */
  get saysSomething(): boolean {
    if (this.meaning !== null || this.value !== null) return true;
    return (this.cue?.position ?? this.cue?.field ?? null) !== null || this.isCue(...COMPARED.slice(0, 4));
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
    const apart = correctionAt(tokens, start, elements, lexicon) ?? wholeTitleAt(tokens, start, elements, lexicon);
    const element = apart ?? longest(corrected, start, lexicon) ?? loose(corrected, start, lexicon);
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

/** The words that take back what was named before them and not what follows, such as "no, wait, I mean". */
function correctionAt(
  tokens: readonly Token[],
  start: number,
  before: readonly Element[],
  lexicon: Lexicon,
): Element | null {
  const kinds: Correction[] = [];
  let [end, last] = [start, start];
  for (let found = correctionPhrase(tokens, end, lexicon); found !== null; ) {
    kinds.push(found.kind);
    [end, last] = [end + found.length, end];
    found = correctionPhrase(tokens, end, lexicon);
  }
  if (kinds.at(-1) === "no" && tokens[end]?.gap === 0) {
    end = last; // "wait, no tea"
    kinds.pop();
  }
  const next = tokens[end];
  if (next === undefined || !before.some(({ saysSomething }) => saysSomething)) return null;
  const isBesideMark = at(tokens, start).gap + next.gap > 0;
  if (!kinds.includes("corrections") && !(kinds.includes("hesitations") && isBesideMark)) return null;
  return new Element(tokens.slice(start, end), CORRECTION);
}

/** What the longest phrase at a place does within such words, and its number of words. */
function correctionPhrase(
  tokens: readonly Token[],
  start: number,
  { longest, phrases }: Lexicon,
): { readonly kind: Correction; readonly length: number } | null {
  for (let length = Math.min(longest, tokens.length - start); length > 0; length--) {
    const part = tokens.slice(start, start + length);
    const kind = phrases.corrections.get(textOf(part));
    if (kind !== undefined && part.slice(1).every(({ gap }) => gap === 0)) return { kind, length };
  }
  return null;
}

/** The whole title of an item that follows a "like", or that stands before a "but" or a "type of film". */
function wholeTitleAt(
  tokens: readonly Token[],
  start: number,
  before: readonly Element[],
  lexicon: Lexicon,
): Element | null {
  const found = lexicon.wholeTitle(tokens.slice(start));
  if (found === null) return null;
  const end = start + found.length;
  const part = tokens.slice(start, end);
  const { known, ordinary } = lexicon.phrases;
  const isTalk = part.every(({ text }) => known.has(text) || ordinary.has(text));
  const isCapital = part.every(({ shown }) => /^(?:\p{Lu}|\P{L})/u.test(shown));
  const isMeant = isLikened(before) || isTurned(tokens.slice(end), lexicon);
  if (!isMeant || (isTalk && !isCapital)) return null;
  return new Element(part, null, wordsMeaning(textOf(part)), null, false, found.row);
}

/** Whether a "like" stands before a place, or another title that is liked and an "and". */
function isLikened(before: readonly Element[]): boolean {
  const isJoined = (element: Element) => element.title !== null || element.isSkipped || element.isCue("to", "or");
  const last = before.findLast((element) => isLike(element) || !isJoined(element));
  return last !== undefined && isLike(last);
}

function isLike(element: Element): boolean {
  return element.isCue("like", "unlike", "love");
}

/** Whether words begin with a "but", or with "type of film". */
function isTurned(tokens: readonly Token[], { longest, phrases }: Lexicon): boolean {
  return tokens.slice(0, longest).some((_, index) => {
    const names = phrases.cues.get(textOf(tokens.slice(0, index + 1)))?.names;
    return names?.has("but") === true || names?.has("suffix_like") === true;
  });
}

function longest(tokens: readonly Token[], start: number, lexicon: Lexicon): Element | null {
  for (let length = Math.min(lexicon.longest, tokens.length - start); length > 0; length--) {
    const element = phraseAt(tokens.slice(start, start + length), lexicon);
    const end = start + length;
    if (element !== null && !cuts(element, tokens, end, lexicon) && !names(element, tokens, end, lexicon))
      return element;
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

/** Whether a phrase takes the "that" of "skip that brand", which is no "skip that". */
function names(element: Element, tokens: readonly Token[], end: number, lexicon: Lexicon): boolean {
  const next = tokens[end];
  if (next === undefined || next.gap > 0 || !element.isCue("leave_out")) return false;
  const following = lexicon.phrases.cues.get(next.text);
  return following === undefined
    ? lexicon.hasText(next.text) || lexicon.meaning(next.stem) !== null
    : following.field !== null;
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

function isLooseWord({ meaning, text, title }: Element): boolean {
  return title === null && meaning !== null && isSameMeaning(meaning, wordsMeaning(text));
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
