/**
 * Which events of a history are learned from, which are held out to try the result on, and against which items. The same
 * as `edge_runtime/learning/examples.py`.
 */

import type { LearningSettings } from "../bundleJson";
import { EXCLUDED, HELD_OUT_SHARE, MAX_HELD_OUT, MIN_HELD_OUT } from "../constants";
import { log } from "./exact";
import { Random32 } from "./random32";

/** A history of catalogue rows, oldest first, and what each of its events is for. */
export interface Split {
  readonly rows: readonly number[];
  /** The first event that is learned from; the first of all has nothing before it. */
  readonly first: number;
  /** The first event that is held out: the events from here on are what the result is tried on. */
  readonly heldOut: number;
}

/** Split a history of at least `LEARNING_MIN_EVENTS` events. */
export function splitOf(rows: readonly number[], settings: Pick<LearningSettings, "examples">): Split {
  const heldOut =
    rows.length - Math.min(MAX_HELD_OUT, Math.max(MIN_HELD_OUT, Math.floor(rows.length / HELD_OUT_SHARE)));
  return { rows, first: Math.max(1, heldOut - settings.examples), heldOut };
}

/** The item of each example. */
export function targetsOf({ rows, first, heldOut }: Split): readonly number[] {
  return rows.slice(first, heldOut);
}

/** The user's items before the held-out events; they are no negatives for one another. */
export function ownOf({ rows, heldOut }: Split): ReadonlySet<number> {
  return new Set(rows.slice(0, heldOut));
}

/**
 * The rows that examples are compared with, ascending: the whole catalogue if it has at most `limit` items; else the items of
 * the examples, and items drawn from those that are not the user's, up to `limit` in number.
 */
export function candidateRows(split: Split, nItems: number, limit: number, seed: number): readonly number[] {
  if (nItems <= limit) return Array.from({ length: nItems }, (_, row) => row);
  const [own, chosen, drawn] = [ownOf(split), new Set(targetsOf(split)), new Set<number>()];
  const nDrawn = Math.min(Math.max(0, limit - chosen.size), nItems - own.size);
  const random = new Random32(seed, nItems);
  while (drawn.size < nDrawn) {
    const row = random.below(nItems);
    if (!own.has(row)) drawn.add(row);
  }
  return [...chosen, ...drawn].sort((one, other) => one - other);
}

/**
 * What is added to the score of each candidate for each example, `[targets, candidates]`. Drawn items stand for all that
 * could have been drawn; an example's own item counts, once.
 *
 * @param excluded the rows that do not count as negatives.
 */
export function offsetsOf(
  targets: readonly number[],
  candidates: readonly number[],
  excluded: ReadonlySet<number>,
  nItems: number,
): Float64Array {
  const nDrawn = candidates.filter((row) => !excluded.has(row)).length;
  const weight = nDrawn === 0 ? 0 : log((nItems - excluded.size) / nDrawn);
  const ofRow = candidates.map((row) => (excluded.has(row) ? EXCLUDED : weight));
  return Float64Array.from(
    targets.flatMap((target) => ofRow.map((offset, at) => (candidates[at] === target ? 0 : offset))),
  );
}
