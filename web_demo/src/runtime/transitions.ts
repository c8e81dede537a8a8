/**
 * The followers of every item, read and checked (SPEC section 10). An item's followers are one row of a sparse matrix:
 * which items people took next, and how likely.
 */

import { type Arrays, take } from "./arrays";
import type { TransitionSettings } from "./bundleJson";
import { BundleError } from "./errors";

const FILE = "transitions.safetensors";
const N_LEVELS = 16;

/** The matrix `T`: `T[i, j]` is the probability that item `j` follows item `i`, among the followers that are kept. */
export class Transitions {
  private constructor(
    readonly nItems: number,
    /** `[nItems + 1]`: the entries of item `i` are those from `offsets[i]` to `offsets[i + 1]`. */
    private readonly offsets: Uint32Array,
    private readonly followers: Uint32Array,
    /** Two levels a byte, the even entry in the low bits. */
    private readonly levels: Uint8Array,
    /** `[16]`: the relative weight of each level. */
    private readonly powers: Float64Array,
    /** `[nItems]`: the sum of each item's relative weights. */
    private readonly totals: Float64Array,
  ) {}

  /**
   * Check the arrays against the manifest.
   *
   * @throws BundleError the arrays violate SPEC section 10.
   */
  static read(arrays: Arrays, { nEntries, ratio }: TransitionSettings, nItems: number): Transitions {
    const width = widthOf(nItems);
    const counts = take(arrays, "count", "U8", [nItems], FILE);
    const bytes = take(arrays, "follower", "U8", [nEntries, width], FILE);
    const levels = take(arrays, "level", "U8", [Math.ceil(nEntries / 2)], FILE);
    const offsets = offsetsOf(counts, nEntries);
    if (nEntries % 2 === 1 && (levels.at(-1) ?? 0) >> 4 !== 0) {
      throw new BundleError(`${FILE}: the spare half of the last byte of level is not 0`);
    }
    const powers = Float64Array.from({ length: N_LEVELS }, (_, level) => ratio ** level);
    const followers = followersOf(bytes, width, offsets);
    return new Transitions(nItems, offsets, followers, levels, powers, totalsOf(offsets, levels, powers));
  }

  /** `T[row, follower]`: the share of an item's transitions that lead to another; 0 if that is not a kept follower. */
  share(row: number, follower: number): number {
    const end = this.offsets[row + 1] ?? 0;
    const entry = this.followers.subarray(0, end).indexOf(follower, this.offsets[row]);
    return entry < 0 ? 0 : (this.powers[levelOf(this.levels, entry)] ?? 0) / (this.totals[row] ?? 1);
  }

  /** `weights T`: for every item how likely it follows items of these weights, `[nItems]` each. */
  after(weights: Float64Array): Float64Array<ArrayBuffer> {
    const { offsets, followers, levels, powers, totals } = this;
    const sums = new Float64Array(this.nItems);
    for (let row = 0; row < weights.length; row++) {
      const weight = weights[row] ?? 0;
      if (weight === 0) continue;
      const end = offsets[row + 1] ?? 0;
      const share = weight / (totals[row] ?? 1);
      for (let entry = offsets[row] ?? 0; entry < end; entry++) {
        const follower = followers[entry] ?? 0;
        sums[follower] = (sums[follower] ?? 0) + share * (powers[levelOf(levels, entry)] ?? 0);
      }
    }
    return sums;
  }
}

/** The least number of bytes in which every row of a catalogue can be written. */
function widthOf(nItems: number): number {
  if (nItems <= 2 ** 8) return 1;
  return nItems <= 2 ** 16 ? 2 : 3;
}

function levelOf(levels: Uint8Array, entry: number): number {
  return ((levels[entry >>> 1] ?? 0) >> (4 * (entry & 1))) & 15;
}

function offsetsOf(counts: Uint8Array, nEntries: number): Uint32Array {
  const offsets = new Uint32Array(counts.length + 1);
  let end = 0;
  for (let row = 0; row < counts.length; row++) {
    end += counts[row] ?? 0;
    offsets[row + 1] = end;
  }
  if (end !== nEntries) {
    throw new BundleError(`${FILE}: the items have ${end} followers, the manifest says ${nEntries}`);
  }
  return offsets;
}

/** Little-endian rows; those of one item must ascend, so that none is there twice, and none may be the item itself. */
function followersOf(bytes: Uint8Array, width: number, offsets: Uint32Array): Uint32Array {
  const nItems = offsets.length - 1;
  const followers = new Uint32Array(bytes.length / width);
  for (let row = 0, at = 0; row < nItems; row++) {
    const end = offsets[row + 1] ?? 0;
    for (let entry = offsets[row] ?? 0, before = -1; entry < end; entry++) {
      let follower = 0;
      for (let shift = 0; shift < 8 * width; shift += 8, at++) follower |= (bytes[at] ?? 0) << shift;
      if (follower <= before || follower >= nItems || follower === row) {
        throw new BundleError(`${FILE}: item ${row} has the follower ${follower}: not ascending, or not another item`);
      }
      followers[entry] = before = follower;
    }
  }
  return followers;
}

function totalsOf(offsets: Uint32Array, levels: Uint8Array, powers: Float64Array): Float64Array {
  const totals = new Float64Array(offsets.length - 1);
  for (let row = 0; row < totals.length; row++) {
    const [start, end] = [offsets[row] ?? 0, offsets[row + 1] ?? 0];
    let total = 0;
    for (let entry = start; entry < end; entry++) total += powers[levelOf(levels, entry)] ?? 0;
    totals[row] = total;
  }
  return totals;
}
