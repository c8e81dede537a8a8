/**
 * Scores items by what people took after the items of a history, and by how alike items are (SPEC section 10). The same
 * as `edge_runtime/transitions.py`.
 */

import type { TransitionSettings } from "./bundleJson";
import type { ProductCodes } from "./codes";
import { MIN_LENGTH } from "./constants";
import type { Transitions } from "./transitions";

export class TransitionScores {
  /** @param vectors of all items, of which similarity is computed. */
  constructor(
    private readonly settings: TransitionSettings,
    private readonly transitions: Transitions,
    private readonly vectors: ProductCodes,
  ) {}

  /** What to add to the score of every item after `sequence`, rows, oldest first; in row order. */
  scores(sequence: readonly number[]): Float32Array<ArrayBuffer> {
    const { smoothing, similarity, weight } = this.settings;
    const weights = this.weightsOf(sequence);
    const probabilities = this.probabilities(weights);
    const cosines = similarity === 0 ? null : this.cosines(weights);
    // Loops: `from` with a function takes several times as long.
    const scores = new Float32Array(probabilities.length);
    for (let row = 0; row < scores.length; row++) {
      const probability = probabilities[row] ?? 0;
      // Most items follow none of the history, and a logarithm is slow.
      const known = probability === 0 ? 0 : Math.log1p(probability / smoothing);
      scores[row] = weight * (cosines === null ? known : known + similarity * (cosines[row] ?? 0));
    }
    return scores;
  }

  /** The weight of every item among the newest events, by row in ascending order. */
  private weightsOf(sequence: readonly number[]): ReadonlyMap<number, number> {
    const { newest, recency } = this.settings;
    const weights = new Map<number, number>();
    for (const [age, row] of sequence.slice(-newest).reverse().entries()) {
      weights.set(row, (weights.get(row) ?? 0) + recency ** age);
    }
    return new Map([...weights].sort(([a], [b]) => a - b));
  }

  /** `w T + second_hop (w T) T`. */
  private probabilities(weights: ReadonlyMap<number, number>): Float64Array {
    const { secondHop } = this.settings;
    const dense = new Float64Array(this.transitions.nItems);
    for (const [row, weight] of weights) dense[row] = weight;
    const first = this.transitions.after(dense);
    if (secondHop === 0) return first;
    const second = this.transitions.after(first);
    for (let row = 0; row < first.length; row++) first[row] = (first[row] ?? 0) + secondHop * (second[row] ?? 0);
    return first;
  }

  /** The cosine of every item's vector and the weighted mean direction of the history. */
  private cosines(weights: ReadonlyMap<number, number>): Float64Array {
    const lengths = this.vectors.lengths();
    const direction = this.directionOf(weights);
    if (direction === null) return new Float64Array(lengths.length);
    const cosines = new Float64Array(this.vectors.scores(direction));
    for (let row = 0; row < cosines.length; row++) {
      const length = lengths[row] ?? 0;
      cosines[row] = length < MIN_LENGTH ? 0 : (cosines[row] ?? 0) / length;
    }
    return cosines;
  }

  /** The weighted sum of unit vectors, with length 1; null if it is zero. */
  private directionOf(weights: ReadonlyMap<number, number>): Float32Array | null {
    const rows = [...weights.keys()];
    const vectors = this.vectors.decode(rows);
    const dim = vectors.length / rows.length;
    const sum = new Float64Array(dim);
    for (const [index, weight] of [...weights.values()].entries()) {
      const vector = vectors.subarray(index * dim, (index + 1) * dim);
      const length = lengthOf(vector);
      if (length < MIN_LENGTH) continue;
      for (const [i, value] of vector.entries()) sum[i] = (sum[i] ?? 0) + (weight * value) / length;
    }
    const length = lengthOf(sum);
    return length < MIN_LENGTH ? null : Float32Array.from(sum, (value) => value / length);
  }
}

function lengthOf(vector: Float32Array | Float64Array): number {
  let square = 0;
  for (const value of vector) square += value * value;
  return Math.sqrt(square);
}
