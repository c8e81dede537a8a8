/**
 * Which events of a history are learned from, which are held out to try the result on, and against which items. The same
 * as `edge_runtime/learning/examples.py`.
 */

import type { LearningSettings } from "../bundleJson";
import { EXCLUDED, HELD_OUT_SHARE, MAX_HELD_OUT, MIN_HELD_OUT } from "../constants";
import type { Rows } from "../itemIds";
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

/** The items that examples are compared with, the same for all of them. */
export interface Candidates {
  /** Ascending. */
  readonly rows: readonly number[];
  /** Logarithm of the number of items that each drawn one stands for; 0 for the whole catalogue. */
  readonly weight: number;
  /** The rows that were not drawn. */
  readonly chosen: Rows;
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
 * The candidates: the whole catalogue if it has at most `limit` items; else the items of the examples, and items drawn from
 * those that are not the user's, up to `limit` in number.
 */
export function candidatesOf(split: Split, nItems: number, limit: number, seed: number): Candidates {
  if (nItems <= limit) {
    const rows = Array.from({ length: nItems }, (_, row) => row);
    return { rows, weight: 0, chosen: new Set(rows) };
  }
  const [own, chosen, drawn] = [ownOf(split), new Set(targetsOf(split)), new Set<number>()];
  const nOthers = nItems - own.size;
  const nDrawn = Math.min(Math.max(0, limit - chosen.size), nOthers);
  const random = new Random32(seed, nItems);
  while (drawn.size < nDrawn) {
    const row = random.below(nItems);
    if (!own.has(row)) drawn.add(row);
  }
  const rows = [...chosen, ...drawn].sort((one, other) => one - other);
  return { rows, weight: nDrawn === 0 ? 0 : log(nOthers / nDrawn), chosen };
}

/** What is added to the score of each candidate for each example, `[targets, candidates]`; an example's own item counts. */
export function offsetsOf(targets: readonly number[], { rows, weight, chosen }: Candidates, excluded: Rows) {
  const ofRow = rows.map((row) => (excluded.has(row) ? EXCLUDED : chosen.has(row) ? 0 : weight));
  return Float64Array.from(targets.flatMap((target) => ofRow.map((offset, at) => (rows[at] === target ? 0 : offset))));
}
