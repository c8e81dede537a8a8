/**
 * What the words of a language do to what follows: they want, exclude, prefer, compare or limit it. The same as
 * `edge_runtime/conversation/cues.py`.
 */

import { at } from "../at";
import { takeTitleBefore } from "./naming";
import { LIMIT_NAMES } from "./numbers";
import { limitOf } from "./query";
import type { Reading } from "./reading";
import type { Element } from "./scanning";

type Action = (reading: Reading, index: number) => void;

const WANTING = ["want", "only", "prefer", "love", "like", "unlike", "but", "instead"];
const COMPARING = ["less", "dearer", "newer", "older", "shorter", "longer"];
const ACTIONS: readonly (readonly [names: readonly string[], act: Action])[] = [
  [["suffix_like"], resemble],
  [["unlike", "like", "alike"], like],
  [["leave_out"], leaveOut],
  [["not"], exclude],
  [COMPARING, relative],
  [["only"], (reading) => reading.turnTo("want")],
  [["love", "prefer"], prefer],
  [["but"], turn],
  [["or"], or],
  [["this"], takeThis],
  [LIMIT_NAMES, beginLimit],
  [["than"], than],
  [["want", "with", "between"], want],
];

/** Read a cue, which is one element. */
export function readCue(reading: Reading, index: number): number {
  const element = at(reading.elements, index);
  if (element.isCue("not", ...WANTING)) reading.isUnclear = false;
  const begins = element.isCue(...LIMIT_NAMES) && reading.isNumber(index + 1);
  const action = begins ? beginLimit : ACTIONS.find(([names]) => element.isCue(...names))?.[1];
  action?.(reading, index);
  return 1;
}

/** Exclude what follows, or what was named before a "no" at the end. */
export function exclude(reading: Reading, index: number): void {
  reading.loves = false;
  const following = reading.elements[index + 1];
  const isLast = following === undefined || following.gap > 0;
  const last = reading.said.at(-1);
  const element = at(reading.elements, index);
  const isAlone = isLast && element.gap > 0; // "musicals? no way"
  if (isLast && last !== undefined && (reading.nNamed > 0 || isAlone) && reading.polarity !== "not") {
    last.polarity = "not"; // "boots, no"
    return;
  }
  if (isLast && reading.problem === "which") {
    reading.excludes = true; // "that brand, no"
    return;
  }
  reading.turnTo("not");
  reading.joined = "";
  [reading.isReplaced, reading.isSeen] = [element.isCue("in_place"), element.isCue("seen")];
}

/** Exclude what an "it" means in "leave it out": what was named last, or the item that was talked about. */
function leaveOut(reading: Reading, index: number): void {
  const last = reading.elements.slice(0, index).findLast(({ saysSomething }) => saysSomething);
  const isItem = last?.meaning === null && !reading.itemUsed;
  const likened = isItem ? undefined : reading.similar.at(-1);
  if (reading.said.length > 0 && !isItem) excludeLast(reading);
  else if (reading.problem === "which") reading.excludes = true;
  else if (likened !== undefined) {
    reading.similar.pop();
    reading.unlike.push(likened);
  } else {
    const item = isItem ? reading.item : reading.context.about;
    reading.turnTo("not");
    [reading.likes, reading.loves] = [false, false];
    [reading.item, reading.itemUsed] = [item, false];
    reading.leaveItem();
  }
  reading.turnTo("want");
}

function want(reading: Reading, index: number): void {
  if (reading.polarity === "want" || reading.nNamed > 0) {
    if (reading.polarity === "not") reading.leaveItem();
    reading.turnTo("want");
  }
  if (at(reading.elements, index).isCue("between")) reading.limit = "between";
  reading.ofField = null;
}

function turn(reading: Reading, index: number): void {
  const isNamed = !(reading.itemUsed || reading.said.length + reading.unknown.length > 0 || reading.has("small_talk"));
  if (isNamed && reading.polarity === "want") reading.compared = reading.item; // "the fourth, but in red"
  const isWord = reading.said.length === 1 && reading.said[0]?.isLoose;
  if (isWord && reading.next(index)?.isCue(...COMPARING)) {
    const item = takeTitleBefore(reading, index); // "Die Hard, but newer"
    if (item !== null) reading.similar.push(item);
  }
  reading.leaveItem();
  reading.turnTo("want");
  [reading.likes, reading.joined] = [false, ""];
}

