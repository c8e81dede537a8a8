/**
 * The statistics of a profile, with the same rules as `edge_runtime/profiling/statistics.py`, which explains them;
 * `tests/golden/profile.json` tests both.
 */

import { at } from "../at";

/** Runs that a percentile needs, by its share. */
export const MIN_RUNS: ReadonlyMap<number, number> = new Map([
  [0.5, 11],
  [0.9, 64],
  [0.95, 130],
  [0.99, 662],
]);
export const CONFIDENCE = 0.99;
const RESAMPLES = 1000;

export interface Interval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A percentile by the nearest rank; null if there are too few values for it. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length < (MIN_RUNS.get(share) ?? Number.POSITIVE_INFINITY)) return null;
  return at(ascending(values), Math.ceil(share * values.length) - 1);
}

/** @throws RangeError there is no value. */
export function median(values: Iterable<number>): number {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? at(sorted, middle) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

/** The median of paired ratios and its interval: rounds are drawn with replacement first, then pairs within them. */
export function ratioInterval(rounds: readonly (readonly number[])[], seed = 0): Interval {
  const [nRounds, nPairs] = [rounds.length, at(rounds, 0).length];
  const medians = Array.from({ length: RESAMPLES }, (_, resample) => {
    const drawn = new Float64Array(nRounds * nPairs);
    for (let place = 0; place < nRounds; place++) {
      const draw = resample * nRounds + place;
      const round = at(rounds, below(draw, nRounds, seed));
      for (let pair = 0; pair < nPairs; pair++) {
        const counter = RESAMPLES * nRounds + draw * nPairs + pair;
        drawn[place * nPairs + pair] = at(round, below(counter, nPairs, seed));
      }
    }
    return median(drawn);
  });
  const sorted = ascending(medians);
  const cut = Math.floor((RESAMPLES * (1 - CONFIDENCE)) / 2 + 1e-9);
  return { median: median(rounds.flat()), low: at(sorted, cut), high: at(sorted, RESAMPLES - 1 - cut) };
}

/** The level of each round: the median of its times, each divided by the median of the same work over all rounds. */
export function roundLevels(times: readonly (readonly number[])[]): number[] {
  const usual = at(times, 0).map((_, index) => median(times.map((round) => at(round, index))));
  return times.map((round) => median(round.map((time, index) => time / at(usual, index))));
}

/** By which share the median of the levels may be wrong, up or down. */
export function uncertainty(levels: readonly number[]): number {
  const { median: middle, low, high } = ratioInterval(levels.map((level) => [level]));
  return Math.max(high / middle, middle / low) - 1;
}

/** By which share the median of the second half exceeds that of the first. */
export function drift(values: readonly number[]): number {
  const half = values.length >> 1;
  return median(values.slice(half)) / median(values.slice(0, half)) - 1;
}

function ascending(values: Iterable<number>): number[] {
  return [...Float64Array.from(values).sort()];
}

/** A number below `n` from a hash of counter and seed. */
function below(counter: number, n: number, seed: number): number {
  let x = ((counter + seed * 0x9e3779b9) % 2 ** 32) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return Math.floor(((x >>> 0) / 2 ** 32) * n);
}
