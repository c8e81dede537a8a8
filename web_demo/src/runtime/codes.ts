/** The item table as product codes of several lengths, scored with lookup tables (SPEC section 4). */

import { type Arrays, take } from "./arrays";
import { at } from "./at";
import type { Catalogue } from "./bundleJson";
import { MAX_CODE_SCALE } from "./constants";
import { BundleError } from "./errors";
import type { Rows } from "./itemIds";

/** Bits of the significand of float32, after the first. */
const SIGNIFICAND_BITS = 23;
/** Adding and subtracting this multiple of a step rounds to whole steps, half to even. */
const ROUNDER = 1.5 * 2 ** 52;

interface TierCodes {
  /** Catalogue rows, ascending. */
  readonly rows: Int32Array;
  readonly nCodes: number;
  /** `[rows, nCodes]`. */
  readonly codes: Uint8Array;
  /** `[nCodes, nCodewords, width]`: the codebook of each subvector, with scale and centre applied. */
  readonly codebook: Float32Array;
}

/** The codes of all items. */
export class ProductCodes {
  private cachedLengths: Float32Array<ArrayBuffer> | null = null;
  private cachedLongest: readonly number[] | null = null;

  private constructor(
    private readonly sizes: Catalogue,
    private readonly tiers: readonly TierCodes[],
    private readonly tierOf: Uint8Array,
    private readonly positionOf: Int32Array,
  ) {}

  /**
   * Check the arrays against the manifest.
   *
   * @param source the file's name, for messages.
   * @throws BundleError the arrays violate SPEC section 4.
   */
  static read(arrays: Arrays, sizes: Catalogue, source: string): ProductCodes {
    const packed = take(arrays, "tier", "U8", [Math.ceil(sizes.nItems / 4)], source);
    const tierOf = Uint8Array.from(
      { length: sizes.nItems },
      (_, row) => ((packed[row >> 2] ?? 0) >> (2 * (row & 3))) & 3,
    );
    const positionOf = new Int32Array(sizes.nItems);
    const rowsOf = sizes.tiers.map((): number[] => []);
    for (const [row, tier] of tierOf.entries()) {
      const rows = rowsOf[tier];
      if (rows === undefined)
        throw new BundleError(`${source}: row ${row} is in tier ${tier} of ${sizes.tiers.length}`);
      positionOf[row] = rows.length;
      rows.push(row);
    }
    const tiers = rowsOf.map((rows, index) => readTier(arrays, sizes, index, Int32Array.from(rows), source));
    return new ProductCodes(sizes, tiers, tierOf, positionOf);
  }

  /** The vectors of `rows`, `[rows.length, dim]`. */
  decode(rows: readonly number[]): Float32Array<ArrayBuffer> {
    const { dim, nCodewords } = this.sizes;
    const vectors = new Float32Array(rows.length * dim);
    for (const [index, row] of rows.entries()) {
      const tier = at(this.tiers, this.tierOf[row] ?? 0);
      const width = dim / tier.nCodes;
      const first = (this.positionOf[row] ?? 0) * tier.nCodes;
      for (let m = 0; m < tier.nCodes; m++) {
        const start = (m * nCodewords + (tier.codes[first + m] ?? 0)) * width;
        vectors.set(tier.codebook.subarray(start, start + width), index * dim + m * width);
      }
    }
    return vectors;
  }

  /** The score of every item, in row order: one table of `nCodes x nCodewords` per tier, then lookups. */
  scores(state: Float32Array): Float32Array<ArrayBuffer> {
    return Float32Array.from(this.sums((tier) => Float32Array.from(tableOf(tier, state, this.sizes))));
  }

  /**
   * The product of every item's vector with another one, in row order, to the last bit as `edge_runtime/products.py`, which
   * explains it: a table is rounded to so many bits that its sums are exact in float32 as well.
   */
  products(vector: Float64Array): Float32Array<ArrayBuffer> {
    this.cachedLongest ??= this.tiers.map((tier) => longestOf(tier, this.sizes));
    const longest = this.cachedLongest;
    const length = lengthOf(vector);
    return Float32Array.from(
      this.sums((tier, index) => {
        const rounder = ROUNDER * 2 ** (exponentOf(length * (longest[index] ?? 0)) - SIGNIFICAND_BITS);
        return tableOf(tier, vector, this.sizes).map((entry) => entry + rounder - rounder);
      }),
    );
  }

  /** The length of every item's vector, in row order; computed with the first call and then cached. */
  lengths(): Float32Array<ArrayBuffer> {
    this.cachedLengths ??= Float32Array.from(this.sums((tier) => squaresOf(tier, this.sizes)).map(Math.sqrt));
    return this.cachedLengths;
  }

  /** For every item the sum of the entries of its codes in its tier's table, `[nCodes, nCodewords]`. */
  private sums(tableFor: (tier: TierCodes, index: number) => Float32Array | Float64Array): Float64Array<ArrayBuffer> {
    const sums = new Float64Array(this.sizes.nItems);
    for (const [index, tier] of this.tiers.entries()) {
      const table = tableFor(tier, index);
      const { rows, codes, nCodes } = tier;
      const { nCodewords } = this.sizes;
      for (let position = 0, at = 0; position < rows.length; position++) {
        let total = 0;
        for (let m = 0; m < nCodes; m++, at++) total += table[m * nCodewords + (codes[at] ?? 0)] ?? 0;
        sums[rows[position] ?? 0] = total;
      }
    }
    return sums;
  }
}

