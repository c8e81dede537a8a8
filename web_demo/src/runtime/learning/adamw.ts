/**
 * AdamW over one vector, with a state that survives the end of the page. The same as `edge_runtime/learning/adamw.py`,
 * to the last bit, which has the formula; states are interchangeable.
 */

import type { Bytes } from "../bytes";
import { MAX_OPTIMIZER_BYTES, MAX_STEPS } from "../constants";
import { StorageError } from "../errors";

const MAGIC = 0x504b4157; // "PKAW"
const VERSION = 1;
const HEADER_BYTES = 32;
const BYTES_EACH = 3 * 8;
/** Most numbers that are trained at once. */
export const MAX_NUMBERS = Math.floor((MAX_OPTIMIZER_BYTES - HEADER_BYTES) / BYTES_EACH);

export interface AdamWSettings {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly momentum: number;
  readonly scaling: number;
  readonly epsilon: number;
}

export const ADAMW_DEFAULTS = { weightDecay: 0.01, momentum: 0.9, scaling: 0.999, epsilon: 1e-8 } as const;

/** The vector that is trained, and what the optimizer keeps of it between steps. */
export interface AdamWState {
  readonly values: Float64Array;
  /** Running mean of the gradients. */
  readonly first: Float64Array;
  /** Running mean of their squares. */
  readonly second: Float64Array;
  readonly nSteps: number;
  readonly momentumPower: number;
  readonly scalingPower: number;
}

/**
 * The state before the first step.
 *
 * @throws RangeError there are too many values, or one is not finite.
 */
export function startAdamW(values: Float64Array): AdamWState {
  if (values.length > MAX_NUMBERS)
    throw new RangeError(`expected at most ${MAX_NUMBERS} numbers, got ${values.length}; train fewer rows of B`);
  if (!values.every(Number.isFinite)) throw new RangeError("expected finite values");
  const zeros = new Float64Array(values.length);
  return { values: values.slice(), first: zeros, second: zeros, nSteps: 0, momentumPower: 1, scalingPower: 1 };
}

/**
 * The state after one step.
 *
 * @param centre what the decay pulls towards.
 * @throws RangeError the sizes differ, the gradient is not finite, or there were too many steps.
 */
export function adamwStep(
  state: AdamWState,
  gradient: Float64Array,
  centre: Float64Array,
  settings: AdamWSettings,
): AdamWState {
  const n = state.values.length;
  if (gradient.length !== n || centre.length !== n || !gradient.every(Number.isFinite))
    throw new RangeError(`expected a finite gradient and a centre of ${n} numbers`);
  if (state.nSteps >= MAX_STEPS) throw new RangeError(`expected at most ${MAX_STEPS} steps; start the training anew`);
  const { learningRate, weightDecay, momentum, scaling, epsilon } = settings;
  const [momentumPower, scalingPower] = [state.momentumPower * momentum, state.scalingPower * scaling];
  const [values, first, second] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const slope = gradient[i] ?? 0;
    const mean = momentum * (state.first[i] ?? 0) + (1 - momentum) * slope;
    const square = scaling * (state.second[i] ?? 0) + (1 - scaling) * (slope * slope);
    const step = mean / (1 - momentumPower) / (Math.sqrt(square / (1 - scalingPower)) + epsilon);
    const value = state.values[i] ?? 0;
    values[i] = value - learningRate * weightDecay * (value - (centre[i] ?? 0)) - learningRate * step;
    first[i] = mean;
    second[i] = square;
  }
  return { values, first, second, nSteps: state.nSteps + 1, momentumPower, scalingPower };
}

/** The state as bytes, at most 64 KiB. */
export function dumpAdamW(state: AdamWState): Bytes {
  const n = state.values.length;
  const data = new Uint8Array(HEADER_BYTES + n * BYTES_EACH);
  const view = new DataView(data.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint32(8, n, true);
  view.setUint32(12, state.nSteps, true);
  view.setFloat64(16, state.momentumPower, true);
  view.setFloat64(24, state.scalingPower, true);
  for (const [part, numbers] of [state.values, state.first, state.second].entries())
    for (const [i, value] of numbers.entries()) view.setFloat64(HEADER_BYTES + 8 * (part * n + i), value, true);
  return data;
}

/**
 * The state that `dumpAdamW` or Python wrote.
 *
 * @throws StorageError the bytes are no such state.
 */
export function readAdamW(data: Uint8Array): AdamWState {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const n = data.length < HEADER_BYTES ? -1 : view.getUint32(8, true);
  if (
    data.length > MAX_OPTIMIZER_BYTES ||
    data.length !== HEADER_BYTES + n * BYTES_EACH ||
    view.getUint32(0) !== MAGIC ||
    view.getUint8(4) !== VERSION
  )
    throw new StorageError(`expected an optimizer of version ${VERSION}, got ${data.length} other bytes`);
  const [values, first, second] = [0, 1, 2].map((part) =>
    Float64Array.from({ length: n }, (_, i) => view.getFloat64(HEADER_BYTES + 8 * (part * n + i), true)),
  ) as [Float64Array, Float64Array, Float64Array];
  const powers = [view.getFloat64(16, true), view.getFloat64(24, true)] as const;
  if (
    ![values, first, second].every((numbers) => numbers.every(Number.isFinite)) ||
    second.some((square) => square < 0) ||
    !powers.every((power) => power >= 0 && power <= 1)
  )
    throw new StorageError("expected finite numbers, squares from 0 and powers from 0 to 1 in an optimizer's state");
  return { values, first, second, nSteps: view.getUint32(12, true), momentumPower: powers[0], scalingPower: powers[1] };
}
