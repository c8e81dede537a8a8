import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readCatalogue } from "../src/runtime/bundleJson";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import { Cosines } from "../src/runtime/cosines";
import { arraysOf, fieldsOf, type GoldenArray } from "./goldenArrays";

interface Golden {
  readonly sizes: object;
  readonly codes: Record<string, GoldenArray>;
  readonly cases: { row: number; cosines: number[]; best: number[] }[];
}

const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/near_ties.json"), "utf8"));

test.each(golden.cases)(
  "cosines with item $row are Python's to the last bit, and so is the list",
  ({ row, cosines, best }) => {
    const codes = ProductCodes.read(arraysOf(golden.codes), readCatalogue(fieldsOf(golden.sizes)), "codes");

    const found = new Cosines(codes).of(row);

    expect(Array.from(found)).toEqual(cosines);
    expect(bestRows(found, best.length, new Set())).toEqual(best);
  },
);
