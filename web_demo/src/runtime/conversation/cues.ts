/**
 * What the words of a language do to what follows: they want, exclude, prefer, compare or limit it. The same as
 * `edge_runtime/conversation/cues.py`.
 */

import { at } from "../at";
import { LIMIT_NAMES } from "./numbers";
import { limitOf } from "./query";
import type { Reading } from "./reading";

type Action = (reading: Reading, index: number) => void;

const ACTIONS: readonly (readonly [names: readonly string[], act: Action])[] = [
  [["unlike", "like", "alike"], like],
  [["not"], exclude],
  [["less", "dearer", "newer", "older"], relative],
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
  if (isLast && last !== undefined && reading.nNamed > 0 && reading.polarity !== "not") {
    last.polarity = "not"; // "boots, no"
    return;
  }
  if (isLast && reading.problem === "which") {
    reading.excludes = true; // "that brand, no"
    return;
  }
  reading.turnTo("not");
  reading.joined = "";
}

function want(reading: Reading, index: number): void {
  if (reading.polarity === "want" || reading.nNamed > 0) {
    if (reading.polarity === "not") reading.leaveItem();
    reading.turnTo("want");
  }
  if (at(reading.elements, index).isCue("between")) reading.limit = "between";
  reading.ofField = null;
}

function turn(reading: Reading): void {
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

function or(reading: Reading, index: number): void {
  reading.joined = "or";
  reading.likes = reading.likes || reading.likedAt === index - 1; // "like this or that"
}

function than(reading: Reading): void {
  if (reading.polarity === "prefer" && reading.nNamed > 0) reading.turnTo("not");
}

function relative(reading: Reading, index: number): void {
  const element = at(reading.elements, index);
  const isOfYear = element.isCue("newer", "older");
  const name = isOfYear ? reading.year : reading.price;
  if (name === null) {
    reading.lacks.push(isOfYear ? "year" : "price");
    return;
  }
  const isLess = element.isCue("less", "older") !== reading.isNegated;
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
  if (after?.isUnknown && after.gap === 0) return; // "nothing that stings"
  const named = reading.item ?? reading.similar.at(-1) ?? null;
  // "The third is nice, something like it".
  const about = reading.context.about ?? (reading.likes ? named : null);
  if (about !== null) reading.mean(about);
  else if (reading.likes || reading.polarity === "not") [reading.itemUsed, reading.item] = [false, null];
}
