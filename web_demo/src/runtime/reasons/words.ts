/**
 * The phrases of reasons, and how they are filled.
 *
 * The same as `edge_runtime/reasons/words.py`, with the same `phrases.json`.
 */

import file from "../../../../edge_runtime/reasons/phrases.json";
import { clean } from "./quoting";

export type Style = "short" | "detailed";

const TRIMMED = new Set(" ,;:.-–—(&/|+'\u200c\u200d");
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const NOT_A_VALUE: ReadonlySet<string> = new Set(file.not_a_value);

interface Phrases {
  readonly layout: string;
  readonly titleLength: number;
  readonly valueLength: number;
  readonly neverShared: ReadonlySet<string>;
  readonly weaklyShared: ReadonlySet<string>;
  readonly firstOnly: ReadonlySet<string>;
  readonly popularPercent: readonly number[];
  readonly predicates: ReadonlyMap<string, string>;
  readonly otherPredicate: string;
  readonly popularPredicate: string;
  readonly skeletons: typeof file.skeletons;
}

/** The content of `phrases.json`, with lists converted to sets where order does not matter. */
export const phrases: Phrases = {
  layout: file.layout,
  titleLength: file.title_length,
  valueLength: file.value_length,
  neverShared: new Set(file.never_shared),
  weaklyShared: new Set(file.weakly_shared),
  firstOnly: new Set(file.first_only),
  popularPercent: file.popular_percent,
  predicates: new Map(Object.entries(file.predicates)),
  otherPredicate: file.other_predicate,
  popularPredicate: file.popular_predicate,
  skeletons: file.skeletons,
};

/** At most `length` code points of a cleaned text, cut between words if at least half of it remains. */
export function shorten(text: string, length: number): string {
  const points = [...text];
  if (points.length <= length) return text;
  let cut = points.slice(0, length - 1);
  const blank = points[length - 1] === " " ? cut.length : cut.lastIndexOf(" ");
  if (blank >= Math.floor(length / 2)) cut = cut.slice(0, blank);
  while (TRIMMED.has(cut.at(-1) ?? "x")) cut.pop();
  return `${cut.join("")}…`;
}

/** Whether a value is informative: it has letters or digits, and is not a word for "unknown". */
export function isTelling(value: string): boolean {
  const text = clean(value);
  return LETTER_OR_DIGIT.test(text) && !NOT_A_VALUE.has(text.toLowerCase());
}

export function hasLetter(value: string): boolean {
  return /\p{L}/u.test(value);
}

/** A title as sentences quote it; empty if nothing can be shown. */
export function saidTitle(title: string): string {
  return shorten(clean(title), phrases.titleLength);
}

/** A value as sentences show it, without quotation marks. */
export function saidValue(value: string): string {
  return shorten(clean(value), phrases.valueLength);
}

/** A field's name as sentences quote it; empty if nothing can be shown. */
export function saidField(name: string): string {
  return saidValue(name.replaceAll("_", " "));
}

/** Fill the slots of a skeleton in one pass, so that braces in titles are not replaced. */
export function fill(skeleton: string, slots: Readonly<Record<string, string>>): string {
  const text = skeleton.replace(/\{([a-z]+)\}/g, (_, name: string) => slots[name] ?? "");
  return /(\.|!|\?|…)\.$/.test(text) ? text.slice(0, -1) : text;
}
