/** Reads values and words of the catalogue, and titles. The same as `edge_runtime/conversation/naming.py`. */

import { at } from "../at";
import type { Meaning } from "./lexicon";
import type { Polarity } from "./parsed";
import type { Wish } from "./query";
import type { Reading } from "./reading";

const LONGEST_TITLE = 10;
/** Minimum share of the words of a title that "I love ..." or one word names, or it is about something else. */
const MOST = 0.5;

/** Read a value or a word of the catalogue, or a title; returns the number of elements used. */
export function readName(reading: Reading, index: number, meaning: Meaning): number {
  const element = at(reading.elements, index);
  const used = reading.likes || reading.loves ? readTitle(reading, index) : 0;
  if (used > 0) return used;
  const { text, gap } = element;
  const { isRelated } = meaning;
  const free = freeAfter(reading, index);
  const isFree = free !== "";
  const isSaid = isFree && reading.lexicon.hasText(free); // the catalogue says so itself
  const words = [isSaid ? free : element.isCorrected ? text : element.shown];
  const wish = isSaid ? { field: null, values: [free] } : restricted(reading, meaning, text);
  const polarity = isFree && !isSaid ? "not" : polarityOf(reading, meaning);
  const joined = reading.joined || (gap === 1 ? "," : "");
  const isLoose = isSaid || (wish.field === null && meaning.fields.length === 0 && wish.values.length === 1);
  reading.said.push({ wish, polarity, joined, isLoose, text, at: index, gap, isRelated, words });
  reading.nNamed += 1;
  [reading.joined, reading.limit] = ["", null];
  return isFree ? 2 : 1;
}

/** A name with the "free" after it, as in "nut free"; an empty text if there is none. */
function freeAfter({ elements }: Reading, index: number): string {
  const following = elements[index + 1];
  return following?.gap === 0 && following.isCue("suffix_not") ? `${elements[index]?.text} ${following.text}` : "";
}

/** What merely suits the words, or is only likened to, is preferred. */
function polarityOf({ polarity, likes }: Reading, { isRelated }: Meaning): Polarity {
  return polarity === "want" && (isRelated || likes) ? "prefer" : polarity;
}

/** A wish in the fact that was named before it. */
function restricted({ ofField: field, lexicon }: Reading, { wish, fields }: Meaning, text: string): Wish {
  if (field === null || lexicon.numeric.has(field)) return wish;
  if (fields.includes(field)) return { field, values: wish.values };
  const values = lexicon.valuesWith(field, text);
  return values.length > 0 ? { field, values } : wish;
}

/** Take the longest run of words that is a title as the item that is meant; returns the number of elements. */
function readTitle(reading: Reading, index: number): number {
  const { elements, lexicon } = reading;
  let end = index + 1;
  while (elements[end]?.gap === 0 && end - index < LONGEST_TITLE) end++;
  let start = index;
  while (start > 0 && at(elements, start - 1).isSkipped && at(elements, start).gap === 0) start--;
  for (let last = end; last > index; last--) {
    const words = elements.slice(start, last).map(({ text }) => text);
    const row = lexicon.titleRow(words.join(" "));
    const isLong = !reading.loves && last - index > 1;
    const isWhole = row !== null && (isLong || lexicon.titleShare(row, words.join(" ")) >= MOST);
    if (!isWhole || !isTitle(reading, index, last)) continue;
    (reading.polarity === "not" ? reading.unlike : reading.similar).push(at(reading.itemIds, row));
    [reading.likes, reading.loves] = [false, false];
    reading.nNamed += 1;
    reading.likedAt = last - 1;
    if (reading.polarity === "prefer") reading.polarity = "want";
    return last - index;
  }
  return 0;
}

/** Whether a run may be a title: one value of a fact alone is taken for the value. */
function isTitle({ elements }: Reading, start: number, end: number): boolean {
  return end - start > 1 || (elements[start]?.meaning?.fields.length ?? 0) === 0;
}
