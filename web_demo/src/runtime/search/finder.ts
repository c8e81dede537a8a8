/** Finds items by words in their titles and facts. The same as `edge_runtime/search/finder.py`, which has the formula. */

import { at } from "../at";
import { bestRows } from "../codes";
import {
  FORM,
  IMPORTANT_FIELDS,
  IMPORTANT_WEIGHT,
  MAX_QUERY_CHARACTERS,
  MAX_QUERY_WORDS,
  N_ITEMS_OF_A_RARE_WORD,
  TITLE_WEIGHT,
} from "../constants";
import type { Items } from "../items";
import { lacks } from "./absence";
import { type Match, Vocabulary } from "./vocabulary";
import { stem, wordsOf } from "./words";

/** How well each item's title and its best fact match a word. */
interface Matched {
  readonly title: Uint8Array;
  readonly fact: Uint8Array;
  readonly nItems: number;
}

export class Finder {
  private readonly nItems: number;
  private readonly index: Index;

  /** @param popularity breaks ties between items that match equally well. */
  constructor(
    private readonly items: Items,
    private readonly popularity: Uint8Array,
  ) {
    this.nItems = items.titles.length;
    this.index = indexOf([...items.titles, ...items.factFields().flatMap(([, { values }]) => values)]);
  }

  /** The rows of the `limit` best matches, best first: items that match the most words, or one word fewer. */
  find(text: string, limit: number): number[] {
    const sums: Sums = {
      nMatched: new Uint8Array(this.nItems),
      nInTitle: new Uint8Array(this.nItems),
      weight: new Uint32Array(this.nItems),
    };
    for (const word of this.queryWords(text)) this.addWord(sums, this.match(word));
    return bestRows(this.orderOf(sums), limit, this.missedBy(sums));
  }

  /** The words of titles and facts. */
  get vocabulary(): Vocabulary {
    return this.index.vocabulary;
  }

  /** Whether a title or fact has a word in some form. */
  knows(word: string): boolean {
    return this.vocabulary.matches(word).some(({ quality }) => quality >= FORM);
  }

  /** How many titles and values have a word in some form. */
  nTexts(word: string): number {
    const { starts } = this.index;
    return this.vocabulary
      .matches(word)
      .filter(({ quality }) => quality === FORM)
      .reduce((sum, { places: [from, to] }) => sum + (starts[to] ?? 0) - (starts[from] ?? 0), 0);
  }

  /** Which items have all words of a text, in some form, in the title or in one fact: 1 for each. */
  holdsWords(text: string): Uint8Array {
    const words = distinctWordsOf(text);
    const { starts, texts, nWords } = this.index;
    /** The number of words that a text has, one after the other. */
    const nHeld = new Uint8Array(nWords.length);
    for (const [index, word] of words.entries()) {
      for (const { quality, places } of this.vocabulary.matches(word)) {
        if (quality < FORM) continue;
        for (const text of texts.subarray(starts[places[0]], starts[places[1]])) {
          if (nHeld[text] === index) nHeld[text] = index + 1;
        }
      }
    }
    const holds = nHeld.map((n) => (words.length > 0 && n === words.length ? 1 : 0));
    const fact = this.matchedFacts(holds.subarray(this.nItems));
    return holds.subarray(0, this.nItems).map((inTitle, row) => (inTitle === 1 || (fact[row] ?? 0) > 0 ? 1 : 0));
  }

  /** Which titles name something only to deny it, such as "paraben-free": 1 for each. */
  freeOf(text: string): Uint8Array {
    const stems = wordsOf(firstCharacters(text)).map(stem);
    return this.holdsWords(text).map((holds, row) => (holds === 1 && lacks(at(this.items.titles, row), stems) ? 1 : 0));
  }

  /** The row of the best match for a text of which every word is in the title; null if there is none. */
  titled(text: string): number | null {
    const stems = distinctWordsOf(text).map(stem);
    if (stems.length === 0) return null;
    const isTitle = (row: number) => {
      const ofTitle = new Set(wordsOf(at(this.items.titles, row)).map(stem));
      return stems.every((one) => ofTitle.has(one));
    };
    return this.find(text, 3).find(isTitle) ?? null;
  }

  private addWord({ nMatched, nInTitle, weight }: Sums, { title, fact, nItems }: Matched): void {
    const rarity = nItems === 0 ? 0 : 32 - Math.clz32(Math.floor(this.nItems / nItems));
    for (let row = 0; row < this.nItems; row++) {
      const [inTitle, inFact] = [title[row] ?? 0, fact[row] ?? 0];
      if (inTitle === 0 && inFact === 0) continue;
      nMatched[row] = (nMatched[row] ?? 0) + 1;
      if (inTitle >= FORM) nInTitle[row] = (nInTitle[row] ?? 0) + 1;
      weight[row] = (weight[row] ?? 0) + rarity * (TITLE_WEIGHT * inTitle + inFact);
    }
  }

  /** Number of matched words first, then whether the title says no more, the weight and the popularity. */
  private orderOf({ nMatched, nInTitle, weight }: Sums): Float64Array {
    return Float64Array.from(nMatched, (n, row) => {
      const saysNoMore = nInTitle[row] === this.index.nWords[row] ? 1 : 0;
      return (n * 2 + saysNoMore) * 2 ** 24 + (weight[row] ?? 0) * 256 + (this.popularity[row] ?? 0);
    });
  }