function prefer(reading: Reading, index: number): void {
  if (reading.isNegated) return; // "no more boots", "I don't like boots"
  reading.loves = at(reading.elements, index).isCue("love");
  reading.turnTo("prefer");
}

function like(reading: Reading, index: number): void {
  const element = at(reading.elements, index);
  if (element.isCue("unlike")) reading.turnTo("not");
  [reading.likes, reading.isAlike] = [true, element.isCue("alike")];
}

/** Take the title before "type of film" as the item that is meant. */
function resemble(reading: Reading, index: number): void {
  const item = takeTitleBefore(reading, index);
  if (item === null) return;
  (reading.polarity === "not" ? reading.unlike : reading.similar).push(item);
  reading.nNamed += 1;
}

function or(reading: Reading, index: number): void {
  reading.joined = reading.elements[index - 1]?.isUnknown ? "" : "or";
  reading.likes = reading.likes || reading.likedAt === index - 1; // "like this or that"
}

function than(reading: Reading): void {
  if (reading.polarity === "prefer" && reading.nNamed > 0) reading.turnTo("not");
}

function relative(reading: Reading, index: number): void {
  const element = at(reading.elements, index);
  const isOfYear = element.isCue("newer", "older");
  const isOfLength = element.isCue("shorter", "longer");
  const name = isOfLength ? reading.length : isOfYear ? reading.year : reading.price;
  if (name === null) {
    reading.lacks.push(isOfYear ? "year" : "price");
    return;
  }
  const isLess = element.isCue("less", "older", "shorter") !== reading.isNegated;
  reading.limits.push(limitOf(name, { thanShown: isLess ? "less" : "more" }));
}

/** Let a cue limit the number that follows. */
function beginLimit(reading: Reading, index: number): void {
  const element = at(reading.elements, index);
  if (reading.polarity === "prefer" && reading.nNamed > 0 && !reading.isNumber(index + 1)) {
    reading.turnTo("not"); // "I prefer tea over coffee"
    return;
  }
  reading.limit = ["between", ...LIMIT_NAMES].find((name) => element.isCue(name)) ?? null;
}

/** Take the item that was talked about last, unless a fact follows, such as in "that brand". */
function takeThis(reading: Reading, index: number): void {
  if (reading.loves && reading.before(index)?.isCue("theirs")) {
    reading.loves = false; // "my dad loves that one"
    return;
  }
  const cue = reading.next(index)?.cue ?? null;
  if (cue !== null && (cue.field !== null || cue.position !== null)) return;
  const after = reading.elements[index + 1];
  // "Nothing that stings", "something similar that isn't red".
  if (after?.gap === 0 && (after.isUnknown || isRelative(reading, index, after))) return;
  const about = meantBy(reading, index);
  if (about !== null) reading.mean(about);
  else if (reading.likes) [reading.itemUsed, reading.item] = [false, null];
  else refuseLast(reading);
}

/** Let a "that" mean what was named last where it means no item. */
function refuseLast(reading: Reading): void {
  if (reading.isSeen)
    reading.polarity = "want"; // "I saw that in the cinema"
  else if (reading.isNegated && reading.said.length > 0) excludeLast(reading);
  else if (reading.polarity === "not") [reading.itemUsed, reading.item] = [false, null];
}

/** The item that a "that" means: of this sentence, such as "the third is nice, something like it", or of the one before. */
function meantBy(reading: Reading, index: number): string | null {
  const { about } = reading.context;
  const named = reading.item ?? reading.similar.at(-1) ?? null;
  if (named !== null && (reading.likes || about !== null)) return named;
  if (about !== null || !reading.likes) return about;
  for (let end = index; end > 0; end--) {
    const item = takeTitleBefore(reading, end); // "Heat was great, more like that"
    if (item !== null) return item;
  }
  return null;
}

/** Exclude what was named last: "rose water gives me a rash, so none of that". */
function excludeLast({ said, elements }: Reading): void {
  let after = said.at(-1)?.at ?? 0;
  for (const one of said.toReversed()) {
    if (one.at < after) break;
    one.polarity = "not";
    after = one.at < 0 ? elements.length : one.at - 1;
  }
}

/** Whether a "that" goes on with what was asked for, and means no item. */
function isRelative({ elements, lexicon }: Reading, index: number, after: Element): boolean {
  const before = elements[index - 1];
  const goesOn = before !== undefined && (before.meaning !== null || before.isCue("want", "alike"));
  return goesOn && (after.isCue("not") || lexicon.phrases.statements.has(after.text));
}
