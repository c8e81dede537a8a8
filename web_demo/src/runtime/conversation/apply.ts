/**
 * Applies a query: which items are left, and a bounded shift of the scores. The same as
 * `edge_runtime/conversation/apply.py`, which has the formula.
 */

import { bestRows } from "../codes";
import type { Cosines } from "../cosines";
import { resemblanceOf } from "../dislikes";
import { checkedWhere } from "../filters/conditions";
import type { FactTable, Mask } from "../filters/table";
import type { Rows } from "../itemIds";
import type { Finder } from "../search/finder";
import type { Limit, Query, Wish } from "./query";

/** How far a query may shift a score, in differences between the best and the hundredth score. */
const BOUND = 2;
const SIMILAR = 0.5;
const UNLIKE = 0.5;
/** Number of items nearest to those that the list should resemble, which are raised alike. */
const N_NEAREST = 20;
/** How many of them reach as high as as many of all items. */
const N_RAISED = 5;
const NEAR_PREFERRED = 0.5;
const NEAR_EXCLUDED = 0.25;
const DEPTH = 100;
const MOST_OF_A_WISH = 256;

/** How near items are, by their cosines. */
type Measure = (cosines: Float32Array) => Float32Array;

/** Applies queries to one catalogue. */
export class Application {
  /** @param spaces the vectors that items are compared by. */
  constructor(
    private readonly nItems: number,
    private readonly rowOf: (itemId: string) => number | undefined,
    private readonly facts: FactTable,
    private readonly finder: Finder,
    private readonly spaces: readonly Cosines[],
  ) {}

  /** Which items a query leaves. */
  allowed(query: Query): Mask {
    const mask = new Uint8Array(this.nItems).fill(1);
    for (const wish of query.must) keep(mask, this.holds(wish), 1);
    for (const wish of query.mustNot) keep(mask, this.refuses(wish), 0);
    for (const limit of query.limits) keep(mask, this.within(limit), 1);
    for (const row of this.rowsOf([...query.similarTo, ...query.unlike])) mask[row] = 0;
    return mask;
  }

  /** Which items fulfil a wish. */
  holds({ field, values }: Wish): Mask {
    if (field !== null && this.facts.has(field)) return this.facts.holds(checkedWhere({ [field]: values }));
    const mask = new Uint8Array(this.nItems);
    for (const value of values) {
      for (const [row, holds] of this.finder.holdsWords(value).entries()) if (holds) mask[row] = 1;
    }
    return mask;
  }

  /** Which items a wish leaves out: "no parabens" not those of which the titles say "paraben-free". */
  private refuses(wish: Wish): Mask {
    const mask = this.holds(wish);
    if (wish.field === null) for (const value of wish.values) keep(mask, this.finder.freeOf(value), 0);
    return mask;
  }

  /**
   * The scores with the shift of a query; `scores` itself, if there is none.
   *
   * @param hidden rows that are on no list.
   */
  shifted(scores: Float32Array, query: Query, hidden: Rows): Float32Array {
    const { similarTo, unlike, prefer, mustNot } = query;
    if ([similarTo, unlike, prefer, mustNot].every((parts) => parts.length === 0)) return scores;
    const top = bestRows(scores, DEPTH, new Set());
    const spread = Math.fround((scores[top[0] ?? 0] ?? 0) - (scores[top.at(-1) ?? 0] ?? 0));
    const near = this.nearItems(similarTo, resemblanceOf);
    const far = this.nearItems(unlike, resemblanceOf);
    const preferred = this.most(prefer.map((wish) => this.nearPreferred(this.holds(wish))));
    const excluded = this.most(mustNot.map((wish) => this.nearMean(this.refuses(wish))));
    const shift = scores.map((_, row) => {
      const alike = Math.fround(SIMILAR * (near[row] ?? 0) - UNLIKE * (far[row] ?? 0));
      return alike + Math.fround((preferred[row] ?? 0) - NEAR_EXCLUDED * (excluded[row] ?? 0));
    });
    const before = scores.map((score, row) => score + Math.fround(spread * (shift[row] ?? 0)));
    const nearest = spread > 0 ? this.nearest(similarTo, hidden) : [];
    const more = missing(before, nearest, hidden) / spread;
    for (const row of nearest) shift[row] = (shift[row] ?? 0) + more;
    return scores.map((score, row) => {
      return score + Math.fround(spread * Math.max(-BOUND, Math.min(BOUND, shift[row] ?? 0)));
    });
  }

