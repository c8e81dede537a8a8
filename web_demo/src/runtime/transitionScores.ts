/**
 * Scores items by what people took after the items of a history, and by how alike items are (SPEC section 10). The same
 * as `edge_runtime/transitions.py`.
 */

import type { TransitionSettings } from "./bundleJson";
import { lengthOf, type ProductCodes } from "./codes";
import { MIN_LENGTH } from "./constants";
import type { Transitions } from "./transitions";

export class TransitionScores {
  /** Of the vectors' lengths, 0 for those without direction; computed with the first list. */
  private inverseLengths: Float32Array | null = null;

  /** @param vectors of all items, of which similarity is computed. */
  constructor(
    private readonly settings: TransitionSettings,
    readonly transitions: Transitions,
    readonly vectors: ProductCodes,
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
    this.inverseLengths ??= this.vectors.lengths().map((length) => (length < MIN_LENGTH ? 0 : 1 / length));
    const inverse = this.inverseLengths;
    const direction = this.directionOf(weights, inverse);
    if (direction === null) return new Float64Array(inverse.length);
    const products = this.vectors.products(direction);
    return Float64Array.from(products, (product, row) => Math.fround(product * (inverse[row] ?? 0)));
  }

  /** The weighted sum of unit vectors, with length 1; null if it is zero. */
  private directionOf(weights: ReadonlyMap<number, number>, inverseLengths: Float32Array): Float64Array | null {
    const rows = [...weights.keys()];
    const vectors = this.vectors.decode(rows);
    const dim = vectors.length / rows.length;
    const sum = new Float64Array(dim);
    for (const [index, [row, weight]] of [...weights].entries()) {
      const share = weight * (inverseLengths[row] ?? 0);
      const vector = vectors.subarray(index * dim, (index + 1) * dim);
      for (const [i, value] of vector.entries()) sum[i] = (sum[i] ?? 0) + share * value;
    }
    const length = lengthOf(sum);
    return length < MIN_LENGTH ? null : sum.map((value) => value / length);
  }
}
