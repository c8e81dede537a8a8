/**
 * Reads numbers: an item of the list, a decade, or limits of a price or a year. The same as
 * `edge_runtime/conversation/numbers.py`.
 */

import { at } from "../at";
import { limitOf } from "./query";
import type { Reading } from "./reading";
import type { Element } from "./scanning";

/** A side of a limit. */
type Operator = "atLeast" | "above" | "atMost" | "below";

const AROUND = 0.2;
/** Largest number as a word that is no price unless a currency follows, as in "at least one". */
const FEW = 2;
const [FIRST_YEAR, LAST_YEAR] = [1800, 2100];
const YEAR = "year";
const UNITS = ["currency", "minutes", "hours"];
const MINUS: ReadonlySet<string> = new Set(["minus", "负"]);

/** Cue to the limit that it means, and the fact that it is always about. */
const LIMITS: ReadonlyMap<string, readonly [limit: Operator | "around", of: string | null]> = new Map([
  ["below", ["below", null]],
  ["at_most", ["atMost", null]],
  ["above", ["above", null]],
  ["at_least", ["atLeast", null]],
  ["before", ["below", YEAR]],
  ["after", ["above", YEAR]],
  ["since", ["atLeast", YEAR]],
  ["around", ["around", null]],
] as const);
export const LIMIT_NAMES = [...LIMITS.keys()];
const NEGATED = { below: "atLeast", atMost: "above", above: "atMost", atLeast: "below" } as const;

/** Read a number: an item of the list, a decade, or a limit; returns the number of elements used. */
export function readNumber(reading: Reading, index: number): number {
  const element = at(reading.elements, index);
  const decade = element.cue?.decade ?? null;
  if (decade !== null) return years(reading, decade, decade + 9);
  const { value } = element;
  // "The third one".
  const isOne =
    element.cue !== null && element.gap === 0 && (reading.elements[index - 1]?.cue?.position ?? null) !== null;
  if (value === null || isOne) return 1;
  const following = reading.elements[index + 1];
  if (following !== undefined && following.gap === 0 && following.isCue("decade") && value % 10 === 0) {
    const first = value >= FIRST_YEAR ? Math.trunc(value) : 1900 + Math.trunc(value);
    return years(reading, first, first + 9) + 1;
  }
  const before = reading.before(index);
  if (before !== null && isMinus(before) && reading.limit !== null) {
    // An unknown "minus" is there already.
    reading.unknown.push(...[before.shown, element.shown].slice(Number(before.isUnknown)));
    [reading.polarity, reading.limit] = ["want", null];
    return 1;
  }
  if (isPointed(reading, index) || (reading.likes && reading.limit === null)) {
    reading.point(Math.trunc(value));
    return 1;
  }
  return limitAt(reading, index, value);
}

/** Whether a word before a number is a minus, as in "under minus 5". */
function isMinus(element: Element): boolean {
  return MINUS.has(element.text) || (element.isCue("not") && !element.isCue(...LIMIT_NAMES));
}

/** Whether a number is that of an item, as in "number 4" and "hide 2". */
function isPointed(reading: Reading, index: number): boolean {
  if (reading.before(index)?.isCue("number_of", "why") === true) return true;
  return reading.isNegated && reading.limit === null && reading.next(index) === null;
}

function years(reading: Reading, first: number, last: number): number {
  const { year, limits } = reading;
  reading.limit = null;
  if (year === null) {
    reading.lacks.push(YEAR);
    return 1;
  }
  let [atLeast, atMost] = [first, last];
  const before = limits.at(-1);
  if (before?.field === year && before.atLeast !== null && before.atMost !== null) {
    limits.pop(); // "from the 80s or 90s"
    atLeast = Math.min(first, Math.trunc(before.atLeast));
    atMost = Math.max(last, Math.trunc(before.atMost));
  }
  limits.push(limitOf(year, { atLeast, atMost }));
  return 1;
}

/** Read a number with what limits it, before or after: "under 30", "30 or less", "20 to 40". */
function limitAt(reading: Reading, index: number, written: number): number {
  const minutes = minutesAt(reading, index);
  const value = written * (minutes ?? 1);
  if (minutes !== null) reading.ofField = reading.length;
  let used = 1 + nCues(reading, index + 1, ...UNITS);
  const isMoney = minutes !== null || hasCurrency(reading, index);
  const following = reading.elements[index + used];
  const other = numberAfterTo(reading, index + used);
  let kind = reading.limit;
  reading.limit = null;
  if (other !== null && !["below", "at_most", "before"].includes(kind ?? "")) {
    const [atLeast = 0, atMost = 0] = [value, other * (minutes ?? 1)].sort((one, two) => one - two);
    addLimit(reading, numberField(reading, atLeast, null, isMoney), { atLeast, atMost });
    used += 2;
    return used + nCues(reading, index + used, ...UNITS, "between");
  }
  if ((kind === null || kind === "between") && following?.gap === 0 && following.isCue(...LIMIT_NAMES)) {
    kind = LIMIT_NAMES.find((name) => following.isCue(name)) ?? null;
    used += 1;
  }
  reading.limited = kind;
  oneLimit(reading, index, used, value, kind, isMoney);
  return used;
}

