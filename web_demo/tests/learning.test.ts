import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { StorageError } from "../src/runtime/errors";
import { ADAMW_DEFAULTS, adamwStep, dumpAdamW, readAdamW, startAdamW } from "../src/runtime/learning/adamw";
import { adapterStep, type Batch } from "../src/runtime/learning/adapterStep";
import { exactProduct, exactSum, exp, log, matrix, softmax } from "../src/runtime/learning/exact";
import { Random32 } from "../src/runtime/learning/random32";
import { drawn, drawnBatch } from "./drawn";

function golden<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/learning", `${name}.json`), "utf8"))
    .cases;
}

function numbers(text: string): Float64Array {
  const data = Buffer.from(text, "base64");
  return Float64Array.from({ length: data.length / 8 }, (_, i) => data.readDoubleLE(8 * i));
}

/** Numbers as the golden files hold them: equal texts are equal to the last bit, with the sign of zeros. */
function packed(...values: number[]): string {
  const data = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) data.writeDoubleLE(value, 8 * i);
  return data.toString("base64");
}

interface ProductCase {
  name: string;
  shape: [number, number, number];
  x: string;
  y: string;
  product: string;
  sum: string;
}

const arithmetic = golden<ProductCase & { [name: string]: string }>("exact");

describe("exact arithmetic", () => {
  test.each(arithmetic.filter(({ name }) => name.startsWith("product")))("$name is Python's to the last bit", (one) => {
    const [n, k, m] = one.shape;
    const x = numbers(one.x);

    const product = exactProduct(matrix(n, k, x), matrix(k, m, numbers(one.y)));

    expect(packed(...product.data)).toBe(one.product);
    expect(packed(exactSum(x))).toBe(one.sum);
  });

  test("exp, log and softmax are Python's to the last bit", () => {
    const one = arithmetic.find(({ name }) => name === "functions") as { [name: string]: string };
    const text = (name: string) => one[name] ?? "";

    const { shares, logSums } = softmax(numbers(text("rows")), 9);

    expect(packed(...numbers(text("x")).map(exp))).toBe(text("exp"));
    expect(packed(...numbers(text("positive")).map(log))).toBe(text("log"));
    expect([packed(...shares), packed(...logSums)]).toEqual([text("softmax"), text("log_sums")]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e100])("%d is refused", (wrong) => {
    const numbers = Float64Array.of(1, wrong);

    expect(() => exactSum(numbers)).toThrow(/finite numbers below/);
    expect(() => exactProduct(matrix(1, 2, numbers), matrix(2, 1, Float64Array.of(1, 1)))).toThrow(/finite numbers/);
  });

  test("matrices that do not fit are refused", () => {
    const [wide, empty] = [matrix(1, 2, new Float64Array(2)), matrix(2, 0, new Float64Array(0))];

    expect(() => exactProduct(wide, wide)).toThrow(/expected matrices/);
    expect(() => exactProduct(empty, matrix(0, 1, new Float64Array(0)))).toThrow(/expected matrices/);
    expect(() => matrix(2, 2, new Float64Array(3))).toThrow(/2 x 2/);
    expect(() => softmax(Float64Array.of(0, Number.NaN), 2)).toThrow(/finite/);
  });
});

interface StepCase {
  name: string;
  seed: number;
  n: number;
  m: number;
  dim: number;
  rank: number;
  factor: number;
  loss: string;
  grad_b: string;
  grad_factor: string;
}

describe("a training step", () => {
  test.each(golden<StepCase>("adapter_step"))("$name: loss and gradients are Python's to the last bit", (one) => {
    const random = new Random32(one.seed, 1);
    const a = matrix(one.dim, one.rank, drawn(random, one.dim * one.rank, 0.3));
    const b = matrix(one.rank, one.dim, drawn(random, one.rank * one.dim, 0.1));

    const step = adapterStep(drawnBatch(one.seed, one.n, one.m, one.dim), a, b, one.factor);

    expect(packed(step.loss)).toBe(one.loss);
    expect(packed(...step.gradB)).toBe(one.grad_b);
    expect(packed(step.gradFactor)).toBe(one.grad_factor);
  });

  const batch = drawnBatch(9, 5, 7, 4);
  const [a, b] = [matrix(4, 2, new Float64Array(8)), matrix(2, 4, new Float64Array(8))];

  test.each<[string, Partial<Batch>]>([
    ["width", { vectors: matrix(7, 3, new Float64Array(21)) }],
    ["scores", { following: new Float64Array(3) }],
    ["candidates", { chosen: Int32Array.of(0, 0, 0, 0, 7) }],
    ["weights", { weights: new Float64Array(5) }],
    ["finite", { offsets: new Float64Array(35).fill(Number.NaN) }],
  ])("a batch whose %s make no sense is refused", (says, part) => {
    expect(() => adapterStep({ ...batch, ...part }, a, b, 1)).toThrow(says);
  });

  test("a factor that is not finite is refused", () => {
    expect(() => adapterStep(batch, a, b, Number.NaN)).toThrow(/finite/);
  });
});

interface TrainingCase {
  seed: number;
  pool: number;
  drawn_from: number;
  candidates: number;
  batch: number;
  dim: number;
  rank: number;
  n_steps: number;
  learning_rate: number;
  states: Record<string, string>;
}

describe("a training", () => {
  test.each(golden<TrainingCase>("adamw"))("of $n_steps steps has Python's bytes, also if it is interrupted", (one) => {
    const pool = drawnBatch(one.seed, one.pool, one.candidates, one.dim);
    const a = matrix(one.dim, one.rank, drawn(new Random32(one.seed, 1), one.dim * one.rank));
    const centre = Float64Array.from({ length: one.rank * one.dim + 1 }, (_, i) => (i === one.rank * one.dim ? 1 : 0));
    let state = startAdamW(centre);
    for (let number = 0; number < one.n_steps; number++) {
      const all = Array.from({ length: one.drawn_from }, (_, row) => row);
      const rows = new Random32(one.seed, 100 + number).sample(all, one.batch);
      const b = matrix(one.rank, one.dim, state.values.slice(0, -1));
      const step = adapterStep(part(pool, rows), a, b, state.values.at(-1) ?? 0);
      const gradient = Float64Array.of(...step.gradB, step.gradFactor);
      state = adamwStep(readAdamW(dumpAdamW(state)), gradient, centre, {
        ...ADAMW_DEFAULTS,
        learningRate: one.learning_rate,
      });
      const expected = one.states[String(number + 1)];
      if (expected !== undefined) expect(Buffer.from(dumpAdamW(state)).toString("base64")).toBe(expected);
    }
    expect(Object.keys(one.states)).toContain(String(state.nSteps));
  });

  function part(pool: Batch, rows: readonly number[]): Batch {
    const of = (data: Float64Array, width: number) =>
      Float64Array.from(rows.flatMap((row) => [...data.subarray(row * width, (row + 1) * width)]));
    const [m, dim] = [pool.vectors.rows, pool.states.columns];
    return {
      states: matrix(rows.length, dim, of(pool.states.data, dim)),
      vectors: pool.vectors,
      following: of(pool.following, m),
      offsets: of(pool.offsets, m),
      chosen: Int32Array.from(rows, (row) => pool.chosen[row] ?? 0),
      weights: of(pool.weights, 1),
    };
  }

  test("bytes that are no state are refused", () => {
    const whole = dumpAdamW(startAdamW(Float64Array.of(1, 2)));
    const changed = (at: number, value: number) => {
      const copy = whole.slice();
      new DataView(copy.buffer).setFloat64(at, value, true);
      return copy;
    };
    const wrong = [
      new Uint8Array(0),
      whole.slice(0, -1),
      changed(0, 1),
      changed(16, 1.5),
      changed(32, Number.NaN),
      changed(64, -1),
      new Uint8Array(70_000),
    ];

    for (const data of wrong) expect(() => readAdamW(data)).toThrow(StorageError);
  });

  test("what the optimizer cannot use is refused", () => {
    const state = startAdamW(Float64Array.of(1, 2));
    const settings = { ...ADAMW_DEFAULTS, learningRate: 0.1 };
    const two = new Float64Array(2);

    expect(() => startAdamW(new Float64Array(3000))).toThrow(/fewer rows/);
    expect(() => startAdamW(Float64Array.of(Number.NaN))).toThrow(/finite/);
    expect(() => adamwStep(state, Float64Array.of(0, Number.NaN), two, settings)).toThrow(/finite gradient/);
    expect(() => adamwStep(state, new Float64Array(3), two, settings)).toThrow(/2 numbers/);
    expect(() => adamwStep({ ...state, nSteps: 2 ** 32 - 1 }, two, two, settings)).toThrow(/anew/);
  });
});

interface RandomCase {
  seed: number;
  counter: number;
  next: number[];
  below: [number, number][];
  sample: number[];
}

describe("random numbers", () => {
  test.each(golden<RandomCase>("random32"))("of seed $seed and counter $counter are Python's", (one) => {
    const [plain, bounded, chosen] = [0, 1, 2].map(() => new Random32(one.seed, one.counter)) as [
      Random32,
      Random32,
      Random32,
    ];

    expect(one.next.map(() => plain.next())).toEqual(one.next);
    expect(one.below.map(([n]) => [n, bounded.below(n)])).toEqual(one.below);
    expect(chosen.sample([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], one.sample.length)).toEqual(one.sample);
  });

  test("what is out of range is refused", () => {
    expect(() => new Random32(-1)).toThrow(/seed/);
    expect(() => new Random32(0, 2 ** 32)).toThrow(/counter/);
    expect(() => new Random32(0).below(0)).toThrow(/bound/);
    expect(() => new Random32(0).sample([1], 2)).toThrow(/choose 0 to 1/);
  });
});
