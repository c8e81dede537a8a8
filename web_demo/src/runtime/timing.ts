/**
 * Times engines on this device, and says which is the fastest for a history of some length. The same idea as
 * `edge_runtime/engines/timing.py`; here two engines can share the work, because both are in memory already.
 */

import type { Engine, SmallMatrices } from "./encoder";

/** Events of the short history. */
export const SHORT = 3;
/** Events of the long history, or the encoder's maximum length if that is less. */
export const LONG = 50;
const ROUNDS = 7;
const MIN_ROUNDS = 2;
const MAX_MS = 50;
const MAX_CALLS = 10;

/** Milliseconds that an engine takes to encode a short and a long history. */
export interface EngineTime {
  readonly short: number;
  readonly long: number;
}

/** Times some engines, in their order. */
export type TimeEngines = (engines: readonly Engine[]) => Promise<readonly EngineTime[]>;

/**
 * Measure how long engines take: the smallest of some calls, in turns, so that other load affects all of them.
 *
 * @param long item vectors of the long history, `[l, d]`; the short one is its first three.
 */
export function timerOf(
  long: Float32Array<ArrayBuffer>,
  dim: number,
  small: SmallMatrices,
  clock: () => number = () => performance.now(),
): TimeEngines {
  const histories = [long.slice(0, SHORT * dim), long];
  return async (engines) => {
    const calls = engines.flatMap((engine) =>
      histories.map((history) => ({ run: () => engine.encode(history, small), ms: Number.POSITIVE_INFINITY })),
    );
    const end = clock() + MAX_MS;
    for (let round = 0; round < ROUNDS && (round < MIN_ROUNDS || clock() < end); round++) {
      for (const call of calls) call.ms = Math.min(call.ms, await timed(call.run, clock));
    }
    return engines.map((_, at) => ({ short: calls[2 * at]?.ms ?? 0, long: calls[2 * at + 1]?.ms ?? 0 }));
  };
}

/** Times that let the engine with this name make all lists, for tests and comparisons. */
export function preferring(name: string): TimeEngines {
  return async (engines) =>
    engines.map((engine) => (engine.name === name ? { short: 0, long: 0 } : { short: 1, long: 1 }));
}

/** The time for `n` events, on the line through the two measured ones. */
export function timeFor({ short, long }: EngineTime, n: number): number {
  return short + ((long - short) * (n - SHORT)) / (LONG - SHORT);
}

/** Browsers round their clocks, some to a millisecond: as many calls as the clock needs to move. */
async function timed(run: () => Promise<unknown>, clock: () => number): Promise<number> {
  const begun = clock();
  let calls = 0;
  let now = begun;
  while (calls < MAX_CALLS && now - begun < 1) {
    await run();
    calls++;
    now = clock();
  }
  return (now - begun) / calls;
}
