import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCatalogue } from "../src/runtime/bundleJson";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import type { EventName } from "../src/runtime/constants";
import { Cosines } from "../src/runtime/cosines";
import { DislikePenalty, newestDislikes } from "../src/runtime/dislikes";
import { GOOD, openRecommender } from "./folder";
import { arraysOf, fieldsOf, type GoldenArray } from "./goldenArrays";

interface Golden {
  readonly sizes: { n_items: number; dim: number; n_codewords: number };
  readonly tiers: { n_items: number; n_codes: number; n_books: number }[];
  readonly codes: Record<string, GoldenArray>;
  readonly cases: { scores: number[]; disliked: number[]; expected: number[]; best: number[] }[];
  readonly histories: [[string, EventName, number][], string[]][];
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/dislikes.json"), "utf8"),
) as Golden;

function codes(): ProductCodes {
  const sizes = readCatalogue(fieldsOf({ ...golden.sizes, tiers: golden.tiers }));
  return ProductCodes.read(arraysOf(golden.codes), sizes, "codes");
}

describe("dislikes lower the same scores as in Python", () => {
  test.each(golden.cases)("$disliked", ({ scores, disliked, expected, best }) => {
    const before = Float32Array.from(scores);

    const after = new DislikePenalty(new Cosines(codes())).apply(before, disliked);

    for (const [row, score] of after.entries()) expect(score).toBeCloseTo(expected[row] as number, 4);
    expect(bestRows(after, 10, new Set())).toEqual(best);
    expect(Array.from(before)).toEqual(Array.from(Float32Array.from(scores)));
  });

  test("no dislike changes no score", () => {
    const scores = Float32Array.of(3, 1, 2);

    expect(new DislikePenalty(new Cosines(codes())).apply(scores, [])).toBe(scores);
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
