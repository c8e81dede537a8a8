/** Items as a log of two releases are those of the same catalogue as one object. */

import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { BundleError } from "../src/runtime/errors";
import { readItemLog } from "../src/runtime/itemLog";
import { GOOD, openBundle, openRecommender } from "./folder";

const LOG = join(inject("bundles"), "log");
const OPTIONS = { history: ["item-3", "item-8"] };

test("ids, titles and facts are the same", async () => {
  const [whole, log] = [(await openRecommender(GOOD)).items, (await openRecommender(LOG)).items];

  expect(log.ids).toEqual(whole.ids);
  expect(log.titles).toEqual(whole.titles);
  expect(log.factFields()).toEqual(whole.factFields());
  expect(log.rowOf("item-39")).toBe(39);
});

test("lists and searches are the same", async () => {
  const [whole, log] = [await openRecommender(GOOD), await openRecommender(LOG)];

  expect(await log.recommend(10, OPTIONS)).toEqual(await whole.recommend(10, OPTIONS));
  expect(await log.search("rose", 10)).toEqual(await whole.search("rose", 10));
});

test("a log that lost bytes anywhere is refused", async () => {
  const { data } = await (await openBundle(LOG)).role("items");

  for (let at = 0; at < data.length; at += 97) {
    const cut = new Uint8Array([...data.subarray(0, at), ...data.subarray(at + 1)]);
    await expect(readItemLog(cut, 40)).rejects.toThrow(BundleError);
  }
});