/** The rows of the `k` largest scores, best first; ties are resolved in favour of the lower row. */
export function bestRows(scores: ArrayLike<number>, k: number, excluded: Rows): number[] {
  const best: number[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? 0;
    if ((best.length === k && score <= last) || excluded.has(row)) continue;
    best.splice(placeOf(score, best, scores), 0, row);
    if (best.length > k) best.pop();
    last = scores[best.at(-1) ?? 0] ?? 0;
  }
  return best;
}

/** The index in `best`, rows by descending score, at which a row with this score belongs. */
function placeOf(score: number, best: readonly number[], scores: ArrayLike<number>): number {
  let place = best.length;
  while (place > 0 && (scores[best[place - 1] ?? 0] ?? 0) < score) place--;
  return place;
}

function readTier(arrays: Arrays, sizes: Catalogue, index: number, rows: Int32Array, source: string): TierCodes {
  const expected = at(sizes.tiers, index);
  if (rows.length !== expected.nItems) {
    throw new BundleError(`${source}: tier ${index} holds ${rows.length} items, the manifest says ${expected.nItems}`);
  }
  const m = expected.nCodes;
  const codes = take(arrays, `codes.${index}`, "U8", [rows.length, m], source);
  if (codes.some((code) => code >= sizes.nCodewords)) {
    throw new BundleError(`${source}: a code of tier ${index} is not below ${sizes.nCodewords}`);
  }
  const width = sizes.dim / m;
  const { nBooks } = expected;
  const books = take(arrays, `codebook.${index}`, "I8", [nBooks, sizes.nCodewords, width], source);
  const scale = take(arrays, `scale.${index}`, "F32", [nBooks], source);
  if (!scale.every((value) => value > 0 && value < MAX_CODE_SCALE)) {
    throw new BundleError(`${source}: a scale of tier ${index} is not above 0 and below ${MAX_CODE_SCALE}`);
  }
  const centre = take(arrays, `centre.${index}`, "F32", [sizes.dim], source);
  if (!centre.every((value) => Math.abs(value) < MAX_CODE_SCALE)) {
    throw new BundleError(`${source}: a number of the centre of tier ${index} is not within ${MAX_CODE_SCALE} of 0`);
  }
  const perPart = sizes.nCodewords * width;
  const codebook = new Float32Array(m * perPart);
  for (let part = 0, at = 0; part < m; part++) {
    const book = Math.floor((part * nBooks) / m);
    for (let entry = 0; entry < perPart; entry++, at++) {
      const scaled = Math.fround((books[book * perPart + entry] ?? 0) * (scale[book] ?? 0));
      codebook[at] = (centre[part * width + (entry % width)] ?? 0) + scaled;
    }
  }
  return { rows, nCodes: m, codes, codebook };
}

function tableOf(tier: TierCodes, state: Float32Array | Float64Array, { dim, nCodewords }: Catalogue): Float64Array {
  const width = dim / tier.nCodes;
  const table = new Float64Array(tier.nCodes * nCodewords);
  for (let entry = 0, at = 0; entry < table.length; entry++) {
    const offset = Math.floor(entry / nCodewords) * width;
    let sum = 0;
    for (let i = 0; i < width; i++, at++) sum += (state[offset + i] ?? 0) * (tier.codebook[at] ?? 0);
    table[entry] = sum;
  }
  return table;
}

function squaresOf({ codebook, nCodes }: TierCodes, { dim, nCodewords }: Catalogue): Float64Array {
  const width = dim / nCodes;
  return Float64Array.from({ length: nCodes * nCodewords }, (_, entry) =>
    codebook.subarray(entry * width, (entry + 1) * width).reduce((sum, value) => sum + value * value, 0),
  );
}

/** The length of the longest vector that the codewords of a tier make. */
function longestOf(tier: TierCodes, sizes: Catalogue): number {
  const squares = squaresOf(tier, sizes);
  let sum = 0;
  for (let part = 0; part < tier.nCodes; part++) {
    sum += squares
      .subarray(part * sizes.nCodewords, (part + 1) * sizes.nCodewords)
      .reduce((most, one) => Math.max(most, one), 0);
  }
  return Math.sqrt(sum);
}

/** The length of a vector. */
export function lengthOf(vector: Float32Array | Float64Array): number {
  let square = 0;
  for (const value of vector) square += value * value;
  return Math.sqrt(square);
}

/** The exponent `e` for which a number is at least `2^(e - 1)` and less than `2^e`; 0 for 0, as Python's `frexp`. */
function exponentOf(value: number): number {
  if (value === 0) return 0;
  let exponent = Math.floor(Math.log2(value)) + 1;
  while (value >= 2 ** exponent) exponent++;
  while (value < 2 ** (exponent - 1)) exponent--;
  return exponent;
}
