/**
 * From precise to varied: a list that repeats itself less, by one number.
 *
 * `edge_runtime/variety.py` tells what is maximised and why; this is the same, operation by operation, so that both
 * runtimes make the same list. `tests/golden/variety.json` holds them to it.
 */

import { bestRows, type ProductCodes } from "./codes";

/** How many of the best are chosen from. */
export const POOL = 100;

const RIDGE = 0.1;
const UNIT = 4;
const STEPS = 1023;

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
    k,
    variety,
  );
  return [...places.map((place) => pool[place] as number), ...best.slice(POOL, k)];
}

/**
 * The places of `k` candidates in the order in which they are shown; among equals the lower place wins.
 *
 * @param scores of the candidates, the best first.
 * @param vectors of the candidates, `[scores.length, dim]`.
 * @param variety from 0, precise, to 1, varied.
 */
export function variedPlaces(scores: readonly number[], vectors: Float32Array, k: number, variety: number): number[] {
  const n = scores.length;
  const relevance = standardised(scores).map((value) => (1 - variety) * value);
  const kernel = kernelOf(vectors, n);
  const chosen: number[] = [];
  const free = new Set(scores.keys());
  while (chosen.length < k && free.size > 0) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (const place of free) {
      const gain = (relevance[place] as number) + variety * 0.5 * Math.log(kernel[place * n + place] as number);
      if (gain > most) [best, most] = [place, gain];
    }
    free.delete(best);
    chosen.push(best);
    condition(kernel, n, best);
  }
  return chosen;
}

/** Take out of the kernel what a chosen item tells already (a Schur complement). */
function condition(kernel: Float64Array, n: number, chosen: number): void {
  const row = kernel.slice(chosen * n, (chosen + 1) * n);
  const share = row.map((value) => value / (row[chosen] as number));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++)
      kernel[i * n + j] = (kernel[i * n + j] as number) - (row[i] as number) * (share[j] as number);
  }
  kernel[chosen * n + chosen] = 1;
}

function standardised(scores: readonly number[]): number[] {
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
