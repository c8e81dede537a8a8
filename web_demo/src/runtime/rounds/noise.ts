/**
 * Discrete Gaussian noise, drawn exactly from the browser's generator. The same as `edge_runtime/rounds/noise.py`, which has
 * the sources: equal bytes give equal integers.
 */

const BUFFER_BYTES = 4096;

/** Returns so many random bytes, at most 65,536. */
export type ByteSource = (count: number) => Uint8Array;

/**
 * Independent integers with probabilities proportional to `exp(-x * x / (2 * variance))`.
 *
 * @param variance in integer units, at least 1.
 * @param source of random bytes; another one than the browser's makes the noise predictable.
 */
export function discreteGaussian(variance: bigint, size: number, source: ByteSource = randomBytes): bigint[] {
  if (variance < 1n) throw new RangeError(`expected a variance of at least 1, got ${variance}`);
  const sampler = new Sampler(source);
  return Array.from({ length: size }, () => sampler.gaussian(variance));
}

/** Random bytes of the browser. */
export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** Draws from exact distributions, with whole numbers only. */
class Sampler {
  private buffer = new Uint8Array();
  private position = 0;

  constructor(private readonly source: ByteSource) {}

  /** Draw from the discrete Gaussian, by rejection from a discrete Laplace distribution (Algorithm 3). */
  gaussian(variance: bigint): bigint {
    const scale = rootOf(variance) + 1n;
    for (;;) {
      const value = this.laplace(scale);
      const distance = (value < 0n ? -value : value) * scale - variance;
      if (this.exponential(distance * distance, 2n * variance * scale * scale)) return value;
    }
  }

  /** Draw from the distribution proportional to `exp(-abs(x) / scale)` (Algorithm 2). */
  private laplace(scale: bigint): bigint {
    for (;;) {
      const remainder = this.below(scale);
      if (!this.exponentialWithinOne(remainder, scale)) continue;
      let quotient = 0n;
      while (this.exponentialWithinOne(1n, 1n)) quotient += 1n;
      const value = remainder + scale * quotient;
      if (this.below(2n) === 0n) return value;
      if (value > 0n) return -value; // or else 0 would be drawn twice as often
    }
  }

  /** True with the probability `exp(-numerator / denominator)` (Algorithm 1). */
  private exponential(numerator: bigint, denominator: bigint): boolean {
    let rest = numerator;
    for (; rest > denominator; rest -= denominator) if (!this.exponentialWithinOne(1n, 1n)) return false;
    return this.exponentialWithinOne(rest, denominator);
  }

  /** The same for a quotient of at most 1. */
  private exponentialWithinOne(numerator: bigint, denominator: bigint): boolean {
    let k = 1n;
    while (this.below(denominator * k) < numerator) k += 1n;
    return k % 2n === 1n;
  }

  /** Draw a whole number from 0 to `limit - 1`, all equally likely. */
  private below(limit: bigint): bigint {
    const nBits = limit === 1n ? 0 : (limit - 1n).toString(2).length;
    for (;;) {
      const value = BigInt.asUintN(nBits, this.take(Math.ceil(nBits / 8)));
      if (value < limit) return value;
    }
  }

  /** The whole number of the next bytes, the lowest first. */
  private take(count: number): bigint {
    if (this.position + count > this.buffer.length) {
      const left = this.buffer.subarray(this.position);
      this.buffer = new Uint8Array([...left, ...this.source(Math.max(count, BUFFER_BYTES))]);
      this.position = 0;
    }
    let value = 0n;
    for (let at = this.position + count - 1; at >= this.position; at--)
      value = (value << 8n) | BigInt(this.buffer[at] ?? 0);
    this.position += count;
    return value;
  }
}

/** The largest whole number whose square is at most `square`, by Newton's method. */
function rootOf(square: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(square.toString(2).length / 2));
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
