/** Reads values and words of the catalogue, and titles. The same as `edge_runtime/conversation/naming.py`. */

import { at } from "../at";
import type { Meaning } from "./lexicon";
import type { Polarity } from "./parsed";
import type { Wish } from "./query";
import type { Reading } from "./reading";
import type { Element } from "./scanning";

const LONGEST_TITLE = 10;
/** Minimum number of words that name a title without being most of it. */
const SEVERAL = 3;
/** Minimum share of the words of a title that "I love ..." or one word names, or it is about something else. */
const MOST = 0.5;

/** Read a value or a word of the catalogue, or a title; returns the number of elements used. */
export function readName(reading: Reading, index: number, meaning: Meaning): number {
  const element = at(reading.elements, index);
  const used = readLiked(reading, index);
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

/** Take a title that is liked as the item that is meant; returns the number of elements used. */
function readLiked(reading: Reading, index: number): number {
  const { loves } = reading;
  reading.loves ||= goesOn(reading, index);
  const used = reading.likes || reading.loves ? readTitle(reading, index) : 0;
  if (used === 0) reading.loves = loves;
  return used;
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
  const { title } = at(elements, index);
  if (title !== null) {
    resemble(reading, title, index + 1);
    return 1;
  }
  const end = endOfRun(elements, index);
  let start = index;
  while (start > 0 && at(elements, start - 1).isSkipped && at(elements, start).gap === 0) start--;
  for (let last = end; last > index; last--) {
    const [row, words] = rowOf(reading, [start, index], last);
    if (row === null || !isTitle(reading, index, last)) continue;
    const isLong = !reading.loves && (last - index > 1 || nWords(elements.slice(index, last)) >= SEVERAL);
    if (!isLong && lexicon.titleShare(row, words) < MOST) continue;
    resemble(reading, row, last);
    return last - index;
  }
  return 0;
}

/** Let the list resemble an item, or not, whose title ends before an index. */
function resemble(reading: Reading, row: number, end: number): void {
  (reading.polarity === "not" ? reading.unlike : reading.similar).push(at(reading.itemIds, row));
  [reading.likes, reading.loves] = [false, false];
  reading.nNamed += 1;
  reading.likedAt = end - 1;
  if (reading.polarity === "prefer") reading.polarity = "want";
}

function endOfRun(elements: readonly Element[], index: number): number {
  let end = index + 1;
  while (elements[end]?.gap === 0 && end - index < LONGEST_TITLE) end++;
  return end;
}

/** Whether a run may be a title: one value of a fact alone is taken for the value. */
function isTitle({ elements }: Reading, start: number, end: number): boolean {
  return end - start > 1 || (elements[start]?.meaning?.fields.length ?? 0) === 0;
}

/** The row of a title and the words that name it: from the first start that gives one. */
function rowOf({ elements, lexicon }: Reading, starts: readonly number[], last: number): [number | null, string] {
  let words = "";
  for (const start of starts) {
    words = textOf(elements.slice(start, last));
    const row = lexicon.titleRow(words);
    if (row !== null) return [row, words];
  }
  return [null, words];
}

/** Whether a name follows a title that is liked, as in "I loved Heat and Alien". */
function goesOn({ elements, likedAt, polarity }: Reading, index: number): boolean {
  if (likedAt < 0 || polarity !== "want") return false;
  const between = elements.slice(likedAt + 1, index);
  const isJoined = between.length > 0 || elements[index]?.gap === 1;
  return isJoined && between.every((element) => element.isSkipped || element.isCue("to"));
}

/** The item of which a sentence names words of the title, which are taken for nothing else; or null. */
export function takeNamedTitle(reading: Reading): string | null {
  const { elements, lexicon } = reading;
  for (let start = 0; start < elements.length; start++) {
    let end = start;
    while (mayName(elements, start, end)) end++;
    const named = elements.slice(start, end);
    const row = nWords(named) < SEVERAL ? null : lexicon.titleRow(textOf(named));
    if (row !== null) return take(reading, start, end, row);
  }
  return null;
}

/**
 * The item of which the title ends before an index, as in "Heat type of film"; or null. The words of the title are taken for
 * nothing else.
 */
export function takeTitleBefore(reading: Reading, end: number): string | null {
  const { elements, lexicon } = reading;
  const { title } = at(elements, end - 1);
  if (title !== null) return take(reading, end - 1, end, title);
  for (let start = Math.max(0, end - LONGEST_TITLE); start < end; start++) {
    const run = elements.slice(start, end);
    const text = textOf(run);
    const row = mayBeTitle(run) ? lexicon.titleRow(text) : null;
    if (row !== null && lexicon.titleShare(row, text) >= MOST) return take(reading, start, end, row);
  }
  return null;
}

/** Whether some elements may be a title: they name something, and one value of a fact alone is that value. */
function mayBeTitle(run: readonly Element[]): boolean {
  const names = run.filter(({ meaning, isUnknown }) => meaning !== null || isUnknown);
  const isValue = run.length === 1 && (run[0]?.meaning?.fields.length ?? 0) > 0;
  return names.length > 0 && !isValue && run.slice(1).every(({ gap }) => gap === 0);
}

/** The item of a row, whose words between two indices are taken for nothing else. */
function take(reading: Reading, start: number, end: number, row: number): string {
  const named = reading.elements.slice(start, end).map(({ shown }) => shown);
  reading.said = reading.said.filter((one) => one.at < start || one.at >= end);
  reading.unknown = reading.unknown.filter((one) => !named.includes(one));
  return at(reading.itemIds, row);
}

function mayName(elements: readonly Element[], start: number, end: number): boolean {
  const element = elements[end];
  if (element === undefined || (element.meaning === null && !element.isUnknown)) return false;
  return end === start || element.gap === 0;
}

function nWords(elements: readonly Element[]): number {
  return elements.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function textOf(elements: readonly Element[]): string {
  return elements.map(({ text }) => text).join(" ");
}
