import { expect, test } from "vitest";
import type { HistoryEvent } from "../../src/runtime/events";
import type { Items } from "../../src/runtime/items";
import { itemSummary, userHistoryOf, visible } from "../../src/worker/viewModels";

test.each([
  ["Soap \u202egpj.exe", "Soap gpj.exe"],
  ["a\u2066b\u2069\u200ec\u061cd\u200be\ufeff", "abcde"],
  ["two\u2028lines\n\u0007here", "two lines here"],
  ["سلام می\u200cخواهم 👩\u200d🔬 ❤\ufe0f", "سلام می\u200cخواهم 👩\u200d🔬 ❤\ufe0f"],
])("the title %j is shown as %j", (title, shown) => {
  expect(visible(title)).toBe(shown);
});

test("an item whose title is invisible is shown by its id, also where the catalogue lacks it", () => {
  const items = { ids: ["item-1"], titles: ["\u202e\u200b"], facts: () => new Map() } as unknown as Items;
  const event: HistoryEvent = { id: 1, itemId: "item-2", event: "like", at: 1, title: "\u202eSoap" };

  expect(itemSummary(items, 0).title).toBe("item-1");
  expect(userHistoryOf([event], null).entries[0]?.title).toBe("Soap");
});
