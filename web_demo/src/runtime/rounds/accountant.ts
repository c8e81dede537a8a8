/**
 * How much a device's updates can reveal: the exact privacy loss of Gaussian noise, and two statements of it. Twin of
 * `edge_runtime/rounds/accountant.py`, which has formulas and sources.
 */

import type { RoundPlan } from "./plan";

/** Halvings of an interval of doubles: more than it has digits. */
const STEPS = 200;
const FRACTION_FROM = 2.5;
const FRACTION_TERMS = 200;
const SERIES_TERMS = 60;

/** What the updates of one device reveal in `periodDays` at most, as epsilons for one delta. */
export interface PrivacyStatement {
  readonly delta: number;
  /** Against who reads the uploads of this device: only the noise that it added itself counts. */
  readonly operator: number;
  /** Against who sees published adapters only: the noise of all devices of the smallest allowed sum counts. */
  readonly readers: number;
  readonly participations: number;
  readonly periodDays: number;
}

/** What taking part in rounds of such plans reveals. */
export function privacyStatement(plan: RoundPlan): PrivacyStatement {
  const own = muOf(2 * plan.clip, plan.sigma, plan.participations);
  const inSum = 1 + (plan.minUpdates - 1) / (1 + plan.maxStaleness);
  return {
    delta: plan.delta,
    operator: epsilonOf(plan.delta, own),
    readers: epsilonOf(plan.delta, own / Math.sqrt(inSum)),
    participations: plan.participations,
    periodDays: plan.periodDays,
  };
}

/** Square of the signal-to-noise ratio of one participation against the operator; those of several rounds add up. */
export function lossOf({ clip, sigma }: Pick<RoundPlan, "clip" | "sigma">): number {
  return muOf(2 * clip, sigma) ** 2;
}

/** The signal-to-noise ratio of all participations together; infinite without noise. */
export function muOf(sensitivity: number, sigma: number, participations = 1): number {
  return sigma > 0 ? (Math.sqrt(participations) * sensitivity) / sigma : Number.POSITIVE_INFINITY;
}

/** The smallest delta with which noise of the ratio `mu` is private with `epsilon` (Balle and Wang 2018, Theorem 8). */
export function deltaOf(epsilon: number, mu: number): number {
  if (mu === Number.POSITIVE_INFINITY) return 1;
  if (mu === 0) return 0; // a clip so small beside the noise that the ratio is 0 in float64
  const upper = mu / 2 - epsilon / mu;
  const density = Math.exp((-upper * upper) / 2) / Math.sqrt(2 * Math.PI);
  // exp(epsilon) times the density at the lower bound is the density at the upper one: nothing overflows.
  const lowerPart = density * mills(mu / 2 + epsilon / mu);
  const upperPart = density * mills(Math.abs(upper));
  return Math.max(0, (upper > 0 ? 1 - upperPart : upperPart) - lowerPart);
}

/** The smallest epsilon for a delta between 0 and 1, rounded up; 0 if any is enough, infinite without noise. */
export function epsilonOf(delta: number, mu: number): number {
  if (!(delta > 0 && delta < 1)) throw new RangeError(`expected a delta between 0 and 1, got ${delta}`);
  if (mu === Number.POSITIVE_INFINITY) return mu;
  if (deltaOf(0, mu) <= delta) return 0;
  let [low, high] = [0, 1];
  while (deltaOf(high, mu) > delta) [low, high] = [high, 2 * high];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (deltaOf(middle, mu) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** The ratio of the normal distribution's upper tail to its density at `x >= 0` (Abramowitz and Stegun 26.2.11, 26.2.14). */
function mills(x: number): number {
  if (x >= FRACTION_FROM) {
    let value = x; // Laplace's continued fraction, from the inside
    for (let term = FRACTION_TERMS; term > 0; term--) value = x + term / value;
    return 1 / value;
  }
  let [sum, term] = [0, x];
  for (let odd = 3; odd < 2 * SERIES_TERMS; odd += 2) {
    sum += term;
    term *= (x * x) / odd;
  }
  return Math.sqrt(Math.PI / 2) * Math.exp((x * x) / 2) - sum;
}
