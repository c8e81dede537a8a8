/**
 * The catalogue's own words: values of facts, words of titles, titles, and what a language calls them. The same as
 * `edge_runtime/conversation/lexicon.py`.
 */

import type { FactField } from "../bundleJson";
import { numberOf } from "../filters/conditions";
import type { Mask } from "../filters/table";
import type { Items } from "../items";
import type { Finder } from "../search/finder";
import { Vocabulary } from "../search/vocabulary";
import { stem, wordsOf } from "../search/words";
import { keyOfWish, MAX_VALUES, type Wish } from "./query";
import { joined, phraseOf, separate, type Token } from "./tokens";
import { isOneError } from "./typos";
import type { Phrases } from "./words";

/** Maximum number of words of a value that is recognized as a whole. */
const MAX_PHRASE = 6;
const LONGEST = 8;
/** Number of values by which a fact is judged to be a number, and of items by which it is judged to have one value. */
const N_SAMPLED = 500;
/** Maximum number of titles of which the beginnings are kept, to recognize them as a whole. */
const MAX_TITLES = 100_000;
/** Share of items with one value at most, from which a fact has one value. */
const SINGLE = 0.95;
/** Minimum length of a word that is corrected, if it is not next to a word that belongs to it. */
const MIN_TYPO = 5;
/** Minimum length of a word that is corrected to one of titles; shorter ones are too often words of their own. */
const MIN_CORRECTED = 8;
/** Maximum number of values of a fact that a part of them may mean, such as a surname. */
const MAX_PART_OF = 8;
/** Maximum number of words that may also be written as one, such as "eye shadow"; or the other way round. */
const GLUED = 2;
/** Number of words by which titles are looked up. */
const BEGINNING = 2;
/** Minimum number of words of a title whose end a sentence lacks because it was too long. */
const CUT = 20;
const SIGN = /^[-\u2212\u2013]+/;
/** Facts of which the values are names of people. */
const PEOPLE = ["author", "cast", "creator", "director"];
const MARK = /[,:(]/;
const PRICE = "price";

/** What a phrase names in the catalogue. */
export interface Meaning {
  readonly wish: Wish;
  /** Whether the values only suit the phrase, such as wool for the winter. */
  readonly isRelated: boolean;
  /** Facts that have exactly such a value. */
  readonly fields: readonly string[];
}

/** The meaning of words in any fact or title. */
export function wordsMeaning(text: string): Meaning {
  return { wish: { field: null, values: [text] }, isRelated: false, fields: [] };
}

/** What a phrase of the language stands for. */
interface Target {
  readonly phrase: string;
  readonly targets: readonly string[];
  readonly isRelated: boolean;
}

type Valued = readonly [field: string, value: string];

/** Looks up phrases, stems joined by blanks, in one catalogue and one language. */
export class Lexicon {
  /** Facts whose values are numbers. */
  readonly numeric: ReadonlySet<string>;
  readonly fieldNames: ReadonlySet<string>;
  /** Facts of which an item has one value. */
  readonly single: ReadonlySet<string>;
  readonly longest: number;
  private readonly fields: ReadonlyMap<string, FactField>;
  private readonly values: ReadonlyMap<string, readonly Valued[]>;
  private readonly targets: ReadonlyMap<string, Target>;
  private readonly synonyms = new Map<string, Meaning | null>();
  private readonly beginnings: ReadonlySet<string>;
  /** Rows by the first two stems of their titles. */
  private readonly titled: ReadonlyMap<string, readonly number[]>;
  /** Values of a word or two by their stems without blanks. */
  private readonly glued: ReadonlyMap<string, string>;
  private readonly surnames: ReadonlyMap<string, readonly Valued[]>;
  private readonly valueWords: ReadonlySet<string>;
  private readonly pairs: ReadonlySet<string>;
  /** Stem to those that stand before or after it in a value. */
  private readonly beside: ReadonlyMap<string, ReadonlySet<string>>;
  private readonly spoken: Vocabulary;

  /** @param live names of the live facts, which are taken for numbers if they are a price. */
  constructor(
    items: Items,
    private readonly finder: Finder,
    readonly phrases: Phrases,
    live: readonly string[] = [],
  ) {
    this.fields = new Map(items.factFields());
    const names = [...this.fields.keys()];
    this.numeric = new Set([
      ...names.filter((name) => isNumeric(this.fields.get(name))),
      ...live.filter((name) => name === PRICE),
    ]);
    this.fieldNames = new Set([...names, ...this.numeric]);
    this.single = new Set(names.filter((name) => isSingle(this.fields.get(name))));
    this.titles = items.titles;
    this.values = valuesOf(this.fields, this.numeric);
    const { same, related, cues } = phrases.words;
    this.targets = new Map([...targetsOf(related, true), ...targetsOf(same, false)]);
    this.longest = Math.min(Math.max(MAX_PHRASE, phrases.longest), LONGEST);
    const beginnings = items.titles.length <= MAX_TITLES ? items.titles.map(beginningOf) : [];
    this.beginnings = new Set(beginnings.filter(isPhrase));
    this.titled = rowsBy(beginnings.map((stems) => joined(separate(stems).slice(0, BEGINNING))));
    const stems = [...this.values.keys()].map(separate);
    const short = stems.filter(({ length }) => length <= GLUED);
    this.glued = new Map(short.map((words) => [stem(words.join("")), joined(words)]));
    this.surnames = surnamesOf(this.fields);
    this.valueWords = new Set(stems.flat());
    this.pairs = new Set(stems.flatMap((words) => words.slice(1).map((word, index) => `${words[index]} ${word}`)));
    this.beside = besideOf(this.pairs);
    const spoken = [...Object.keys(same), ...Object.keys(related), ...Object.values(cues).flat()];
    this.spoken = new Vocabulary([...new Set(spoken.flatMap(wordsOf))].sort());
  }

  private readonly titles: readonly string[];

  /** What a phrase means: a value of a fact as a whole, or a synonym; null if it is neither. */
  meaning(stems: string): Meaning | null {
    const target = this.targets.get(stems);
    if (target === undefined) return this.exactly(stems);
    let synonym = this.synonyms.get(stems);
    if (synonym === undefined) {
      synonym = this.synonym(stems, target);
      this.synonyms.set(stems, synonym);
    }
    return synonym ?? this.exactly(stems);
  }

  /** A value, which may also be written as one word, such as "eyeshadow"; or as two. */
  private exactly(stems: string): Meaning | null {
    const glued = separate(stems).length > GLUED ? undefined : this.glued.get(stem(stems.replace(" ", "")));
    return this.exact(stems) ?? (glued === undefined ? null : this.exact(glued));
  }

  /** The people with a surname; null if they are too many, or a title has it, too. */
  person(text: string): Meaning | null {
    const found = this.surnames.get(text) ?? [];
    if (found.length === 0 || found.length > MAX_PART_OF) return null;
    const fields = [...new Set(found.map(([field]) => field))];
    const values = [...new Set(found.map(([, value]) => value))];
    const people = fields.map((field) => this.holds({ field, values }));
    const isOther = (row: number) =>
      !people.some((mask) => mask[row] === 1) && hasAll(wordsOf(this.titles[row] ?? ""), words);
    const words = wordsOf(text);
    if (this.finder.holdsWords(text).some((holds, row) => holds === 1 && isOther(row))) return null;
    return { wish: { field: fields.length === 1 ? (fields[0] ?? null) : null, values }, isRelated: false, fields };
  }

  /** Whether words are values of facts, one after the other. */
  isOfValues(stems: readonly string[]): boolean {
    if (stems.length === 0) return true;
    return stems.some((_, n) => this.values.has(joined(stems.slice(0, n + 1))) && this.isOfValues(stems.slice(n + 1)));
  }

  /** Whether a token is a word of the language, or of a title or fact in some form. */
  knows({ text, stem }: Token): boolean {
    const { known, ordinary } = this.phrases;
    return known.has(text) || ordinary.has(text) || this.valueWords.has(stem) || this.finder.knows(text);
  }

  /** Whether a token is a word without meaning with "'s", as in "my sister's birthday". */
  isPossessive({ text, shown }: Token): boolean {
    if (!/['’]s$/u.test(shown)) return false;
    const names = this.phrases.cues.get(text.slice(0, -1))?.names;
    return names?.size === 1 && names.has("skip");
  }

  /** Whether several words are a title, or one up to its first mark, such as that of "Heat: The End". */
  beginsTitle(stems: string): boolean {
    return this.beginnings.has(stems);
  }

  /** The row of the longest title of two words or more that tokens begin with, and its number of words. */
  wholeTitle(tokens: readonly Token[]): { readonly row: number; readonly length: number } | null {
    const stems = tokens.map((token) => token.stem.replace(SIGN, ""));
    let found = { row: -1, length: 1 };
    const rows = [1, BEGINNING].flatMap((n) => this.titled.get(joined(stems.slice(0, n))) ?? []);
    for (const row of rows) {
      const title = separate(phraseOf(this.titles[row] ?? ""));
      const isCut = CUT < stems.length && stems.length < title.length; // the sentence was too long
      const length = isCut ? stems.length : title.length;
      const isSame = title.slice(0, isCut ? length - 1 : length).every((stem, index) => stem === stems[index]);
      if (length > found.length && isSame) found = { row, length };
    }
    return found.row < 0 ? null : found;
  }

  /** Whether all words of a text are in one title or one fact. */
  hasText(text: string): boolean {
    return this.finder.holdsWords(text).includes(1);
  }

  /**
   * The known word with one typing error less; words of facts first, then those of the language.
   *
   * @param before stem of the word before it, or an empty text: a value that has both is likelier.
   * @param after stem of the word after it, or an empty text.
   */
  corrected(word: string, before: string, after: string): string | null {
    const lengthOf = (text: string) => Array.from(text).length;
    const isLong = lengthOf(word) >= MIN_TYPO;
    const beginsAlike = (near: string) => near.codePointAt(0) === word.codePointAt(0);
    const found = this.finder.vocabulary
      .nearWords(word)
      .filter((near) => Math.abs(lengthOf(near) - lengthOf(word)) <= 1);
    const ofFacts = found.filter((near) => this.valueWords.has(separate(phraseOf(near))[0] ?? ""));
    const fits = (near: string) =>
      this.pairs.has(`${before} ${stem(near)}`) || this.pairs.has(`${stem(near)} ${after}`);
    const choices = [
      ofFacts.filter(fits),
      isLong ? ofFacts.filter(beginsAlike) : [],
      isLong ? this.spoken.nearWords(word).filter(beginsAlike) : [],
      lengthOf(word) >= MIN_CORRECTED ? found.filter(beginsAlike) : [],
    ];
    const candidates = choices.find((words) => words.length > 0) ?? [];
    const ordered = candidates.map((near) => [this.finder.nTexts(near), near] as const);
    ordered.sort(([n, one], [m, other]) => m - n || (one < other ? -1 : 1));
    return ordered[0]?.[1] ?? null;
  }

  /** The stem one typing error away that makes a value with the word before or after, such as "Jim". */
  fitting(word: string, before: string, after: string): string | null {
    const near = new Set([before, after].flatMap((stems) => [...(this.beside.get(stems) ?? [])]));
    const fits = (one: string) => this.pairs.has(`${before} ${one}`) || this.pairs.has(`${one} ${after}`);
    return [...near].sort().find((one) => fits(one) && isOneError(word, one)) ?? null;
  }

  /** The values of a fact that have all these words; none if they are too many. */
  valuesWith(field: string, text: string): readonly string[] {
    const wanted = separate(phraseOf(text));
    const found = (this.fields.get(field)?.values ?? []).filter((value) => hasAll(separate(phraseOf(value)), wanted));
    return found.length <= MAX_PART_OF ? found : [];
  }

  /** Whether an item fulfils all wishes, by the facts of the bundle. */
  hasAll(wishes: readonly Wish[]): boolean {
    const masks = wishes.map((wish) => this.holds(wish));
    for (let row = 0; row < this.titles.length; row++) if (masks.every((mask) => mask[row] === 1)) return true;
    return false;
  }

  /** The row of the best match of which the title has all words; null if there is none. */
  titleRow(text: string): number | null {
    return this.finder.titled(text);
  }

  /** Which share of the words of a title, up to its first mark, is in a text. */
  titleShare(row: number, text: string): number {
    const title = new Set(separate(beginningOf(this.titles[row] ?? "")));
    const words = separate(phraseOf(text));
    return [...title].filter((word) => words.includes(word)).length / Math.max(1, title.size);
  }

  private holds({ field, values }: Wish): Mask {
    const facts = field === null ? undefined : this.fields.get(field);
    if (facts === undefined) return anyOf(values.map((value) => this.finder.holdsWords(value)));
    const wanted = new Set(values);
    const isHit = facts.values.map((value) => wanted.has(value));
    return Uint8Array.from(facts.rows, (indices) => (indices.some((index) => isHit[index]) ? 1 : 0));
  }

  private exact(stems: string): Meaning | null {
    const found = this.values.get(stems);
    if (found === undefined) return null;
    const fields = [...new Set(found.map(([field]) => field))];
    const values = [...new Set(found.map(([, value]) => value))].slice(0, MAX_VALUES);
    const wish = { field: fields.length === 1 ? (fields[0] ?? null) : null, values };
    return { wish, isRelated: false, fields };
  }

  private synonym(stems: string, { phrase, targets, isRelated }: Target): Meaning | null {
    const own = isRelated || this.exact(stems) === null ? [] : [phrase];
    const found = this.anyOf([...own, ...targets]);
    if (found === null) return null;
    // The phrase itself comes first, for the chip.
    const wish = isRelated ? { field: null, values: [phrase, ...found.values].slice(0, MAX_VALUES) } : found;
    return { wish, isRelated, fields: wish.field === null ? [] : [wish.field] };
  }

  /** The wish for any of these texts that the catalogue has; in one fact if all are values of it. */
  private anyOf(targets: readonly string[]): Wish | null {
    const exact = targets.flatMap((target) => this.exact(phraseOf(target))?.wish ?? []);
    const values = [...new Set(exact.flatMap((wish) => wish.values))];
    const named = values.map((value) => separate(phraseOf(value)));
    const texts = targets
      .filter((target) => this.exact(phraseOf(target)) === null && this.hasText(target))
      .filter((text) => !named.some((words) => hasAll(words, separate(phraseOf(text)))));
    if (values.length === 0 && texts.length === 0) return null;
    const fields = [...new Set(exact.map(({ field }) => field))];
    if (fields.length === 1 && texts.length === 0)
      return { field: fields[0] ?? null, values: values.slice(0, MAX_VALUES) };
    return { field: null, values: [...new Set([...values, ...texts])].slice(0, MAX_VALUES) };
  }
}

/** Whether two meanings are equal. */
export function isSameMeaning(one: Meaning, other: Meaning): boolean {
  return (
    one.isRelated === other.isRelated &&
    keyOfWish(one.wish) === keyOfWish(other.wish) &&
    joined(one.fields) === joined(other.fields)
  );
}

function hasAll(words: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((word) => words.includes(word));
}

function anyOf(masks: readonly Mask[]): Mask {
  return (masks[0] ?? new Uint8Array()).map((_, row) => (masks.some((mask) => mask[row] === 1) ? 1 : 0));
}

function targetsOf(lists: Readonly<Record<string, readonly string[]>>, isRelated: boolean): [string, Target][] {
  return Object.entries(lists).map(([phrase, targets]) => [phraseOf(phrase), { phrase, targets, isRelated }]);
}

/** Each stem to those that stand before or after it in a value. */
function besideOf(pairs: Iterable<string>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const add = (one: string, other: string) => found.set(one, (found.get(one) ?? new Set()).add(other));
  for (const [first = "", second = ""] of [...pairs].map(separate)) {
    add(first, second);
    add(second, first);
  }
  return found;
}

/** The stems of a title up to the first comma, colon or bracket. */
function beginningOf(title: string): string {
  return phraseOf(title.split(MARK, 1)[0] ?? "");
}

/** Whether stems are two words or more, but not too many. */
function isPhrase(stems: string): boolean {
  return stems.includes(" ") && separate(stems).length <= MAX_PHRASE;
}

function rowsBy(keys: readonly string[]): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const [row, key] of keys.entries()) {
    const known = rows.get(key);
    if (known === undefined) rows.set(key, [row]);
    else known.push(row);
  }
  return rows;
}

/** The values of all facts that are no numbers, by their stems; `&` is also found as a word in between. */
function valuesOf(fields: ReadonlyMap<string, FactField>, numeric: ReadonlySet<string>): Map<string, Valued[]> {
  const found = new Map<string, Valued[]>();
  const add = (stems: string, valued: Valued) => {
    if (stems === "" || separate(stems).length > MAX_PHRASE) return;
    const known = found.get(stems);
    if (known === undefined) found.set(stems, [valued]);
    else known.push(valued);
  };
  for (const [name, { values }] of fields) {
    if (numeric.has(name)) continue;
    for (const value of values) {
      add(phraseOf(value), [name, value]);
      if (value.includes("&")) add(phraseOf(value.replaceAll("&", " and ")), [name, value]);
    }
  }
  return found;
}

/** The facts with names of people by the words that they end with, the first name left out. */
function surnamesOf(fields: ReadonlyMap<string, FactField>): Map<string, Valued[]> {
  const found = new Map<string, Valued[]>();
  for (const field of PEOPLE) {
    for (const value of fields.get(field)?.values ?? []) {
      const words = wordsOf(value);
      for (let start = 1; start < Math.min(words.length, MAX_PHRASE); start++) {
        const surname = words.slice(start).join(" ");
        found.set(surname, [...(found.get(surname) ?? []), [field, value]]);
      }
    }
  }
  return found;
}

/** Whether all values of a fact (of the first five hundred) are numbers. */
function isNumeric(field: FactField | undefined): boolean {
  const values = field?.values.slice(0, N_SAMPLED) ?? [];
  return values.length > 0 && values.every((value) => numberOf(value) !== null);
}

function isSingle(field: FactField | undefined): boolean {
  const rows = field?.rows.slice(0, N_SAMPLED) ?? [];
  return rows.filter((indices) => indices.length <= 1).length >= SINGLE * rows.length;
}
