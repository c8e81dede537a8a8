/** The sorted words of a catalogue, and which of them a typed word may match. The same as `edge_runtime/search/vocabulary.py`. */

import { at } from "../at";
import { BEGINNING, FORM, MIN_PART, MIN_TYPO_BEGINNING, MIN_TYPO_LETTERS, TYPO, WHOLE } from "../constants";
import { stem } from "./words";

const ENDINGS = ["", "s", "e", "es", "se", "ses"];
const Y_ENDINGS = ["ie", "ies"];
const LAST = "\uffff";

/** A range of indices in the sorted words, the end exclusive. */
type Range = readonly [number, number];

/** A range of matching words, and how well they match. */
export interface Match {
  readonly quality: number;
  readonly places: Range;
}

export class Vocabulary {
  /** @param words distinct, sorted by UTF-16 code units. */
  constructor(private readonly words: readonly string[]) {}

  /** The words that match a typed word without typing errors, weakest match first. */
  matches(word: string): Match[] {
    const begun = this.beginningWith(word);
    const found: Match[] = isEmpty(begun) ? [] : [{ quality: BEGINNING, places: begun }];
    for (const place of this.forms(word)) found.push({ quality: FORM, places: [place, place + 1] });
    const whole = this.place(word);
    if (whole !== null) found.push({ quality: WHOLE, places: [whole, whole + 1] });
    return found;
  }

  /** The words that match if one letter was inserted, omitted, replaced, or swapped with its neighbour. */
  near(word: string): Match[] {
    if (word.length < MIN_TYPO_LETTERS || /^[0-9]/.test(word)) return [];
    const common = stem(word);
    let found = this.corrected(word);
    if (found.length === 0 && common !== word) found = this.corrected(common);
    return found.map((places) => ({ quality: TYPO, places }));
  }

  /** The words with one typing error less, where `near` finds some. */
  nearWords(word: string): string[] {
    return this.near(word).flatMap(({ places: [from, to] }) => this.words.slice(from, to));
  }

  /** The two words that were joined by omitting a space; of several, those with the longest first word. */
  split(word: string): readonly string[] {
    for (let at = word.length - MIN_PART; at >= MIN_PART; at--) {
      const parts = [word.slice(0, at), word.slice(at)];
      if (parts.every((part) => this.forms(part).length > 0)) return parts;
    }
    return [];
  }

  private corrected(word: string): Range[] {
    const corrections = new Set<string>();
    this.addCorrections(word, corrections);
    const known = [...corrections].filter((one) => this.place(one) !== null);
    const places = new Set(known.flatMap((one) => this.forms(one)));
    if (places.size > 0 || word.length < MIN_TYPO_BEGINNING) return [...places].map((place) => [place, place + 1]);
    return [...corrections].map((one) => this.beginningWith(one)).filter((range) => !isEmpty(range));
  }

  /** Add all strings at one typing error's distance that some word may start with; only letters that occur are tried. */
  private addCorrections(word: string, corrections: Set<string>): void {
    for (let at = 0; at <= word.length; at++) {
      const [head, tail] = [word.slice(0, at), word.slice(at)];
      const here = this.beginningWith(head);
      if (isEmpty(here)) return;
      corrections.add(head + tail.slice(1));
      corrections.add(head + tail.slice(1, 2) + tail.slice(0, 1) + tail.slice(2));
      for (const letter of this.lettersAfter(head, here)) {
        corrections.add(head + letter + tail);
        corrections.add(head + letter + tail.slice(1));
      }
    }
  }

  private lettersAfter(head: string, [start, stop]: Range): string[] {
    const letters: string[] = [];
    let place = start;
    while (place < stop) {
      const letter = at(this.words, place).charAt(head.length);
      if (letter === "") place++;
      else {
        letters.push(letter);
        place = this.firstFrom(head + letter + LAST, place, stop);
      }
    }
    return letters;
  }

  /** The indices of the words with the same stem. */
  private forms(word: string): number[] {
    const common = stem(word);
    const forms = ENDINGS.map((ending) => common + ending);
    if (common.endsWith("y")) forms.push(...Y_ENDINGS.map((ending) => common.slice(0, -1) + ending));
    return forms
      .filter((form) => stem(form) === common)
      .map((form) => this.place(form))
      .filter((place) => place !== null);
  }

  private place(word: string): number | null {
    const place = this.firstFrom(word);
    return this.words[place] === word ? place : null;
  }

  private beginningWith(start: string): Range {
    return [this.firstFrom(start), this.firstFrom(start + LAST)];
  }

  /** The first index in `[low, high)` whose word is not less than `word`; `high` if there is none. */
  private firstFrom(word: string, low = 0, high = this.words.length): number {
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.words[middle] ?? "") < word) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isEmpty([start, stop]: Range): boolean {
  return start >= stop;
}
