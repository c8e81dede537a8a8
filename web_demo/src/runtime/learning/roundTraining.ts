/**
 * The training of a round: some steps on the newest events of the history, from the shared adapter. The same as
 * `edge_runtime/learning/round_training.py`, from equal states to the last bit.
 */

import type { LearningSettings } from "../bundleJson";
import { EXCLUDED } from "../constants";
import type { SmallMatrices } from "../encoder";
import type { Learnable } from "../recommender";
import type { RoundPlan } from "../rounds/plan";
import { adamwStep, MAX_NUMBERS, startAdamW } from "./adamw";
import { adapterStep, type Batch } from "./adapterStep";
import { log, matrix } from "./exact";
import { Random32 } from "./random32";

/** After so long a training ends with the steps that it has made, whatever the plan asks for. */
export const MAX_TRAINING_MS = 60_000;
/** The most events that settings let a device learn from. */
export const MAX_EXAMPLES = 1024;

/** The part of a plan that the training follows. */
export type TrainingPlan = Pick<RoundPlan, "rank" | "dim" | "steps" | "batch" | "learningRate">;

/** Encodes vectors when no list is being computed. */
export type Encode = (vectors: Float32Array<ArrayBuffer>, small: SmallMatrices) => Promise<Float32Array>;

/**
 * One example for each of the newest events, with candidates that all of them share.
 *
 * @param sequence catalogue rows of the interactions, oldest first.
 * @param seed from which the drawn items follow.
 * @throws RangeError there are fewer than two interactions.
 */
export async function roundExamples(
  release: Learnable,
  settings: Pick<LearningSettings, "temperature" | "examples" | "candidates">,
  sequence: readonly number[],
  seed: number,
  encode: Encode,
): Promise<Batch> {
  const { manifest, scorer, small, retired } = release;
  const { dim, maxLength } = manifest.encoder;
  const first = Math.max(1, sequence.length - settings.examples);
  const targets = sequence.slice(first);
  if (targets.length === 0) throw new RangeError("there are fewer than two choices of items in this catalogue");
  const { rows, offsets } = roundCandidates(sequence, retired, manifest.catalogue.nItems, settings.candidates, seed);
  const [n, m] = [targets.length, rows.length];
  const states = new Float64Array(n * dim);
  const batch = { following: new Float64Array(n * m), offsets: new Float64Array(n * m), chosen: new Int32Array(n) };
  const without = { ...small, adapterB: new Float32Array(small.adapterB.length) };
  for (const [at, target] of targets.entries()) {
    const past = sequence.slice(Math.max(0, first + at - maxLength), first + at);
    states.set(await encode(scorer.codes.decode(past), without), at * dim);
    const scores = scorer.transitions?.scores(past);
    batch.following.set(
      rows.map((row) => (scores?.[row] ?? 0) / settings.temperature),
      at * m,
    );
    batch.offsets.set(offsets, at * m);
    const chosen = rows.indexOf(target);
    batch.offsets[at * m + chosen] = 0;
    batch.chosen[at] = chosen;
  }
  const vectors = Float64Array.from(scorer.codes.decode(rows), (value) => value / settings.temperature);
  return {
    ...batch,
    states: matrix(n, dim, states),
    vectors: matrix(m, dim, vectors),
    weights: new Float64Array(n).fill(1),
  };
}

/**
 * The items that events are told apart from, ascending, and what is added to their scores: the user's own items and retired
 * ones are no counterexamples, and each drawn one stands for others that were not.
 */
export function roundCandidates(
  sequence: readonly number[],
  retired: Iterable<number>,
  nItems: number,
  nDrawn: number,
  seed: number,
): { readonly rows: readonly number[]; readonly offsets: readonly number[] } {
  const random = new Random32(seed);
  const drawn = Array.from({ length: nDrawn }, () => random.below(nItems));
  const excluded = new Set([...sequence, ...retired]);
  const rows = [...new Set([...sequence, ...drawn])].sort((one, other) => one - other);
  const nCounted = Math.max(1, rows.filter((row) => !excluded.has(row)).length);
  const weight = log(Math.max(1, nItems - excluded.size) / nCounted);
  return { rows, offsets: rows.map((row) => (excluded.has(row) ? EXCLUDED : weight)) };
}

/**
 * By how much the steps of a plan change the first rows of B, at most as many as the optimizer holds, row by row.
 *
 * @param seed from which the order of the examples follows.
 * @param pause awaited before each step, so that lists do not wait for the training.
 * @param clock milliseconds.
 */
export async function trainedChange(
  examples: Batch,
  settings: Pick<LearningSettings, "beta1" | "beta2" | "epsilon">,
  plan: TrainingPlan,
  { adapterA, adapterB }: Pick<SmallMatrices, "adapterA" | "adapterB">,
  seed: number,
  pause: () => Promise<void>,
  clock: () => number = () => performance.now(),
): Promise<Float64Array> {
  const { dim } = plan;
  const count = Math.min(plan.rank, Math.floor(MAX_NUMBERS / dim)) * dim;
  const rank = adapterB.length / dim;
  const [a, base] = [matrix(dim, rank, Float64Array.from(adapterA)), Float64Array.from(adapterB)];
  const rates = {
    learningRate: plan.learningRate,
    weightDecay: 0,
    momentum: settings.beta1,
    scaling: settings.beta2,
    epsilon: settings.epsilon,
  };
  const start = base.slice(0, count);
  const all = Array.from(examples.chosen.keys());
  let state = startAdamW(start);
  const end = clock() + MAX_TRAINING_MS;
  for (let number = 1; number <= plan.steps && clock() <= end; number++) {
    await pause();
    const rows = new Random32(seed, number).sample(all, Math.min(plan.batch, all.length));
    const b = base.slice();
    b.set(state.values);
    const { gradB } = adapterStep(partOf(examples, rows), a, matrix(rank, dim, b), 1);
    state = adamwStep(state, gradB.slice(0, count), start, rates);
  }
  return state.values.map((value, at) => value - (start[at] ?? 0));
}

/** Some of the examples of a batch. */
function partOf({ states, vectors, following, offsets, chosen, weights }: Batch, rows: readonly number[]): Batch {
  const taken = (numbers: Float64Array, width: number) => {
    const part = new Float64Array(rows.length * width);
    for (const [at, row] of rows.entries()) part.set(numbers.subarray(row * width, (row + 1) * width), at * width);
    return part;
  };
  return {
    states: matrix(rows.length, states.columns, taken(states.data, states.columns)),
    vectors,
    following: taken(following, vectors.rows),
    offsets: taken(offsets, vectors.rows),
    chosen: Int32Array.from(rows, (row) => chosen[row] ?? 0),
    weights: taken(weights, 1),
  };
}
