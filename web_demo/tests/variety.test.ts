import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { variedPlaces } from "../src/runtime/variety";
import { GOOD, openRecommender } from "./folder";

interface Case {
  readonly name: string;
  readonly k: number;
  readonly dim: number;
  readonly scores: number[];
  readonly vectors: number[][];
  readonly expected: [number, number[]][];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/variety.json"), "utf8")) as {
  cases: Case[];
};

describe("a varied list is the one that Python makes", () => {
  test.each(golden.cases)("$name", ({ k, scores, vectors, expected }) => {
    for (const [variety, places] of expected) {
      expect(variedPlaces(scores, Float32Array.from(vectors.flat()), k, variety), `variety ${variety}`).toEqual(places);
    }
  });
});

describe("the knob", () => {
  test("at precise gives the list as it was", async () => {
    const recommender = await openRecommender(GOOD);

    const precise = await recommender.rank([3, 1, 4], new Set([5]), 10);
    const knob = await recommender.rank([3, 1, 4], new Set([5]), 10, 0);

    expect(knob.rows).toEqual(precise.rows);
  });

  test("at varied gives other items, and never one that is marked or hidden", async () => {
    const recommender = await openRecommender(GOOD);

    const precise = await recommender.rank([3, 1, 4], new Set([5]), 10);
    const varied = await recommender.rank([3, 1, 4], new Set([5]), 10, 1);

    expect(varied.rows).not.toEqual(precise.rows);
    expect(varied.rows[0]).toBe(precise.rows[0]);
    expect(new Set(varied.rows).size).toBe(10);
    for (const row of [3, 1, 4, 5]) expect(varied.rows).not.toContain(row);
  });

  test("works on what others like, too, and when the catalogue runs out", async () => {
    const recommender = await openRecommender(GOOD);

    const few = await recommender.rank([], new Set(), 6, 0.8);
    const all = await recommender.rank([], new Set([7]), 1000, 0.8);

    expect(few.by).toBe("popularity");
    expect(few.rows).toHaveLength(6);
    expect(new Set(all.rows).size).toBe(recommender.items.ids.length - 1);
  });
});
