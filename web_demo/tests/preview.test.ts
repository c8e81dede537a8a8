import { expect, test } from "vitest";
import { previewText } from "../src/app/previewText";
import { compareLists } from "../src/worker/preview";

function list(ids: string) {
  return [...ids].map((id) => ({ itemId: id, title: `Item ${id}` }));
}

test.each([
  ["abc", "abc", "Your first 3 stay."],
  ["abc", "acb", "Your first 3 stay, in another order."],
  ["abc", "abd", "1 of your first 3 changes: Item d is new."],
  ["abc", "dbe", "2 of your first 3 change: Item d and Item e are new."],
  ["abcd", "efgd", "3 of your first 4 change: Item e, Item f and 1 more are new."],
  ["abcd", "efgh", "4 of your first 4 change: Item e, Item f and 2 more are new."],
  ["", "", ""],
])("a list %s that becomes %s is told in words", (before, after, text) => {
  expect(previewText(compareLists(list(before), list(after)))).toBe(text);
});
