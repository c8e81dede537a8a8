/**
 * Arithmetic whose results do not depend on the order of sums or on a library. The same as
 * `edge_runtime/learning/exact.py`, to the last bit, which explains it.
 */

import { MAX_EXPONENT, MAX_TERMS } from "../constants";

/** A matrix, or a transposed view of one. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
  /** How far apart elements of one column, and of one row, are in `data`. */
  readonly down: number;
  readonly across: number;
}

/** Numbers as integers, in runs that each have their own step. */
interface Grid {
  readonly data: Float64Array;
  readonly steps: Float64Array;
}

const SIGNIFICAND = 53;
const ROUNDER = 1.5 * 2 ** 52;
const WHOLE_FROM = 2 ** 52;

/** ln 2 in two parts (Cody and Waite): the first has 32 bits. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const SMALLEST_EXPONENT = -700;
const EXP_TERMS = 13;
const LOG_TERMS = 11;
const LEAST_FRACTION = 0.7;

const view = new DataView(new ArrayBuffer(8));
/** 2 to the power of minus the index. */
const POWERS = powersDown();
/** One divided by the index, and by two times the index plus one. */
const INVERSES = Array.from({ length: EXP_TERMS + 1 }, (_, divisor) => 1 / divisor);
const ODD_INVERSES = Array.from({ length: LOG_TERMS }, (_, term) => 1 / (2 * term + 1));

export function matrix(rows: number, columns: number, data: Float64Array): Matrix {
  if (data.length !== rows * columns) throw new RangeError(`expected ${rows} x ${columns} numbers, got ${data.length}`);
  return { rows, columns, data, down: columns, across: 1 };
}

export function transposed({ rows, columns, data, down, across }: Matrix): Matrix {
  return { rows: columns, columns: rows, data, down: across, across: down };
}

/**
 * The product of `[n, k]` and `[k, m]`. Each row of `x` and each column of `y` is rounded to a grid of its own.
 *
 * @throws RangeError a number is not finite or too large, or the shapes do not fit.
 */
export function exactProduct(x: Matrix, y: Matrix): Matrix {
  const terms = x.columns;
  if (terms !== y.rows || terms < 1 || terms > MAX_TERMS)
    throw new RangeError(
      `expected matrices [n, k] and [k, m] with k up to ${MAX_TERMS}, got [${x.rows}, ${terms}] and [${y.rows}, ${y.columns}]`,
    );
  const bits = Math.floor((SIGNIFICAND - bitsOfCount(terms)) / 2);
  const left = onGrid(x, bits);
  const right = onGrid(transposed(y), bits);
  const product = new Float64Array(x.rows * y.columns);
  for (let i = 0, start = 0; i < x.rows; i++, start += y.columns) {
    multiplyRow(left.data.subarray(i * terms, (i + 1) * terms), right.data, product.subarray(start, start + y.columns));
    const rowStep = left.steps[i] ?? 0;
    for (let j = 0; j < y.columns; j++)
      product[start + j] = (product[start + j] ?? 0) * rowStep * (right.steps[j] ?? 0);
  }
  return matrix(x.rows, y.columns, product);
}

/**
 * The sum of all numbers, each rounded to a grid.
 *
 * @throws RangeError a number is not finite or too large, or there are too many.
 */
export function exactSum(x: Float64Array): number {
  if (x.length > MAX_TERMS) throw new RangeError(`expected at most ${MAX_TERMS} numbers, got ${x.length}`);
  if (x.length === 0) return 0;
  const { data, steps } = onGrid(matrix(1, x.length, x), SIGNIFICAND - bitsOfCount(x.length));
  return sumOf(data, 0, data.length) * (steps[0] ?? 0);
}

/**
 * The softmax of each row, and the logarithms of the rows' sums of exponentials.
 *
 * @param scores `[n, columns]`, in row order.
 * @throws RangeError a number is not finite.
 */
export function softmax(scores: Float64Array, columns: number): { shares: Float64Array; logSums: Float64Array } {
  if (!scores.every(Number.isFinite))
    throw new RangeError("expected finite numbers, of which a softmax can be computed");
  const grid = powerOfTwo(SIGNIFICAND - bitsOfCount(columns));
  const shares = new Float64Array(scores.length);
  const logSums = new Float64Array(scores.length / columns);
  for (let row = 0, start = 0; row < logSums.length; row++, start += columns) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + columns; i++) largest = Math.max(largest, scores[i] ?? 0);
    for (let i = start; i < start + columns; i++) shares[i] = rint(exp((scores[i] ?? 0) - largest) * grid);
    const sum = sumOf(shares, start, columns);
    for (let i = start; i < start + columns; i++) shares[i] = (shares[i] ?? 0) / sum;
    logSums[row] = log(sum / grid) + largest;
  }
  return { shares, logSums };
}

