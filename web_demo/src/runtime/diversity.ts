/**
 * Diversifies a list, from precise to diverse, by one parameter.
 *
 * `edge_runtime/diversity.py` explains the objective; this is the same algorithm, operation by operation, so that both
 * runtimes compute the same list, which `tests/golden/diversity.json` tests.
 */

import { bestRows, type ProductCodes } from "./codes";
import { DIVERSITY_POOL } from "./constants";
import type { Rows } from "./itemIds";

const RIDGE = 0.1;
const UNIT = 4;
const STEPS = 1023;
/** Number of steps between the precise and the diverse end. */
const N_STEPS = 64;

/** The rows of a list of `k` items in display order; the best rows if `diversity` is 0. */
export function diversifiedRows(
  codes: ProductCodes,
  scores: ArrayLike<number>,
  k: number,
  excluded: Rows,
  diversity: number,
): number[] {
  if (diversity === 0) return bestRows(scores, k, excluded);
  return diversified(codes, scores, bestRows(scores, Math.max(DIVERSITY_POOL, k), excluded), k, diversity);
}

/** `k` of the best rows, the first hundred of which are diversified. */
export function diversified(
  codes: ProductCodes,
  scores: ArrayLike<number>,
  best: readonly number[],
  k: number,
  diversity: number,
): number[] {
  if (diversity === 0) return best.slice(0, k);
  const pool = best.slice(0, DIVERSITY_POOL);
  const places = diversifiedIndices(
    pool.map((row) => scores[row] ?? 0),
    codes.decode(pool),
    Math.min(k, DIVERSITY_POOL),
    diversity,
  );
  return [...places.map((place) => pool[place] ?? 0), ...best.slice(DIVERSITY_POOL, k)];
}

/**
 * The indices of `k` candidates in display order; ties are resolved in favour of the lower index.
 *
 * @param scores of the candidates, best first.
 * @param vectors of the candidates, `[scores.length, dim]`.
 * @param diversity the share of the list that gives way to different items, from 0 to 1.
 */
export function diversifiedIndices(
  scores: readonly number[],
  vectors: Float32Array,
  k: number,
  diversity: number,
): number[] {
  const n = scores.length;
  const nShown = Math.min(k, n);
  const nLookedAt = Math.min(nShown, Math.floor((n + 1) / 2));
  const relevance = standardized(scores);
  const kernel = kernelOf(vectors, n);
  const nExchanged = (step: number) =>
    chosenOf(relevance, kernel, nLookedAt, weightOf(step)).filter((place) => place >= nLookedAt).length;
  return chosenOf(relevance, kernel, nShown, weightOf(stepOf(nExchanged, diversity)));
}

/** The first step at which the requested share is exchanged, by bisection, as if the number were monotonic. */
function stepOf(nExchanged: (step: number) => number, diversity: number): number {
  let [low, high] = [0, N_STEPS];
  if (diversity === 0 || diversity === 1) return diversity === 0 ? low : high;
  const target = Math.floor(diversity * nExchanged(high) + 0.5);
  if (target === 0) return low;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (nExchanged(middle) >= target) high = middle;
    else low = middle;
  }
  return high;
}

function weightOf(step: number): number {
  const share = step / N_STEPS;
  return (4 * share) / (1 + 3 * share);
}

/** A chosen candidate's row of the kernel, conditioned on the earlier ones, and the row divided by its own entry. */
interface Chosen {
  readonly row: Float64Array;
  readonly share: Float64Array;
}

/** The indices of `k` candidates, chosen greedily. */
function chosenOf(relevance: readonly number[], kernel: Float64Array, k: number, weight: number): number[] {
  const n = relevance.length;
  const free = new Set(relevance.keys());
  const left = Float64Array.from(relevance, (_, place) => kernel[place * n + place] ?? 0);
  const earlier: Chosen[] = [];
  const chosen: number[] = [];
  while (chosen.length < k) {
    const best = bestOf(free, relevance, left, weight);
    free.delete(best);
    chosen.push(best);
    const row = conditioned(kernel.slice(best * n, (best + 1) * n), best, earlier);
    const share = row.map((value) => value / (row[best] ?? 0));
    for (let j = 0; j < n; j++) left[j] = (left[j] ?? 0) - (row[j] ?? 0) * (share[j] ?? 0);
    earlier.push({ row, share });
  }
  return chosen;
}

/** The free candidate that increases the objective most. */
function bestOf(free: ReadonlySet<number>, relevance: readonly number[], left: Float64Array, weight: number): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  for (const place of free) {
    const gain = (1 - weight) * (relevance[place] ?? 0) + weight * 0.5 * Math.log(left[place] ?? 0);
    if (gain > most) [best, most] = [place, gain];
  }
  return best;
}

/** Condition a row of the kernel on the earlier choices (a Schur complement), in place. */
function conditioned(row: Float64Array, best: number, earlier: readonly Chosen[]): Float64Array {
  for (const { row: earlierRow, share } of earlier) {
    const factor = earlierRow[best] ?? 0;
    for (let j = 0; j < row.length; j++) row[j] = (row[j] ?? 0) - factor * (share[j] ?? 0);
  }
  return row;
}

function standardized(scores: readonly number[]): number[] {
  const n = Math.max(scores.length, 1);
  const highest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const belowBest = scores.map((score) => score - highest);
  const mean = belowBest.reduce((sum, value) => sum + value, 0) / n;
  const centred = belowBest.map((value) => value - mean);
  const deviation = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0) / n);
  return centred.map((value) => value / (deviation > 0 ? deviation * UNIT : 1));
}

function kernelOf(vectors: Float32Array, n: number): Float64Array {
  const dim = n === 0 ? 0 : vectors.length / n;
  const steps = stepsOf(vectors, dim);
  const kernel = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    kernel[i * n + i] = 1;
    for (let j = 0; j < i; j++) {
      let product = 0;
      for (let d = 0; d < dim; d++) product += (steps[i * dim + d] ?? 0) * (steps[j * dim + d] ?? 0);
      kernel[i * n + j] = kernel[j * n + i] = (product + STEPS * STEPS) * ((1 - RIDGE) / (2 * STEPS * STEPS));
    }
  }
  return kernel;
}

/** Unit vectors, rounded to whole steps. */
function stepsOf(vectors: Float32Array, dim: number): Float64Array {
  const steps = new Float64Array(vectors.length);
  for (let start = 0; start < vectors.length; start += dim) {
    const vector = vectors.subarray(start, start + dim);
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (const [d, value] of vector.entries()) steps[start + d] = Math.floor((value / length) * STEPS + 0.5);
  }
  return steps;
}