  /** The rows that match no word, or two words fewer than the best. */
  private missedBy({ nMatched }: Sums): Set<number> {
    const least = Math.max(1, nMatched.reduce((most, n) => Math.max(most, n), 0) - 1);
    const missed = new Set<number>();
    for (const [row, n] of nMatched.entries()) if (n < least) missed.add(row);
    return missed;
  }

  /** The distinct words of a query; a word that only matches if split in two is replaced by its parts. */
  private queryWords(text: string): string[] {
    const { vocabulary } = this.index;
    const queryWords = wordsOf(firstCharacters(text))
      .slice(0, MAX_QUERY_WORDS)
      .flatMap((word) => {
        const isKnown = vocabulary.matches(word).length > 0 || vocabulary.near(word).length > 0;
        return isKnown ? [word] : vocabulary.split(word);
      });
    return [...new Set(queryWords)].slice(0, MAX_QUERY_WORDS);
  }

  /** Typing errors are considered if at most one item in a thousand matches the word, which may be an error itself. */
  private match(word: string): Matched {
    const { vocabulary } = this.index;
    const found = this.matchedBy(vocabulary.matches(word));
    if (N_ITEMS_OF_A_RARE_WORD * found.nItems > this.nItems) return found;
    return this.matchedBy([...vocabulary.near(word), ...vocabulary.matches(word)]);
  }

  private matchedBy(matches: readonly Match[]): Matched {
    const { starts, texts, nWords } = this.index;
    const matched = new Uint8Array(nWords.length);
    for (const { quality, places } of matches) {
      for (let at = starts[places[0]] ?? 0; at < (starts[places[1]] ?? 0); at++) {
        matched[texts[at] ?? 0] = quality;
      }
    }
    const title = matched.subarray(0, this.nItems);
    const fact = this.matchedFacts(matched.subarray(this.nItems));
    return { title, fact, nItems: title.reduce((n, of, row) => n + (of > 0 || (fact[row] ?? 0) > 0 ? 1 : 0), 0) };
  }

  private matchedFacts(matched: Uint8Array): Uint8Array {
    const fact = new Uint8Array(this.nItems);
    let first = 0;
    for (const [name, { values, rows }] of this.items.factFields()) {
      const weight = IMPORTANT_FIELDS.includes(name) ? IMPORTANT_WEIGHT : 1;
      const ofValues = matched.subarray(first, first + values.length).map((of) => Math.min(of, FORM) * weight);
      first += values.length;
      if (!ofValues.some((of) => of > 0)) continue;
      for (const [row, indices] of rows.entries()) {
        for (const index of indices) fact[row] = Math.max(fact[row] ?? 0, ofValues[index] ?? 0);
      }
    }
    return fact;
  }
}

function distinctWordsOf(text: string): string[] {
  return [...new Set(wordsOf(firstCharacters(text)))].slice(0, MAX_QUERY_WORDS);
}

/** The first characters of a query; a character has at most two UTF-16 code units. */
function firstCharacters(text: string): string {
  const characters = Array.from(text.slice(0, 2 * MAX_QUERY_CHARACTERS));
  return characters.slice(0, MAX_QUERY_CHARACTERS).join("");
}

/** For each item, sums over the words of a query. */
interface Sums {
  readonly nMatched: Uint8Array;
  /** Of these, the words that match a word of the title in any form. */
  readonly nInTitle: Uint8Array;
  readonly weight: Uint32Array;
}

interface Index {
  readonly vocabulary: Vocabulary;
  /** `texts[starts[i]]` up to the next start are the texts that contain the word with index `i`. */
  readonly starts: Uint32Array;
  readonly texts: Uint32Array;
  /** Number of distinct words of each text, at most 255. */
  readonly nWords: Uint8Array;
}

function indexOf(texts: readonly string[]): Index {
  const numberOf = new Map<string, number>();
  const nWords = new Uint8Array(texts.length);
  const numbers = texts.map((text, index) => {
    const distinct = [...new Set(wordsOf(text))];
    nWords[index] = Math.min(distinct.length, 255);
    return Uint32Array.from(distinct, (word) => numberOf.get(word) ?? numberOf.set(word, numberOf.size).size - 1);
  });
  const words = [...numberOf.keys()].sort();
  const placeOf = new Uint32Array(words.length);
  for (const [place, word] of words.entries()) placeOf[numberOf.get(word) ?? 0] = place;
  const starts = new Uint32Array(words.length + 1);
  const next = (place: number, by: number) => {
    starts[place] = (starts[place] ?? 0) + by;
    return starts[place] ?? 0;
  };
  for (const ofText of numbers) for (const number of ofText) next(placeOf[number] ?? 0, 1);
  for (let place = 1; place <= words.length; place++) next(place, starts[place - 1] ?? 0);
  // From the last text to the first, so that each word's end moves down to its start.
  const byWord = new Uint32Array(starts[words.length] ?? 0);
  for (let text = texts.length - 1; text >= 0; text--) {
    for (const number of at(numbers, text)) byWord[next(placeOf[number] ?? 0, -1)] = text;
  }
  return { vocabulary: new Vocabulary(words), starts, texts: byWord, nWords };
}
