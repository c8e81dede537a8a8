/**
 * From precise to varied: a list that repeats itself less, by one number.
 *
 * `edge_runtime/variety.py` tells what is maximized and why; this is the same, operation by operation, so that both
 * runtimes make the same list. `tests/golden/variety.json` holds them to it.
 */

import { bestRows, type ProductCodes } from "./codes";

/** How many of the best are chosen from. */
export const POOL = 100;

const RIDGE = 0.1;
const UNIT = 4;
const STEPS = 1023;
/** Weights between the precise and the varied end. */
const N_STEPS = 64;

/** The rows of a list of `k`, in the order in which they are shown; with `variety` 0 these are the best. */
export function variedRows(
  codes: ProductCodes,
  scores: ArrayLike<number>,
  k: number,
  excluded: ReadonlySet<number>,
  variety: number,
): number[] {
  if (variety === 0) return bestRows(scores, k, excluded);
  const best = bestRows(scores, Math.max(POOL, k), excluded);
  const pool = best.slice(0, POOL);
  const places = variedPlaces(
    pool.map((row) => scores[row] as number),
    codes.decode(pool),
    Math.min(k, POOL),
    variety,
  );
  return [...places.map((place) => pool[place] as number), ...best.slice(POOL, k)];
}

/**
 * The places of `k` candidates in the order in which they are shown; among equals the lower place wins.
 *
 * @param scores of the candidates, the best first.
 * @param vectors of the candidates, `[scores.length, dim]`.
 * @param variety the share of the precise list that gives way, from 0 to 1.
 */
export function variedPlaces(scores: readonly number[], vectors: Float32Array, k: number, variety: number): number[] {
  const n = scores.length;
  const nShown = Math.min(k, n);
  const nLookedAt = Math.min(nShown, Math.floor((n + 1) / 2));
  const relevance = standardized(scores);
  const kernel = kernelOf(vectors, n);
  const nExchanged = (step: number) =>
    chosenOf(relevance, kernel, nLookedAt, weightOf(step)).filter((place) => place >= nLookedAt).length;
  return chosenOf(relevance, kernel, nShown, weightOf(stepOf(nExchanged, variety)));
}

/** The first step at which the wanted share is exchanged; found by halving, as if the number only grew. */
function stepOf(nExchanged: (step: number) => number, variety: number): number {
  let [low, high] = [0, N_STEPS];
  if (variety === 0 || variety === 1) return variety === 0 ? low : high;
  const wanted = Math.floor(variety * nExchanged(high) + 0.5);
  if (wanted === 0) return low;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (nExchanged(middle) >= wanted) high = middle;
    else low = middle;
  }
  return high;
}

function weightOf(step: number): number {
  const share = step / N_STEPS;
  return (4 * share) / (1 + 3 * share);
}

/** The places of `k` candidates, chosen greedily. */
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
    // What is chosen tells already, taken out of the kernel (a Schur complement): only the row that is needed.
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
