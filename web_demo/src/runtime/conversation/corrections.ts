/**
 * Takes back what a person corrects in the same sentence, as in "coffee, no, sorry, I mean tea". The same as
 * `edge_runtime/conversation/corrections.py`, which says what replaces what.
 */

import { highOf, lowOf } from "./compose";
import type { Limit } from "./query";
import type { Corrected, Reading, Said } from "./reading";

/** Set aside what was read so far; what follows is wanted, excluded, likened or limited as that was. */
export function beginCorrection(reading: Reading, index: number): void {
  reading.leaveItem();
  const isRefused = reading.said.at(-1)?.polarity === "not";
  if (isRefused && beginsWithNo(reading)) {
    reading.endClause(); // "no, not shampoo, I meant soap"
    return;
  }
  settle(reading);
  if (isRefused) [reading.polarity, reading.isUnclear] = ["want", true]; // "no coffee, I mean tea"
  const { said, limits, similar, unlike, problem } = reading;
  const before = reading.before(index);
  reading.corrected = { said, limits, similar, unlike, problem, isUnknown: before?.isUnknown === true };
  [reading.said, reading.limits, reading.similar, reading.unlike, reading.problem] = [[], [], [], [], null];
  [reading.nNamed, reading.joined, reading.loves] = [0, "", false];
  reading.likes ||= before !== null && before === reading.elements[reading.likedAt];
  const isNumber = before !== null && (before.value !== null || before.isCue("currency", "minutes", "hours"));
  reading.limit = isNumber ? reading.limited : null;
}

/** Whether a sentence takes back what was said in another one, as "no, not shampoo, I meant soap" does. */
function beginsWithNo({ elements, lexicon }: Reading): boolean {
  const kind = lexicon.phrases.corrections.get(elements[0]?.tokens[0]?.text ?? "");
  return kind === "hesitations" || (kind === "no" && (elements[1]?.gap ?? 0) > 0);
}

/** Let what was read after a correction replace what it corrects. */
export function settle(reading: Reading): void {
  const { corrected: before, said, limits, similar, unlike } = reading;
  reading.corrected = null;
  if (before === null) return;
  const nItems = similar.length + unlike.length;
  const isNothing = said.length + limits.length + nItems === 0;
  reading.unclear = reading.isUnclear ? said.map(({ wish }) => wish) : [];
  if (isNothing) reading.problem ??= before.problem;
  const nUnlike = Math.max(0, before.unlike.length - nItems);
  const nSimilar = before.similar.length - Math.max(0, nItems - before.unlike.length);
  reading.said = [...kept(before, said), ...said];
  reading.limits = [...before.limits.filter((one) => !limits.some((other) => areSame(one, other))), ...limits];
  reading.similar = [...before.similar.slice(0, Math.max(0, nSimilar)), ...similar];
  reading.unlike = [...before.unlike.slice(0, nUnlike), ...unlike];
}

/** The wishes without the last of each fact that is corrected, or without the last if no fact is the same. */
function kept(before: Corrected, after: readonly Said[]): Said[] {
  const all = [...before.said];
  const named = after.map(({ wish }) => wish.field);
  const isSame = all.some(({ wish }) => named.includes(wish.field));
  const last = named.length === 0 || before.isUnknown ? [] : all.slice(-1).map(({ wish }) => wish.field);
  const fields = isSame ? named : last;
  for (const field of fields) {
    let place = all.findLastIndex(({ wish }) => wish.field === field);
    while (place >= 0) place = all.splice(place, 1)[0]?.joined === "or" ? place - 1 : -1; // "red or blue, no, green"
  }
  return all;
}

/** Whether two limits limit the same end of a number. */
function areSame(one: Limit, other: Limit): boolean {
  const isRelative = one.thanShown !== null || other.thanShown !== null;
  const areLow = lowOf(one) !== null && lowOf(other) !== null;
  const areHigh = highOf(one) !== null && highOf(other) !== null;
  return one.field === other.field && (isRelative || areLow || areHigh);
}
