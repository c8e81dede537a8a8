import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCatalogue, readTransitionSettings } from "../src/runtime/bundleJson";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import { Scorer } from "../src/runtime/scorer";
import { TransitionScores } from "../src/runtime/transitionScores";
import { Transitions } from "../src/runtime/transitions";
import { arraysOf, fieldsOf, type GoldenArray } from "./goldenArrays";

interface Table {
  readonly sizes: object;
  readonly arrays: Record<string, GoldenArray>;
}

interface Case {
  readonly name: string;
  readonly settings: { readonly vectors: boolean };
  readonly history: number[];
  readonly state: number[];
  readonly scores: number[];
  readonly best: number[];
  readonly best_with_state: number[];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/transitions.json"), "utf8")) as {
  items: Table;
  texts: Table;
  transitions: Record<string, GoldenArray>;
  cases: Case[];
};

const codesOf = ({ sizes, arrays }: Table) =>
  ProductCodes.read(arraysOf(arrays), readCatalogue(fieldsOf(sizes)), "codes");

describe("transitions score items as in Python", () => {
  test.each(golden.cases)("$name", ({ settings, history, state, scores, best, best_with_state: bestWithState }) => {
    const items = codesOf(golden.items);
    const typed = readTransitionSettings(fieldsOf({ ...settings, vectors: null }));
    const table = Transitions.read(arraysOf(golden.transitions), typed, scores.length);
    const transitions = new TransitionScores(typed, table, settings.vectors ? codesOf(golden.texts) : items);

    const alone = transitions.scores(history);
    const both = new Scorer(items, transitions).scores(Float32Array.from(state), history);

    for (const [row, score] of alone.entries()) {
      expect(Math.abs(score - (scores[row] ?? Number.NaN)), `item ${row}`).toBeLessThan(1e-4);
    }
    expect(bestRows(alone, best.length, new Set(history))).toEqual(best);
    expect(bestRows(both, bestWithState.length, new Set(history))).toEqual(bestWithState);
  });
});
