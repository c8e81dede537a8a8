/**
 * Settles words that do not go together: compounds, values that are words here, and words of talk. The same as
 * `edge_runtime/conversation/accidents.py`.
 */

import { at } from "../at";
import { withAlternatives } from "./alternatives";
import type { Reading, Said } from "./reading";

/** Read what suits something and the value right after it as one, where titles have both, such as "rain jacket". */
export function joinCompounds(reading: Reading): void {
  joinNeighbours(reading, (before, one) => {
    return before.isRelated && before.polarity === "prefer" && one.polarity === "want";
  });
}

/** Read words of titles that stand side by side as one, where a title has them all. */
function joinWords(reading: Reading): void {
  joinNeighbours(reading, (before, one) => before.isLoose && one.isLoose && before.polarity === one.polarity);
}

/** Read two neighbours as words of titles if a title has both and they belong together. */
function joinNeighbours(reading: Reading, belong: (before: Said, one: Said) => boolean): void {
  const said: Said[] = [];
  for (const one of reading.said) {
    const before = said.at(-1);
    const isNext = before !== undefined && before.at === one.at - 1 && one.gap === 0 && belong(before, one);
    const text = isNext ? `${before.text} ${one.text}` : "";
    if (isNext && reading.lexicon.hasText(text)) said[said.length - 1] = { ...inWords(one, text), text, words: [text] };
    else said.push(one);
  }
  reading.said = said;
}

/**
 * Take values for words, or leave out words of titles, where no item is left with all that is wanted.
 *
 * "Keratin" in "a hair mask with keratin" is not the brand of that name; "mother" in "mother wants tea" is talk.
 */
export function leaveOutAccidents(reading: Reading): void {
  const wanted = reading.said.filter(({ polarity, joined }) => polarity === "want" && joined !== "or");
  let loose = wanted.filter((one) => one.isLoose);
  if (wanted.length < 2 || loose.length === 0 || isPossible(reading)) return;
  if (takeForWords(reading, wanted)) return;
  const accident = loose.find((one) =>
    holds(
      reading,
      wanted.filter((other) => other !== one),
    ),
  );
  if (accident !== undefined) loose = [accident];
  if (loose.length === wanted.length) return;
  const isTalk = (one: Said) => loose.includes(one) && !isAskedFor(reading, one);
  reading.unknown.push(...loose.filter(isTalk).map(({ wish }) => at(wish.values, 0)));
  reading.said = reading.said
    .filter((one) => !isTalk(one))
    .map((one) => (loose.includes(one) ? { ...one, polarity: "prefer" } : one));
}

/** Whether a word of titles is no talk: it follows a "with", or its clause is names and nothing else. */
function isAskedFor(reading: Reading, { at: index, gap }: Said): boolean {
  const { elements } = reading;
  if (gap === 0 && elements[index - 1]?.isCue("with")) return true;
  // "Cruelty free".
  return elements[index + 1]?.isCue("suffix_not") || reading.clauseAt(index).every(({ meaning }) => meaning !== null);
}

/** Whether an item has all that is wanted, or one of alternatives. */
function isPossible(reading: Reading): boolean {
  const wanted = reading.said.filter(({ polarity }) => polarity === "want");
  return holds(reading, withAlternatives(wanted, reading.lexicon));
}

/** Take one value, or all of them, for words of titles if an item is left then; returns whether one is. */
function takeForWords(reading: Reading, wanted: readonly Said[]): boolean {
  const values = wanted.filter((one) => !one.isLoose && one.text !== "");
  const tries = values.map((one) => [one]).reverse();
  if (values.length > 1) tries.push(values);
  for (const taken of tries) {
    const asWords = (one: Said) => (taken.includes(one) ? inWords(one, one.text) : one);
    if (!holds(reading, wanted.map(asWords))) continue;
    reading.said = reading.said.map(asWords);
    joinWords(reading);
    return true;
  }
  return false;
}

function inWords(one: Said, text: string): Said {
  return { ...one, wish: { field: null, values: [text] }, isLoose: true };
}

/** Whether an item fulfils all these wishes. */
function holds({ lexicon }: Reading, wanted: readonly Said[]): boolean {
  return lexicon.hasAll(wanted.map(({ wish }) => wish));
}
