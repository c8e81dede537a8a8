/**
 * An update: clipped to one norm, rounded to integers, made noisy, and its bytes as they are uploaded. Twin of
 * `edge_runtime/rounds/update.py`, which explains the order: clip, round towards zero, add discrete noise.
 */

import type { Bytes } from "../bytes";
import { type ByteSource, discreteGaussian, randomBytes } from "./noise";
import { bodyBytes, HEAD_BYTES, largestOf, type RoundPlan, sizeOf } from "./plan";

export const TOKEN_BYTES = 16;
const MAGIC = 0x504b5255; // "PKRU"
const VERSION = 1;
const TOKEN_AT = 8;
const ADAPTER_AT = TOKEN_AT + TOKEN_BYTES;
/** Factor for a vector whose norm exceeds the clip by a rounding error. */
const SHRINK = 1 - 2 ** -48;

/** A vector with an L2 norm of at most `clip`, but for rounding errors; zeros if a value is not finite. */
export function clipped(vector: Float64Array, clip: number): Float64Array {
  if (!vector.every(Number.isFinite)) return new Float64Array(vector.length);
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return vector;
  const direction = vector.map((value) => value / largest); // squares of large values would overflow
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  return largest * length <= clip ? vector : direction.map((value) => value * (clip / length));
}

/** A vector, clipped and rounded towards zero, as integers of `1 / scale`; their norm is at most `clip * scale`, exactly. */
export function quantized(vector: Float64Array, { clip, scale }: Pick<RoundPlan, "clip" | "scale">): bigint[] {
  const { numerator, bits } = fractionOf(clip * scale); // exact: the scale is a power of two
  for (let shorter = clipped(vector, clip); ; shorter = shorter.map((value) => value * SHRINK)) {
    const values = Array.from(shorter, (value) => BigInt(Math.trunc(value * scale)));
    const squares = values.reduce((sum, value) => sum + value * value, 0n);
    if (squares << (2n * bits) <= numerator * numerator) return values;
  }
}

/** The variance of a plan's noise in integer units, rounded up. */
export function varianceOf({ sigma, scale }: Pick<RoundPlan, "sigma" | "scale">): bigint {
  const { numerator, bits } = fractionOf(sigma * scale);
  return -((-numerator * numerator) >> (2n * bits));
}

/**
 * The upload of a trained update, with fresh noise and a fresh token.
 *
 * @param vector the first rows of B, row by row; missing ones are 0.
 * @param source of random bytes; see {@link discreteGaussian}.
 */
export function contribution(vector: Float64Array, plan: RoundPlan, source: ByteSource = randomBytes): Bytes {
  const size = sizeOf(plan);
  if (vector.length > size || vector.length % plan.dim !== 0)
    throw new RangeError(`expected at most ${plan.rank} rows of ${plan.dim}, got ${vector.length} numbers`);
  const whole = new Float64Array(size);
  whole.set(vector);
  const values = quantized(whole, plan);
  const noise = plan.sigma > 0 ? discreteGaussian(varianceOf(plan), size, source) : [];
  return encoded(
    values.map((value, at) => value + (noise[at] ?? 0n)),
    source(TOKEN_BYTES),
    plan,
  );
}

/** The bytes of an update; a plan makes it improbable that a value does not fit its type, and becomes its bound. */
function encoded(values: readonly bigint[], token: Uint8Array, plan: RoundPlan): Bytes {
  const body = new Uint8Array(bodyBytes(plan));
  const view = new DataView(body.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, VERSION);
  view.setUint8(5, plan.bits);
  body.set(token, TOKEN_AT);
  for (let at = 0; at < plan.adapterSha256.length / 2; at++)
    body[ADAPTER_AT + at] = Number.parseInt(plan.adapterSha256.slice(2 * at, 2 * at + 2), 16);
  const largest = largestOf(plan);
  for (const [at, value] of values.entries()) {
    const bounded = Math.max(-largest - 1, Math.min(largest, Number(value)));
    if (plan.bits === 16) view.setInt16(HEAD_BYTES + 2 * at, bounded, true);
    else view.setInt32(HEAD_BYTES + 4 * at, bounded, true);
  }
  return body;
}

/** A finite number as `numerator / 2 ** bits`, exactly. */
function fractionOf(value: number): { readonly numerator: bigint; readonly bits: bigint } {
  let [scaled, bits] = [value, 0];
  for (; !Number.isInteger(scaled); bits++) scaled *= 2;
  return { numerator: BigInt(scaled), bits: BigInt(bits) };
}
