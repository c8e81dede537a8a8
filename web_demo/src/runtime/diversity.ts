/**
 * Diversifies a list, from precise to diverse, by one parameter.
 *
 * `edge_runtime/diversity.py` explains the objective; this is the same algorithm, operation by operation, so that both
 * runtimes compute the same list, which `tests/golden/diversity.json` tests.
 */

import { bestRows, type ProductCodes } from "./codes";
import { DIVERSITY_POOL } from "./constants";

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
  excluded: ReadonlySet<number>,
  diversity: number,
): number[] {
  if (diversity === 0) return bestRows(scores, k, excluded);
  const best = bestRows(scores, Math.max(DIVERSITY_POOL, k), excluded);
  const pool = best.slice(0, DIVERSITY_POOL);
  const places = diversifiedIndices(
    pool.map((row) => scores[row] as number),
    codes.decode(pool),
    Math.min(k, DIVERSITY_POOL),
    diversity,
  );
  return [...places.map((place) => pool[place] as number), ...best.slice(DIVERSITY_POOL, k)];
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

/** The indices of `k` candidates, chosen greedily. */
function chosenOf(relevance: readonly number[], kernel: Float64Array, k: number, weight: number): number[] {
  const n = relevance.length;
  const free = new Set(relevance.keys());
  const left = Float64Array.from(relevance, (_, place) => kernel[place * n + place] as number);
  const rows: Float64Array[] = [];
  const shares: Float64Array[] = [];
  const chosen: number[] = [];
  while (chosen.length < k) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (const place of free) {
      const gain = (1 - weight) * (relevance[place] as number) + weight * 0.5 * Math.log(left[place] as number);
      if (gain > most) [best, most] = [place, gain];
    }
    free.delete(best);
    chosen.push(best);
    // Condition the kernel on the chosen item (a Schur complement), only for the row that is needed.
    const row = kernel.slice(best * n, (best + 1) * n);
    for (const [index, share] of shares.entries()) {
      const factor = (rows[index] as Float64Array)[best] as number;
      for (let j = 0; j < n; j++) row[j] = (row[j] as number) - factor * (share[j] as number);
    }
    const share = row.map((value) => value / (row[best] as number));
    for (let j = 0; j < n; j++) left[j] = (left[j] as number) - (row[j] as number) * (share[j] as number);
    rows.push(row);
    shares.push(share);
  }
  return chosen;
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
  const steps = new Float64Array(vectors.length);
  for (let i = 0; i < n; i++) {
    const vector = vectors.subarray(i * dim, (i + 1) * dim);
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dim; d++) {
      steps[i * dim + d] = Math.floor(((vector[d] as number) / (length > 0 ? length : 1)) * STEPS + 0.5);
    }
  }
  const kernel = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    kernel[i * n + i] = 1;
    for (let j = 0; j < i; j++) {
      let product = 0;
      for (let d = 0; d < dim; d++) product += (steps[i * dim + d] as number) * (steps[j * dim + d] as number);
      kernel[i * n + j] = kernel[j * n + i] = (product + STEPS * STEPS) * ((1 - RIDGE) / (2 * STEPS * STEPS));
    }
  }
  return kernel;
}
