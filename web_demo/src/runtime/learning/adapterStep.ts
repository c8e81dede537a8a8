/**
 * One training step of the adapter: the loss of a batch and its gradient, in closed form (SPEC section 15). The same as
 * `edge_runtime/learning/adapter_step.py`, to the last bit.
 */

import { exactProduct, exactSum, type Matrix, matrix, softmax, transposed } from "./exact";

/** `n` examples with `m` candidates that they share. */
export interface Batch {
  /** The state before each example's event, with `B = 0`, `[n, d]`. */
  readonly states: Matrix;
  /** The candidates' vectors, `[m, d]`. */
  readonly vectors: Matrix;
  /** What transitions add to each score, `[n, m]`; zeros without. */
  readonly following: Float64Array;
  /** 0, or `EXCLUDED` for a candidate that does not count for an example, `[n, m]`. */
  readonly offsets: Float64Array;
  /** Index of each example's own candidate, `[n]`. */
  readonly chosen: Int32Array;
  /** Of the examples, not negative and not all 0, `[n]`; 0 for padding. */
  readonly weights: Float64Array;
}

export interface Step {
  /** Weighted mean of the examples' cross-entropies, in nats. */
  readonly loss: number;
  /** Its gradient by `B`, `[r, d]`. */
  readonly gradB: Float64Array;
  /** Its derivative by the factor of transitions. */
  readonly gradFactor: number;
}

/**
 * Loss and gradients of a batch.
 *
 * @param a the frozen half of the adapter, `[d, r]`.
 * @param b the trained half, `[r, d]`.
 * @param factor of what transitions add; 1 as in the bundle.
 * @throws RangeError a number is not finite or too large, or the shapes do not fit.
 */
export function adapterStep(batch: Batch, a: Matrix, b: Matrix, factor: number): Step {
  check(batch, factor);
  const { states, vectors, following, offsets, chosen, weights } = batch;
  const candidates = vectors.rows;
  const reduced = exactProduct(states, a);
  const change = exactProduct(reduced, b).data;
  const adapted = matrix(
    states.rows,
    states.columns,
    states.data.map((value, i) => value + (change[i] ?? 0)),
  );
  const scores = exactProduct(adapted, transposed(vectors)).data;
  for (let i = 0; i < scores.length; i++)
    scores[i] = (scores[i] ?? 0) + factor * (following[i] ?? 0) + (offsets[i] ?? 0);
  const { shares, logSums } = softmax(scores, candidates);
  const total = exactSum(weights);
  const losses = weights.map((weight, row) => weight * ((logSums[row] ?? 0) - (scores[place(row)] ?? 0)));
  for (let row = 0; row < states.rows; row++) {
    shares[place(row)] = (shares[place(row)] ?? 0) - 1;
    const share = (weights[row] ?? 0) / total;
    for (let i = row * candidates; i < (row + 1) * candidates; i++) shares[i] = share * (shares[i] ?? 0);
  }
  const slope = matrix(states.rows, candidates, shares);
  return {
    loss: exactSum(losses) / total,
    gradB: exactProduct(transposed(reduced), exactProduct(slope, vectors)).data,
    gradFactor: exactSum(shares.map((value, i) => value * (following[i] ?? 0))),
  };

  function place(row: number): number {
    return row * candidates + (chosen[row] ?? 0);
  }
}

function check({ states, vectors, following, offsets, chosen, weights }: Batch, factor: number): void {
  const [n, m] = [states.rows, vectors.rows];
  if (vectors.columns !== states.columns || n === 0)
    throw new RangeError(`expected states and vectors of one width, got ${states.columns} and ${vectors.columns}`);
  const found = [following.length, offsets.length, chosen.length, weights.length];
  if (found.join() !== [n * m, n * m, n, n].join())
    throw new RangeError(`expected scores and offsets [${n}, ${m}], and ${n} choices and weights, got ${found}`);
  if (!chosen.every((candidate) => candidate >= 0 && candidate < m))
    throw new RangeError(`expected chosen candidates from 0 to ${m - 1}, got ${chosen}`);
  if (!weights.every((weight) => weight >= 0) || !weights.some((weight) => weight > 0))
    throw new RangeError(`expected weights from 0, one of them above, got ${weights}`);
  if (!Number.isFinite(factor) || !following.every(Number.isFinite) || !offsets.every(Number.isFinite))
    throw new RangeError("expected finite numbers in following, offsets and factor");
}
