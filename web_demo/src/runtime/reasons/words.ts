/**
 * The rules of reasons that hold in every language, and how texts are shown.
 *
 * The same as `edge_runtime/reasons/words.py`, with the same `rules.json`.
 */

import file from "../../../../edge_runtime/reasons/rules.json";
import { clean } from "./quoting";

export const STYLES = ["short", "detailed"] as const;
export const TONES = ["casual", "formal"] as const;
export type Style = (typeof STYLES)[number];
export type Tone = (typeof TONES)[number];

const TRIMMED = new Set(" ,;:.-–—(&/|+'\u200c\u200d");
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const PLAIN_CHARACTERS = /^[\p{L}\p{N}'&\-+/%]*$/u;
const MOST_BEFORE_STOP = 3;

/** The content of `rules.json`, with lists converted to sets where order does not matter. */
export const rules = {
  titleLength: file.title_length,
  valueLength: file.value_length,
  nameLength: file.name_length,
  nameWords: file.name_words,
  notAValue: new Set(file.not_a_value),
  neverShared: new Set(file.never_shared),
  weak: new Set(file.weak),
  popularPercent: file.popular_percent,
  groups: new Map(Object.entries(file.groups)),
  notAKind: new Set(file.not_a_kind),
  afterAKind: new Set(file.after_a_kind),
  articles: new Set(file.articles),
  pluralOnly: new Set(file.plural_only),
  uncountable: new Set(file.uncountable),
  companyWords: new Set(file.company_words),
  legalForms: new Set(file.legal_forms),
};

/** The group of phrases of a field. */
export function groupOf(field: string): string {
  return rules.groups.get(field) ?? "other";
}

/** How many code points a text has. */
export function lengthOf(text: string): number {
  return [...text].length;
}

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
export function isInformative(value: string): boolean {
  const text = clean(value);
  return LETTER_OR_DIGIT.test(text) && !rules.notAValue.has(text.toLowerCase());
}

/** Whether a cleaned text may stand without quotation marks: a few words, without sentence punctuation. */
export function isPlain(text: string): boolean {
  const words = text.split(" ");
  if (lengthOf(text) > rules.nameLength || words.length > rules.nameWords) return false;
  return words.every(isPlainWord);
}

/** A full stop is part of a word after at most three letters, as in `Dr. Scholl's`. */
function isPlainWord(word: string): boolean {
  const parts = word.split(".");
  if (parts.slice(0, -1).some((part) => lengthOf(part) > MOST_BEFORE_STOP)) return false;
  return PLAIN_CHARACTERS.test(parts.join(""));
}

/** A title for display between quotation marks; empty if nothing can be shown. */
export function displayTitle(title: string): string {
  return shorten(clean(title), rules.titleLength);
}

/** A value for display, without quotation marks. */
export function displayValue(value: string): string {
  return shorten(clean(value), rules.valueLength);
}

/** A field's name for display; empty if nothing can be shown. */
export function displayField(name: string): string {
  return displayValue(name.replaceAll("_", " "));
}

/** `Nail Polish` becomes `nail polish`; `BB Cream` becomes `BB cream`. */
export function lowerWords(text: string): string {
  return text.replace(/[^ -]+/gu, lower);
}

function lower(word: string): string {
  const [, ...rest] = word;
  const end = rest.join("");
  return rest.length > 0 && end === end.toLowerCase() ? word.toLowerCase() : word;
}

/** The text with a capital first letter, where that is one character. */
export function capitalized(text: string): string {
  const [first = ""] = text;
  const capital = first.toUpperCase();
  return lengthOf(capital) === 1 ? capital + text.slice(first.length) : text;
}
