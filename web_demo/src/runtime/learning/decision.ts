/**
 * Decides whether a personal adapter is used: only if it helped on the newest events, which it was not trained on. The same
 * as `edge_runtime/learning/decision.py`, which has the formula.
 */

import { DECISION_TOP, MIN_GAIN } from "../constants";
import type { Rows } from "../itemIds";
import { exactSum } from "./exact";

/** What the adapter changes for one held-out event: gains in log-likelihood, in nats, and in NDCG@10. */
export type Trial = readonly [logGain: number, rankGain: number];

export interface Decision {
  /** Whether the adapter is used. */
  readonly helps: boolean;
  readonly nTried: number;
  /** Mean gain in log-likelihood, in nats. */
  readonly gain: number;
  /** Its standard error. */
  readonly error: number;
  /** Mean gain in NDCG@10. */
  readonly rankGain: number;
}

/** Whether an adapter with these trials is used; never with fewer than two. */
export function decide(trials: readonly Trial[]): Decision {
  const n = trials.length;
  if (n < 2 || !trials.flat().every(Number.isFinite))
    return { helps: false, nTried: n, gain: 0, error: 0, rankGain: 0 };
  const gains = Float64Array.from(trials, ([logGain]) => logGain);
  const gain = exactSum(gains) / n;
  const rankGain = exactSum(Float64Array.from(trials, ([, ranks]) => ranks)) / n;
  const error = Math.sqrt(exactSum(gains.map((one) => (one - gain) * (one - gain))) / (n - 1) / n);
  return { helps: gain > MIN_GAIN, nTried: n, gain, error, rankGain };
}

/**
 * What an adapter changes for one event.
 *
 * @param without score of every item without the adapter.
 * @param withAdapter the same with it.
 * @param hidden rows that a list would not have; the target counts all the same.
 * @param temperature what scores are divided by.
 */
export function trialOf(
  without: Float32Array,
  withAdapter: Float32Array,
  target: number,
  hidden: Rows,
  temperature: number,
): Trial {
  const [before, after] = [without, withAdapter].map((scores) => fitOf(scores, target, hidden, temperature)) as [
    Trial,
    Trial,
  ];
  return [after[0] - before[0], after[1] - before[1]];
}

/** Log-likelihood and NDCG@10 of an item. */
function fitOf(scores: Float32Array, target: number, hidden: Rows, temperature: number): Trial {
  const own = scores[target] ?? 0;
  const counts = (row: number) => row === target || !hidden.has(row);
  let largest = own;
  let rank = 0;
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? 0;
    if (score < own || !counts(row)) continue;
    largest = Math.max(largest, score);
    // Of two that are equal, the lower row is first.
    if (score > own || row < target) rank++;
  }
  let sum = 0;
  for (let row = 0; row < scores.length; row++)
    if (counts(row)) sum += Math.exp(((scores[row] ?? 0) - largest) / temperature);
  const likelihood = (own - largest) / temperature - Math.log(sum);
  return [likelihood, rank < DECISION_TOP ? 1 / Math.log2(rank + 2) : 0];
}