/** The minutes of the unit of a number, as in "10 to 20 minutes"; "half an hour" has its own. */
function minutesAt({ elements }: Reading, index: number): number | null {
  if (at(elements, index).isCue("minutes")) return 1;
  for (const element of elements.slice(index + 1, index + 4)) {
    if (element.isCue("minutes", "hours")) return element.isCue("hours") ? 60 : 1;
    if (element.gap > 0 || !(element.isCue("to") || element.number !== null)) return null;
  }
  return null;
}

/** The number of elements from an index on that are some cues. */
function nCues({ elements }: Reading, index: number, ...names: readonly string[]): number {
  let end = index;
  while (elements[end]?.isCue(...names)) end++;
  return end - index;
}

/** Whether a number counts what nobody knows, as in "more than one season", and is no price. */
function countsSomething({ elements, year, ofField }: Reading, index: number, used: number, value: number): boolean {
  const after = elements[index + used];
  const isYear = year !== null && FIRST_YEAR <= value && value <= LAST_YEAR;
  const isFollowed = after?.isUnknown === true && after.gap === 0;
  const isFew = at(elements, index).cue !== null && value <= FEW;
  return (isFollowed || isFew) && !isYear && ofField === null;
}

function oneLimit(
  reading: Reading,
  index: number,
  used: number,
  value: number,
  kind: string | null,
  isMoney: boolean,
): void {
  const { price, year } = reading;
  const limit = LIMITS.get(kind ?? "");
  if (limit !== undefined) {
    if (!isMoney && countsSomething(reading, index, used, value)) {
      reading.unknown.push(at(reading.elements, index).shown);
    } else sidedLimit(reading, value, limit, isMoney);
    return;
  }
  const isWritten = at(reading.elements, index).cue === null;
  const isLength = reading.ofField !== null && reading.ofField === reading.length;
  if (isMoney) addLimit(reading, isLength ? reading.length : price, { atMost: value });
  else if (FIRST_YEAR <= value && value <= LAST_YEAR && year !== null) {
    addLimit(reading, year, { atLeast: value, atMost: value });
  } else if (kind === "between" && price !== null && isWritten) {
    addLimit(reading, price, { atLeast: value });
  } else if (isWritten) readText(reading, at(reading.elements, index));
}

function sidedLimit(
  reading: Reading,
  value: number,
  [operator, of]: readonly [Operator | "around", string | null],
  isMoney: boolean,
): void {
  const name = of === YEAR ? reading.year : numberField(reading, value, of, isMoney);
  if (name === null && of !== null) {
    reading.lacks.push(of);
    return;
  }
  if (operator === "around") {
    const wide = name === reading.year ? 0 : AROUND * value;
    addLimit(reading, name, { atLeast: value - wide, atMost: value + wide });
    return;
  }
  addLimit(reading, name, { [reading.isNegated ? NEGATED[operator] : operator]: value });
  if (reading.isNegated) reading.polarity = "want"; // "no more than twenty for a mug"
}

/** Take a number as a word of a title, such as that of "SPF 50". */
function readText({ lexicon, said, unknown }: Reading, element: Element): void {
  const before = said.at(-1);
  const [word, ...more] = before?.wish.values ?? [];
  if (before?.wish.field === null && more.length === 0 && lexicon.hasText(element.text)) {
    const text = `${word} ${element.text}`;
    if (lexicon.hasText(text)) {
      said[said.length - 1] = { ...before, wish: { field: null, values: [text] } };
      return;
    }
  }
  unknown.push(element.shown);
}

function addLimit(reading: Reading, name: string | null, limits: Partial<Record<Operator, number>>): void {
  const isYear = Object.values(limits).every((value) => FIRST_YEAR <= value && value <= LAST_YEAR);
  if (name === null) reading.lacks.push(isYear ? YEAR : "price");
  else reading.limits.push(limitOf(name, limits));
}

function numberField(
  { ofField, lexicon, year, price }: Reading,
  value: number,
  of: string | null,
  isMoney: boolean,
): string | null {
  if (ofField !== null && lexicon.numeric.has(ofField)) return ofField;
  const isYear = of === YEAR || (FIRST_YEAR <= value && value <= LAST_YEAR);
  return year !== null && !isMoney && isYear ? year : price;
}

/** The second number of "20 to 40". */
function numberAfterTo({ elements }: Reading, index: number): number | null {
  return elements[index]?.isCue("to") === true ? (elements[index + 1]?.value ?? null) : null;
}

function hasCurrency({ elements }: Reading, index: number): boolean {
  return elements.slice(Math.max(0, index - 1), index + 2).some((element) => element.isCue("currency"));
}
