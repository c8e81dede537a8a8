/**
 * Trains a personal adapter: some updates, each with the gradient of all examples. The same as
 * `edge_runtime/learning/training.py`, to the last bit, which explains it.
 */

import type { LearningSettings } from "../bundleJson";
import { EVIDENCE, LEARNING_CHUNK } from "../constants";
import type { Adapted } from "../encoder";
import { type AdamWState, adamwStep, MAX_NUMBERS, startAdamW } from "./adamw";
import { adapterStep, type Batch } from "./adapterStep";
import { type Matrix, matrix } from "./exact";

/** What stays the same in all updates of one session. */
export interface Training {
  /** With vectors and transitions divided by the temperature. */
  readonly batches: readonly Batch[];
  /** The frozen half of the bundle's adapter, `[d, r]`. */
  readonly a: Matrix;
  /** The other half, `[r, d]`. */
  readonly shared: Float32Array;
  readonly settings: LearningSettings;
}

/** The state before the first update; the first rows of `B` are trained, as many as its size allows. */
export function firstState(rank: number, dim: number): AdamWState {
  const nRows = Math.min(rank, Math.floor((MAX_NUMBERS - 1) / dim));
  return startAdamW(centreOf(nRows * dim + 1));
}

/** What a state has learned, added to the bundle's `B`; rows that were not trained stay. */
export function adaptedOf({ values }: AdamWState, shared: Float32Array): Adapted {
  return { adapterB: Float32Array.from(summed(values, shared)), factor: factorOf(values) };
}

/** Make one update: yields null after each chunk of examples but the last, and then the state after it. */
export function* update({ batches, a, shared, settings }: Training, state: AdamWState): Generator<AdamWState | null> {
  const b = matrix(a.columns, a.rows, summed(state.values, shared));
  const gradient = new Float64Array(state.values.length);
  const last = gradient.length - 1;
  for (const [index, batch] of batches.entries()) {
    const { gradB, gradFactor } = adapterStep(batch, a, b, factorOf(state.values));
    const count = batch.weights.length;
    for (let i = 0; i < last; i++) gradient[i] = (gradient[i] ?? 0) + count * (gradB[i] ?? 0);
    gradient[last] = (gradient[last] ?? 0) + count * gradFactor;
    if (index < batches.length - 1) yield null;
  }
  yield stepped(
    state,
    gradient.map((slope) => slope / EVIDENCE),
    settings,
  );
}

/** The state after one step of AdamW; the factor has a rate of its own. */
function stepped(state: AdamWState, gradient: Float64Array, settings: LearningSettings): AdamWState {
  const centre = centreOf(gradient.length);
  const { weightDecay, beta1: momentum, beta2: scaling, epsilon } = settings;
  const [next, ofFactor] = [settings.learningRate, settings.factorRate].map((learningRate) =>
    adamwStep(state, gradient, centre, { learningRate, weightDecay, momentum, scaling, epsilon }),
  ) as [AdamWState, AdamWState];
  next.values[gradient.length - 1] = factorOf(ofFactor.values);
  return next;
}

/**
 * The examples in chunks, all of the same weight.
 *
 * @param states of the examples, with `B = 0`, `[n, d]`.
 * @param vectors of the candidates, `[m, d]`.
 * @param following scores of the transitions, `[n, m]`.
 * @param offsets `[n, m]`.
 * @param chosen index of each example's own candidate, `[n]`.
 * @param temperature what scores are divided by.
 */
export function batchesOf(
  states: Float32Array,
  vectors: Float32Array,
  following: Float32Array,
  offsets: Float64Array,
  chosen: Int32Array,
  temperature: number,
): Batch[] {
  const [n, m] = [chosen.length, offsets.length / chosen.length];
  const dim = states.length / n;
  const cooled = matrix(
    m,
    dim,
    Float64Array.from(vectors, (value) => value / temperature),
  );
  const batches: Batch[] = [];
  for (let start = 0; start < n; start += LEARNING_CHUNK) {
    const end = Math.min(n, start + LEARNING_CHUNK);
    batches.push({
      states: matrix(end - start, dim, Float64Array.from(states.subarray(start * dim, end * dim))),
      vectors: cooled,
      following: Float64Array.from(following.subarray(start * m, end * m), (value) => value / temperature),
      offsets: offsets.slice(start * m, end * m),
      chosen: chosen.slice(start, end),
      weights: new Float64Array(end - start).fill(1),
    });
  }
  return batches;
}

function summed(values: Float64Array, shared: Float32Array): Float64Array {
  const nTrained = values.length - 1;
  return Float64Array.from(shared, (value, i) => value + (i < nTrained ? (values[i] ?? 0) : 0));
}

/** What the scores of transitions are multiplied with. */
function factorOf(values: Float64Array): number {
  return values[values.length - 1] ?? 0;
}

/** What the decay pulls towards: no change of `B`, and the factor of the bundle. */
function centreOf(length: number): Float64Array {
  const centre = new Float64Array(length);
  centre[length - 1] = 1;
  return centre;
}
