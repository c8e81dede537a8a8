/**
 * Whether a title names something only to say that the item has none of it, such as "paraben-free" or "sans parfum". The
 * same as `edge_runtime/search/absence.py`.
 */

import { at } from "../at";
import { stem, wordsOf } from "./words";

/** Stems of what no title boasts of, so that a list with a denial denies them: "Paraben and Alcohol Free". */
const DENIED = ["paraben", "phthalat", "sulfat", "sulphat"];
/** Stems of words that stand beside them in such a list; beside others a list says little: "coconut, gluten free". */
const LISTED = new Set([
  ...DENIED,
  ..."alcohol and chemical cruelty dye formaldehyd fragranc gluten oil perfum petrolatum silicon sls toluen".split(" "),
]);
/** Marks across which no word denies another, as in "green tea - free brush"; a list may have dashes. */
const END = / [-–—] (?!paraben|phthalat|sulfat|sulphat|petrolatum)|[.!?;:()|~★]/iu;
const AFTER = ["free", "frei"];
const BEFORE = ["no", "non", "without", "zero", "ohne", "kein", "keine", "sans", "sin"];
const BEFORE_OF = ["free of", "free from", "frei von", "libre de"];
const OR = ["or", "nor", "oder", "ou", "ni", "o"];
const BETWEEN = ["the", "any", "added"];
/** Chinese for none, zero and non, which begin a pair of characters. */
const OF_CHINESE = "无零非";
const NOT_WITH = "不含";

const DENIAL = /free|frei|no|without|zero|ohne|kein|sans|sin|libre|[无零非]|不含/iu;

/** Whether a title has the words with these stems in a row, and denies them wherever it has them. */
export function lacks(title: string, stems: readonly string[]): boolean {
  let isNamed = false;
  if (!DENIAL.test(title)) return false; // saves time
  for (const part of title.split(END)) {
    const words = wordsOf(part);
    const ofPart = words.map(stem);
    for (let start = 0; start + stems.length <= words.length; start++) {
      if (!stems.every((one, index) => ofPart[start + index] === one)) continue;
      isNamed = true;
      if (!isDenied(words, start, start + stems.length)) return false;
    }
  }
  return isNamed;
}

function isDenied(words: readonly string[], start: number, end: number): boolean {
  const isList = DENIED.includes(stem(at(words, start)));
  const isListed = (word = "") => isList && LISTED.has(stem(word));
  let after = end;
  while (isListed(words[after])) after++;
  if (AFTER.includes(words[after] ?? "")) return true;
  let index = start;
  while (index > 0) {
    const before = at(words, index - 1);
    const lastTwo = words.slice(Math.max(0, index - 2), index);
    if (BEFORE.includes(before) || BEFORE_OF.includes(lastTwo.join(" "))) return true;
    if (OF_CHINESE.includes(before.charAt(0)) || lastTwo[0] === NOT_WITH) return true;
    const isOr = OR.includes(before);
    if (!isOr && !BETWEEN.includes(before) && !isListed(before)) return false;
    index -= isOr ? 2 : 1; // "no parabens or oils"
  }
  return false;
}
