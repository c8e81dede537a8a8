/** Numbers that follow from a seed: the same as those of `tests/golden_learning.py`. */

import { EXCLUDED } from "../src/runtime/constants";
import type { Batch } from "../src/runtime/learning/adapterStep";
import { matrix } from "../src/runtime/learning/exact";
import { Random32 } from "../src/runtime/learning/random32";

export function drawn(random: Random32, count: number, scale = 1): Float64Array {
  return Float64Array.from({ length: count }, () => (random.next() / 2 ** 31 - 1) * scale);
}

/** The same as `drawn_batch`. */
export function drawnBatch(seed: number, n: number, m: number, dim: number): Batch {
  const random = new Random32(seed);
  const states = matrix(n, dim, drawn(random, n * dim, 2));
  const vectors = matrix(m, dim, drawn(random, m * dim));
  const following = drawn(random, n * m, 5).map((value) => Math.max(value, 0));
  const chosen = Int32Array.from({ length: n }, () => random.below(m));
  const offsets = drawn(random, n * m).map((value) => (value > 0.8 ? EXCLUDED : 0));
  for (const [row, candidate] of chosen.entries()) offsets[row * m + candidate] = 0;
  const weights = Float64Array.from({ length: n }, (_, row) => (row > 0 && row === n - 1 ? 0 : 1));
  return { states, vectors, following, offsets, chosen, weights };
}