  private within({ field, atLeast, above, atMost, below }: Limit): Mask {
    if (!this.facts.has(field)) return new Uint8Array(this.nItems).fill(1);
    const limits = Object.entries({ atLeast, above, atMost, below }).filter(([, limit]) => limit !== null);
    return this.facts.holds(checkedWhere({ [field]: Object.fromEntries(limits) }));
  }

  private rowsOf(itemIds: readonly string[]): number[] {
    return itemIds.map(this.rowOf).filter((row) => row !== undefined);
  }

  /** The rows of the items that resemble some items most, of those that are more alike than the mean. */
  private nearest(itemIds: readonly string[], hidden: Rows): number[] {
    if (itemIds.length === 0) return [];
    const near = this.nearItems(itemIds, standardized);
    return bestRows(near, N_NEAREST, hidden).filter((row) => (near[row] ?? 0) > 0);
  }

  /** How near every item is to the nearest of some by a measure of cosines, at least 0. */
  private nearItems(itemIds: readonly string[], measure: Measure): Float32Array {
    return this.most(this.rowsOf(itemIds).map((row) => this.near([row], measure)));
  }

  /** What a preferred wish adds to every item. */
  private nearPreferred(mask: Mask): Float32Array {
    return this.nearMean(mask).map((near, row) => (mask[row] ?? 0) + NEAR_PREFERRED * near);
  }

  /** The similarity of every item with the mean direction of some; 0 if they are none. */
  private nearMean(mask: Mask): Float32Array {
    const rows = Array.from(mask.keys()).filter((row) => mask[row] === 1);
    const step = Math.ceil(rows.length / MOST_OF_A_WISH);
    if (rows.length === 0) return new Float32Array(this.nItems);
    return this.near(
      rows.filter((_, index) => index % step === 0),
      resemblanceOf,
    );
  }

  private near(rows: readonly number[], measure: Measure): Float32Array {
    const total = new Float32Array(this.nItems);
    for (const cosines of this.spaces) {
      const alike = measure(cosines.to(meanDirection(cosines.vectors(rows), rows.length)));
      for (let row = 0; row < total.length; row++) total[row] = (total[row] ?? 0) + (alike[row] ?? 0);
    }
    return total.map((sum) => sum / Math.max(1, this.spaces.length));
  }

  /** The largest value of every item; 0 without any. */
  private most(values: readonly Float32Array[]): Float32Array {
    const most = new Float32Array(this.nItems);
    for (const one of values) {
      for (let row = 0; row < most.length; row++) most[row] = Math.max(most[row] ?? 0, one[row] ?? 0);
    }
    return most;
  }
}

/** The cosines with mean 0 and deviation 1; zeros if they are equal. */
function standardized(cosines: Float32Array): Float32Array {
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const variance = cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cosines.length;
  if (variance === 0) return new Float32Array(cosines.length);
  const [from, deviation] = [Math.fround(mean), Math.fround(Math.sqrt(variance))];
  return cosines.map((value) => Math.fround(value - from) / deviation);
}

/** How much the scores of some items have to rise, at least 0, so that enough of them are among the best. */
function missing(scores: Float32Array, nearest: readonly number[], hidden: Rows): number {
  const n = Math.min(N_RAISED, nearest.length);
  if (n === 0) return 0;
  const reached = nearest.map((row) => scores[row] ?? 0).sort((one, other) => other - one);
  return Math.fround((scores[bestRows(scores, n, hidden).at(-1) ?? 0] ?? 0) - (reached[n - 1] ?? 0));
}

/** Leave out the items for which another mask is not as wanted. */
function keep(mask: Mask, other: Mask, wanted: number): void {
  for (let row = 0; row < mask.length; row++) if (other[row] !== wanted) mask[row] = 0;
}

/** The mean of the directions of `n` vectors. */
function meanDirection(vectors: Float32Array, n: number): Float32Array {
  const dim = vectors.length / n;
  const sum = new Float64Array(dim);
  for (let start = 0; start < vectors.length; start += dim) {
    const vector = vectors.subarray(start, start + dim);
    const length = Math.sqrt(vector.reduce((squares, value) => squares + value * value, 0));
    if (length === 0) continue;
    for (const [i, value] of vector.entries()) sum[i] = (sum[i] ?? 0) + value / length;
  }
  return Float32Array.from(sum, (total) => total / n);
}
