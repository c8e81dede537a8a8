/** Random numbers that are the same in Python: xoshiro128**, seeded by splitmix32. As `edge_runtime/learning/random32.py`. */

const RANGE = 2 ** 32;
const GOLDEN = 0x9e3779b9;

export class Random32 {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /**
   * @param seed of the person or the experiment, 32 bits.
   * @param counter tells the sequences of one seed apart, 32 bits.
   * @throws RangeError a number has more than 32 bits.
   */
  constructor(seed: number, counter = 0) {
    for (const value of [seed, counter])
      if (value >>> 0 !== value)
        throw new RangeError(`expected a seed and a counter from 0 to ${RANGE - 1}, got ${value}`);
    const start = mixed(mixed(seed) ^ counter);
    this.a = mixed(start + GOLDEN);
    this.b = mixed(start + 2 * GOLDEN);
    this.c = mixed(start + 3 * GOLDEN);
    this.d = mixed(start + 4 * GOLDEN);
  }

  /** The next number, from 0 to 2^32 - 1. */
  next(): number {
    const result = Math.imul(rotated(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotated(this.d, 11);
    return result;
  }

  /**
   * A number below `n`, all equally likely.
   *
   * @throws RangeError `n` is not from 1 to 2^32.
   */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > RANGE)
      throw new RangeError(`expected a bound from 1 to ${RANGE}, got ${n}`);
    const limit = RANGE - (RANGE % n);
    let drawn = this.next();
    while (drawn >= limit) drawn = this.next(); // what is left over would make small numbers more likely
    return drawn % n;
  }

  /**
   * `k` of the values in random order, none twice.
   *
   * @throws RangeError there are fewer than `k` values.
   */
  sample<T>(values: readonly T[], k: number): T[] {
    if (!Number.isInteger(k) || k < 0 || k > values.length)
      throw new RangeError(`expected to choose 0 to ${values.length} values, got ${k}`);
    const pool = [...values];
    for (let place = 0; place < k; place++) {
      const other = place + this.below(pool.length - place);
      [pool[place], pool[other]] = [pool[other] as T, pool[place] as T];
    }
    return pool.slice(0, k);
  }
}

/** The output of splitmix32 for a state: a bijection of 32 bits. */
function mixed(state: number): number {
  let value = state | 0;
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
  return value ^ (value >>> 15);
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
