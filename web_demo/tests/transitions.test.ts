import { describe, expect, test } from "vitest";
import type { Arrays, NdArray } from "../src/runtime/arrays";
import type { TransitionSettings as Settings } from "../src/runtime/bundleJson";
import { ProductCodes } from "../src/runtime/codes";
import { BundleError } from "../src/runtime/errors";
import { TransitionScores } from "../src/runtime/transitionScores";
import { Transitions } from "../src/runtime/transitions";

/** The followers of every item, with their levels. */
type Followers = readonly (readonly (readonly [row: number, level: number])[])[];

const SETTINGS: Settings = {
  newest: 3,
  recency: 0.5,
  secondHop: 0.25,
  smoothing: 0.01,
  similarity: 2,
  weight: 0.5,
  ratio: 0.5,
  nEntries: 0,
  vectors: null,
};

/** Item 3 has no follower, item 4 is nobody's follower. */
const FOLLOWERS: Followers = [
  [
    [1, 0],
    [2, 3],
  ],
  [
    [0, 1],
    [2, 0],
    [3, 1],
  ],
  [[0, 0]],
  [],
  [[3, 7]],
];

const u8 = (shape: readonly number[], data: readonly number[]): NdArray => ({
  dtype: "U8",
  shape,
  data: Uint8Array.from(data),
});

/** The arrays of the file, as an exporter writes them. */
function arraysOf(followers: Followers, width: number): Record<"count" | "follower" | "level", NdArray> {
  const entries = followers.flat();
  const levels = new Uint8Array(Math.ceil(entries.length / 2));
  for (const [index, [, level]] of entries.entries())
    levels[index >> 1] = (levels[index >> 1] ?? 0) | (level << (4 * (index % 2)));
  const bytes = entries.flatMap(([row]) => Array.from({ length: width }, (_, byte) => (row >> (8 * byte)) & 255));
  return {
    count: u8(
      [followers.length],
      followers.map(({ length }) => length),
    ),
    follower: u8([entries.length, width], bytes),
    level: u8([levels.length], [...levels]),
  };
}

function read(followers: Followers, width: number, change: Partial<Settings> = {}): Transitions {
  const settings = { ...SETTINGS, nEntries: followers.flat().length, ...change };
  return Transitions.read(new Map(Object.entries(arraysOf(followers, width))), settings, followers.length);
}

/** Vectors of two dimensions, one code each; the last one is zero. */
const VECTORS = [
  [3, 4],
  [1, 0],
  [0, 2],
  [-1, 1],
  [0, 0],
];

function codesOf(vectors: readonly (readonly number[])[]): ProductCodes {
  const arrays: Arrays = new Map<string, NdArray>([
    ["tier", u8([Math.ceil(vectors.length / 4)], new Array(Math.ceil(vectors.length / 4)).fill(0))],
    [
      "codes.0",
      u8(
        [vectors.length, 1],
        vectors.map((_, row) => row),
      ),
    ],
    ["codebook.0", { dtype: "I8", shape: [1, vectors.length, 2], data: Int8Array.from(vectors.flat()) }],
    ["scale.0", { dtype: "F32", shape: [1], data: Float32Array.of(1) }],
    ["centre.0", { dtype: "F32", shape: [2], data: Float32Array.of(0, 0) }],
  ]);
  const tiers = [{ nItems: vectors.length, nCodes: 1, nBooks: 1 }];
  return ProductCodes.read(arrays, { nItems: vectors.length, dim: 2, nCodewords: vectors.length, tiers }, "codes");
}

/** The formula of the specification with dense matrices, word by word. */
function naive(followers: Followers, vectors: readonly (readonly number[])[], settings: Settings, history: number[]) {
  const n = followers.length;
  const { newest, recency, secondHop, smoothing, similarity, weight, ratio } = settings;
  const matrix = followers.map((row) => {
    const total = row.reduce((sum, [, level]) => sum + ratio ** level, 0);
    return Array.from({ length: n }, (_, j) => {
      const level = row.find(([follower]) => follower === j)?.[1];
      return level === undefined ? 0 : ratio ** level / total;
    });
  });
  const times = (w: number[]) =>
    Array.from({ length: n }, (_, j) => w.reduce((sum, value, i) => sum + value * (matrix[i]?.[j] ?? 0), 0));
  const w = new Array<number>(n).fill(0);
  for (const [age, row] of [...history].reverse().slice(0, newest).entries()) w[row] = (w[row] ?? 0) + recency ** age;
  const first = times(w);
  const p = times(first).map((value, j) => (first[j] ?? 0) + secondHop * value);
  const unit = vectors.map(([x = 0, y = 0]) =>
    Math.hypot(x, y) === 0 ? [0, 0] : [x / Math.hypot(x, y), y / Math.hypot(x, y)],
  );
  const q = [0, 1].map((d) => w.reduce((sum, value, i) => sum + value * (unit[i]?.[d] ?? 0), 0));
  const length = Math.hypot(...q);
  const cosine = (j: number) =>
    length === 0 ? 0 : [0, 1].reduce((sum, d) => sum + ((q[d] ?? 0) / length) * (unit[j]?.[d] ?? 0), 0);
  return p.map((value, j) => weight * (Math.log(1 + value / smoothing) + similarity * cosine(j)));
}

