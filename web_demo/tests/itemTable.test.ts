/** The items of a large catalogue, as arrays, are those of the same catalogue as JSON. */

import { join } from "node:path";
import { expect, inject, test } from "vitest";
import type { NdArray } from "../src/runtime/arrays";
import { loadArrays } from "../src/runtime/arrays";
import { BundleError } from "../src/runtime/errors";
import { readItemTable } from "../src/runtime/itemTable";
import { GOOD, openBundle, openRecommender } from "./folder";

const TABLE = join(inject("bundles"), "table");
const OPTIONS = { history: ["item-3", "item-8"] };

test("ids, titles and facts are the same", async () => {
  const [memory, table] = [(await openRecommender(GOOD)).items, (await openRecommender(TABLE)).items];

  expect(table.ids).toEqual(memory.ids);
  expect(table.titles).toEqual(memory.titles);
  expect(table.factFields()).toEqual(memory.factFields());
  expect(table.rowOf("item-7")).toBe(7);
});

test("lists and searches are the same", async () => {
  const [memory, table] = [await openRecommender(GOOD), await openRecommender(TABLE)];

  expect(await table.recommend(10, OPTIONS)).toEqual(await memory.recommend(10, OPTIONS));
  expect(await table.search("rose", 10)).toEqual(await memory.search("rose", 10));
});

test("an entry that violates the format is refused", async () => {
  const { data, name } = await (await openBundle(TABLE)).role("items");
  const good = loadArrays(data, name);
  const changed = (key: string, change: (array: NdArray) => void) => {
    const arrays = loadArrays(data, name);
    const array = arrays.get(key);
    if (array === undefined) throw new Error(`no tensor ${key}`);
    change(array);
    return arrays;
  };

  expect(readItemTable(good, 40).title).toHaveLength(40);
  const set = (index: number, value: number) => (array: NdArray) => array.data.set([value], index);
  for (const arrays of [
    changed("title", set(0, 0xff)),
    changed("title.start", set(1, 0)),
    changed("title.start", set(2, 1)),
  ]) {
    expect(() => readItemTable(arrays, 40)).toThrow(BundleError);
  }
});
