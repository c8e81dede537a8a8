/** Cosines of item vectors: what a dislike lowers, and what is alike an item. The same as `edge_runtime/similar.py`. */

import { lengthOf, type ProductCodes } from "./codes";

export class Cosines {
  constructor(private readonly codes: ProductCodes) {}

  /** The cosine of each item with the item of a row; 0 with a vector of zeros. */
  of(row: number): Float32Array {
    return this.to(this.codes.decode([row]));
  }

  /** The vectors of some items, one after the other. */
  vectors(rows: readonly number[]): Float32Array {
    return this.codes.decode(rows);
  }

  /** The cosine of each item with a vector; 0 with a vector of zeros. */
  to(vector: Float32Array): Float32Array {
    const lengths = this.codes.lengths();
    const length = lengthOf(vector);
    if (length === 0) return new Float32Array(lengths.length);
    const products = this.codes.products(Float64Array.from(vector, (value) => value / length));
    return products.map((product, other) => ((lengths[other] ?? 0) > 0 ? product / (lengths[other] ?? 0) : 0));
  }
}
