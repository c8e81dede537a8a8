import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diversifiedIndices } from "../src/runtime/diversity";
import { GOOD, openRecommender } from "./folder";

interface Case {
  readonly name: string;
  readonly k: number;
  readonly dim: number;
  readonly scores: number[];
  readonly vectors: number[][];
  readonly expected: [number, number[]][];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/diversity.json"), "utf8")) as {
  cases: Case[];
};

describe("a diverse list is the same as Python's", () => {
  test.each(golden.cases)("$name", ({ k, scores, vectors, expected }) => {
    for (const [diversity, places] of expected) {
      expect(
        diversifiedIndices(scores, Float32Array.from(vectors.flat()), k, diversity),
        `diversity ${diversity}`,
      ).toEqual(places);
    }
  });
});

describe("the diversity slider", () => {
  test("at precise leaves the list unchanged", async () => {
    const recommender = await openRecommender(GOOD);

    const precise = await recommender.rank([3, 1, 4], new Set([5]), 10);
    const neutral = await recommender.rank([3, 1, 4], new Set([5]), 10, 0);

    expect(neutral.rows).toEqual(precise.rows);
  });

  test("at diverse shows other items, and none from the history or hidden", async () => {
    const recommender = await openRecommender(GOOD);

    const precise = await recommender.rank([3, 1, 4], new Set([5]), 10);
    const diverse = await recommender.rank([3, 1, 4], new Set([5]), 10, 1);

    expect(diverse.rows).not.toEqual(precise.rows);
    expect(diverse.rows[0]).toBe(precise.rows[0]);
    expect(new Set(diverse.rows).size).toBe(10);
    for (const row of [3, 1, 4, 5]) expect(diverse.rows).not.toContain(row);
  });

  test("works for the popularity ranking, and when the catalogue runs out", async () => {
    const recommender = await openRecommender(GOOD);

    const few = await recommender.rank([], new Set(), 6, 0.8);
    const all = await recommender.rank([], new Set([7]), 1000, 0.8);

    expect(few.by).toBe("popularity");
    expect(few.rows).toHaveLength(6);
    expect(new Set(all.rows).size).toBe(recommender.items.ids.length - 1);
  });
});
