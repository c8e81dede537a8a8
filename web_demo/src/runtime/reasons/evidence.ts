/**
 * Which events of a history the score of an item rests on, by leaving one after the other out.
 *
 * The same as `edge_runtime/reasons/evidence.py`, which states the formula.
 */

import { DROP_STEPS, MAX_CITABLE } from "../constants";

/** What each event of a history adds to the scores of some items. */
export interface Evidence {
  /** Rows of the events that may be cited, newest first, each once. */
  readonly pasts: readonly number[];
  /** Rows of the other events, which are too old to be cited. */
  readonly older: readonly number[];
  /** For each item and event, by how many thousandths the score falls without the event. */
  readonly drops: readonly (readonly number[])[];
}

/** The score of every item after a sequence that is not empty; null if nothing but popularity can rank. */
export type Score = (sequence: readonly number[]) => Promise<Float32Array | null>;

/**
 * Leave out the events of a history one by one.
 *
 * @param sequence rows of the history as the encoder sees it, oldest first.
 * @param rows the items of a list.
 * @returns the evidence; a single event has a drop of one step, because without it there is no list to compare with.
 */
export async function findEvidence(
  sequence: readonly number[],
  rows: readonly number[],
  score: Score,
): Promise<Evidence> {
  const distinct = [...new Set([...sequence].reverse())];
  const full = distinct.length === 0 ? null : await score(sequence);
  if (full === null) return { pasts: [], older: [], drops: rows.map(() => []) };
  const [pasts, older] = [distinct.slice(0, MAX_CITABLE), distinct.slice(MAX_CITABLE)];
  if (distinct.length === 1) return { pasts, older, drops: rows.map(() => [1]) };
  const drops: number[][] = rows.map(() => []);
  for (const past of pasts) {
    const left = await score(sequence.filter((row) => row !== past));
    for (const [index, row] of rows.entries()) {
      drops[index]?.push(Math.floor(((full[row] ?? 0) - (left?.[row] ?? 0)) * DROP_STEPS + 0.5));
    }
  }
  return { pasts, older, drops };
}
