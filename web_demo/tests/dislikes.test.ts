import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { NdArray } from "../src/runtime/arrays";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import type { EventName } from "../src/runtime/constants";
import { DislikePenalty, newestDislikes } from "../src/runtime/dislikes";
import { GOOD, openRecommender } from "./folder";

interface Golden {
  readonly sizes: { n_items: number; dim: number; n_codewords: number };
  readonly tiers: { n_items: number; n_codes: number; n_books: number }[];
  readonly codes: Record<string, { dtype: "uint8" | "int8" | "float32"; shape: number[]; data: number[] }>;
  readonly cases: { scores: number[]; disliked: number[]; expected: number[]; best: number[] }[];
  readonly histories: [[string, EventName, number][], string[]][];
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/dislikes.json"), "utf8"),
) as Golden;

function codes(): ProductCodes {
  const arrays = Object.entries(golden.codes).map(([name, { dtype, shape, data }]): [string, NdArray] => {
    if (dtype === "uint8") return [name, { dtype: "U8", shape, data: Uint8Array.from(data) }];
    if (dtype === "int8") return [name, { dtype: "I8", shape, data: Int8Array.from(data) }];
    return [name, { dtype: "F32", shape, data: Float32Array.from(data) }];
  });
  const { n_items: nItems, dim, n_codewords: nCodewords } = golden.sizes;
  const tiers = golden.tiers.map((tier) => ({ nItems: tier.n_items, nCodes: tier.n_codes, nBooks: tier.n_books }));
  return ProductCodes.read(new Map(arrays), { nItems, dim, nCodewords, tiers }, "codes");
}

describe("dislikes lower the same scores as in Python", () => {
  test.each(golden.cases)("$disliked", ({ scores, disliked, expected, best }) => {
    const before = Float32Array.from(scores);

    const after = new DislikePenalty(codes()).apply(before, disliked);

    for (const [row, score] of after.entries()) expect(score).toBeCloseTo(expected[row] as number, 4);
    expect(bestRows(after, 10, new Set())).toEqual(best);
    expect(Array.from(before)).toEqual(Array.from(Float32Array.from(scores)));
  });

  test("no dislike changes no score", () => {
    const scores = Float32Array.of(3, 1, 2);

    expect(new DislikePenalty(codes()).apply(scores, [])).toBe(scores);
  });
});

test.each(golden.histories)("the newest dislikes of %j are those of Python", (history, expected) => {
  const events = history.flatMap(([itemId, event, times]) => Array.from({ length: times }, () => ({ itemId, event })));

  expect(newestDislikes(events)).toEqual(expected);
});

describe("a list after a dislike", () => {
  test("ranks similar items lower, also by popularity, and is the old one after an undo", async () => {
    const recommender = await openRecommender(GOOD);

    for (const sequence of [[], [3, 1, 4]]) {
      const before = await recommender.rank(sequence, new Set([5]), 40);
      const after = await recommender.rank(sequence, new Set([5]), 40, 0, [5]);
      const undone = await recommender.rank(sequence, new Set([5]), 40, 0, []);

      expect(after.rows).not.toEqual(before.rows);
      expect([...after.rows].sort()).toEqual([...before.rows].sort());
      expect(undone.rows).toEqual(before.rows);
    }
  });
});