function expectClose(found: Float32Array, expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [row, score] of found.entries()) expect(score, `item ${row}`).toBeCloseTo(expected[row] ?? 0, 5);
}

describe("the score of transitions is that of the formula", () => {
  const scores = (settings: Settings, history: number[]) =>
    new TransitionScores(settings, read(FOLLOWERS, 1, settings), codesOf(VECTORS)).scores(history);

  test.each([
    ["one event", [0], {}],
    ["several events", [3, 0, 2, 1], {}],
    ["an item twice among the newest events", [1, 0, 1], {}],
    ["an item without followers", [3], {}],
    ["an item whose vector is zero", [4], {}],
    ["opposite directions", [1, 3, 0], { recency: 1 }],
    ["without the second hop", [0, 2, 1], { secondHop: 0 }],
    ["without similarity", [0, 2, 1], { similarity: 0 }],
    ["with the newest event only", [0, 2, 1], { newest: 1 }],
    ["with more events wanted than there are", [0, 2, 1], { newest: 1024 }],
  ])("%s", (_, history, change) => {
    const settings = { ...SETTINGS, nEntries: FOLLOWERS.flat().length, ...change };

    expectClose(scores(settings, history), naive(FOLLOWERS, VECTORS, settings, history));
  });

  test.each([300, 70_000])("in a catalogue of %i items, whose rows take several bytes", (nItems) => {
    const followers: Followers = Array.from({ length: nItems }, (_, row) =>
      row === 5
        ? [
            [nItems - 2, 1],
            [nItems - 1, 0],
          ]
        : [],
    );
    const settings = { ...SETTINGS, nEntries: 2, similarity: 0 };

    const found = new TransitionScores(settings, read(followers, nItems > 65_536 ? 3 : 2), codesOf(VECTORS)).scores([
      5,
    ]);

    expect(found[nItems - 2]).toBeCloseTo(0.5 * Math.log(1 + 1 / 3 / 0.01), 5);
    expect(found[nItems - 1]).toBeCloseTo(0.5 * Math.log(1 + 2 / 3 / 0.01), 5);
    expect(found.filter((score) => score !== 0)).toHaveLength(2);
  });
});

describe("a file of transitions is rejected", () => {
  const good = arraysOf(FOLLOWERS, 1);
  const bytes = (index: number, value: number) => {
    const data = [...good.follower.data];
    data[index] = value;
    return { follower: u8(good.follower.shape, data) };
  };
  const attempt = (change: Partial<typeof good>, settings: Partial<Settings> = {}) => {
    const arrays = new Map(Object.entries({ ...good, ...change }));
    return () => Transitions.read(arrays, { ...SETTINGS, nEntries: 7, ...settings }, FOLLOWERS.length);
  };

  test("not if it is as the specification says", () => {
    expect(attempt({})).not.toThrow();
  });

  test.each([
    ["the numbers of followers do not sum to n_entries", { count: u8([5], [2, 3, 1, 0, 2]) }],
    ["a count is missing", { count: u8([4], [2, 3, 1, 1]) }],
    ["rows take more bytes than needed", { follower: u8([7, 2], new Array(14).fill(0)) }],
    ["there are too few followers", { follower: u8([6, 1], [1, 2, 0, 2, 3, 0]) }],
    ["there are too few levels", { level: u8([3], [0, 0, 0]) }],
    ["levels are not packed", { level: u8([7], [0, 0, 0, 0, 0, 0, 0]) }],
    ["the spare half of the last byte is not 0", { level: u8([4], [0, 0, 0, 16]) }],
    ["a follower is outside the catalogue", bytes(6, 5)],
    ["a follower is the item itself", bytes(1, 0)],
    ["an item's followers do not ascend", bytes(2, 3)],
    ["an item has a follower twice", bytes(3, 0)],
  ])("if %s", (_, change) => {
    expect(attempt(change)).toThrow(BundleError);
  });
});

test("any bytes in the arrays are rejected or give finite scores", () => {
  const good = arraysOf(FOLLOWERS, 1);
  const codes = codesOf(VECTORS);
  let [state, nRejected] = [1, 0];
  const draw = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };

  for (let round = 0; round < 2000; round++) {
    const name = (["count", "follower", "level"] as const)[draw(3)] ?? "count";
    const data = [...good[name].data];
    data[draw(data.length)] = draw(4) === 0 ? draw(256) : draw(8);
    const settings = { ...SETTINGS, nEntries: 7, ratio: 0.001, smoothing: 1e-9, secondHop: 100 };
    const arrays = new Map(Object.entries({ ...good, [name]: u8(good[name].shape, data) }));
    try {
      const scores = new TransitionScores(settings, Transitions.read(arrays, settings, 5), codes).scores([0, 1, 4]);
      expect(scores.every(Number.isFinite)).toBe(true);
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      nRejected++;
    }
  }

  expect(nRejected).toBeGreaterThan(500);
  expect(nRejected).toBeLessThan(1900);
});
