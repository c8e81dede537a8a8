/** The browser's clock, which is coarse on purpose: short work is repeated until it takes long enough to be timed. */

import { median } from "./statistics";

/** A time is at least this many ticks of the clock. */
const LEAST_TICKS = 20;
const TRIES = 20;
const MOST_REPEATS = 256;

/** The milliseconds between two ticks of the clock. */
export function tickMs(clock: () => number = () => performance.now()): number {
  const ticks: number[] = [];
  for (let n = 0; n < TRIES; n++) {
    const begun = clock();
    let now = begun;
    while (now === begun) now = clock();
    ticks.push(now - begun);
  }
  return median(ticks);
}

/** How often work that took `ms` once has to be repeated. */
export function repeatsFor(ms: number, tick: number): number {
  return Math.min(MOST_REPEATS, Math.max(1, Math.ceil((LEAST_TICKS * tick) / Math.max(ms, tick / 4))));
}