/** The exponential of a number from 0 down; 0 below -700. */
export function exp(x: number): number {
  if (x < SMALLEST_EXPONENT) return 0;
  const power = x * Math.LOG2E + ROUNDER - ROUNDER;
  const rest = x - power * LN2_HIGH - power * LN2_LOW;
  let value = 1;
  for (let divisor = EXP_TERMS; divisor > 0; divisor--) value = value * (rest * (INVERSES[divisor] ?? 0)) + 1;
  return value * (POWERS[-power] ?? 0);
}

/** The natural logarithm of a number from 2^-1022, finite. */
export function log(x: number): number {
  let exponent = exponentOf(x);
  let fraction = fractionOf(x);
  if (fraction < LEAST_FRACTION) {
    fraction *= 2;
    exponent--;
  }
  const ratio = (fraction - 1) / (fraction + 1);
  const square = ratio * ratio;
  let series = 0;
  for (let term = LOG_TERMS - 1; term > 0; term--) series = (series + (ODD_INVERSES[term] ?? 0)) * square;
  return exponent * LN2_HIGH + (exponent * LN2_LOW + 2 * (ratio + ratio * series));
}

/** The rows of `x` as integers of up to `2^bits`, one row after another, and the steps that they count. */
function onGrid(x: Matrix, bits: number): Grid {
  const { rows, columns, down, across } = x;
  const data = new Float64Array(rows * columns);
  const steps = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const exponent = Math.max(exponentOf(largestOf(x, row)), -MAX_EXPONENT);
    const scale = powerOfTwo(bits - exponent);
    for (let column = 0, from = row * down; column < columns; column++, from += across)
      data[row * columns + column] = rint((x.data[from] ?? 0) * scale);
    steps[row] = powerOfTwo(exponent - bits);
  }
  return { data, steps };
}

function largestOf({ columns, data, down, across }: Matrix, row: number): number {
  let largest = 0;
  for (let column = 0, from = row * down; column < columns; column++, from += across)
    largest = Math.max(largest, Math.abs(data[from] ?? 0)); // NaN if one of them is
  if (!(largest < 2 ** MAX_EXPONENT))
    throw new RangeError(`expected finite numbers below 2^${MAX_EXPONENT}, got ${largest}`);
  return largest;
}

/**
 * Write the products of `row` with each column into `products`. The columns are one after another in `columns`; four at
 * once take a third of the time.
 */
function multiplyRow(row: Float64Array, columns: Float64Array, products: Float64Array): void {
  const terms = row.length;
  let column = 0;
  for (; column + 4 <= products.length; column += 4) {
    const first = column * terms;
    const second = first + terms;
    const third = second + terms;
    const fourth = third + terms;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = 0; i < terms; i++) {
      const value = row[i] ?? 0;
      a += value * (columns[first + i] ?? 0);
      b += value * (columns[second + i] ?? 0);
      c += value * (columns[third + i] ?? 0);
      d += value * (columns[fourth + i] ?? 0);
    }
    products[column] = a;
    products[column + 1] = b;
    products[column + 2] = c;
    products[column + 3] = d;
  }
  for (; column < products.length; column++) {
    let sum = 0;
    for (let i = 0; i < terms; i++) sum += (row[i] ?? 0) * (columns[column * terms + i] ?? 0);
    products[column] = sum;
  }
}

function sumOf(x: Float64Array, from: number, count: number): number {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += x[i] ?? 0;
  return sum;
}

/** The nearest integer, of two the even one. */
function rint(x: number): number {
  if (x >= 0) return x < WHOLE_FROM ? x + WHOLE_FROM - WHOLE_FROM : x;
  return x > -WHOLE_FROM ? x - WHOLE_FROM + WHOLE_FROM : x;
}

/** The logarithm of a count to base 2, rounded up. */
function bitsOfCount(count: number): number {
  return 32 - Math.clz32(count - 1);
}

/** The power of two from -1022 to 1023. `Math.pow` is not exact in every browser. */
function powerOfTwo(exponent: number): number {
  view.setUint32(0, (exponent + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** `e` with `2^(e - 1) <= |x| < 2^e`, for a normal number; very small for 0. */
function exponentOf(x: number): number {
  view.setFloat64(0, x);
  return ((view.getUint32(0) >>> 20) & 0x7ff) - 1022;
}

/** A positive number divided by `2^exponentOf(x)`, from 0.5 to 1. */
function fractionOf(x: number): number {
  view.setFloat64(0, x);
  view.setUint32(0, (view.getUint32(0) & 0xfffff) | (1022 << 20));
  return view.getFloat64(0);
}

function powersDown(): Float64Array {
  const powers = new Float64Array(-Math.floor(SMALLEST_EXPONENT * Math.LOG2E) + 1);
  for (let i = 0, power = 1; i < powers.length; i++, power /= 2) powers[i] = power;
  return powers;
}
