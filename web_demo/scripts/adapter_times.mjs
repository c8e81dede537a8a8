/** Training steps of the adapter in a browser, for `python -m benchmarks.adapter_step`, which times them. */

import { adapterStep } from "../src/runtime/learning/adapterStep";
import { matrix } from "../src/runtime/learning/exact";

let step = () => null;

/** Take sizes, and arrays of numbers in row order. */
globalThis.takeCase = ({ n, m, dim, rank, arrays }, factor) => {
  const { states, vectors, following, offsets, chosen, weights, a, b } = arrays;
  const batch = {
    states: matrix(n, dim, Float64Array.from(states)),
    vectors: matrix(m, dim, Float64Array.from(vectors)),
    following: Float64Array.from(following),
    offsets: Float64Array.from(offsets),
    chosen: Int32Array.from(chosen),
    weights: Float64Array.from(weights),
  };
  const adapter = [matrix(dim, rank, Float64Array.from(a)), matrix(rank, dim, Float64Array.from(b))];
  step = () => adapterStep(batch, ...adapter, factor);
};

/** Make `count` steps, and return the last. */
globalThis.steps = (count) => {
  for (let i = 1; i < count; i++) step();
  const { loss, gradB, gradFactor } = step();
  return { loss, gradB: Array.from(gradB), gradFactor };
};
