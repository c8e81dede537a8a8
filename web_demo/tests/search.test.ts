import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Items } from "../src/runtime/items";
import { Finder } from "../src/runtime/search/finder";
import { Vocabulary } from "../src/runtime/search/vocabulary";
import { stem, wordsOf } from "../src/runtime/search/words";
import { GOOD, openRecommender } from "./folder";

interface Catalogue {
  readonly item_id: string[];
  readonly title: string[];
  readonly fields: Record<string, { values: string[]; rows: number[][] }>;
  readonly popularity: number[];
  readonly padding: number;
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/search.json"), "utf8")) as {
  limit: number;
  words: [string, string[]][];
  stems: [string, string][];
  catalogues: Record<string, Catalogue>;
  cases: { catalogue: string; query: string; expected: string[] }[];
};

async function finderOf({ item_id, title, fields, popularity, padding }: Catalogue): Promise<Finder> {
  const padded = <T>(column: T[], more: (index: number) => T) => [
    ...column,
    ...Array.from({ length: padding }, (_, i) => more(i)),
  ];
  const columns = {
    item_id: padded(item_id, (index) => `padding-${index}`),
    title: padded(title, () => "-"),
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, { values, rows }]) => [name, { values, rows: padded(rows, () => []) }]),
    ),
  };
  const items = await Items.read(new Uint8Array(deflateSync(JSON.stringify(columns))), columns.title.length);
  return new Finder(items, Uint8Array.from(padded(popularity, () => 0)));
}

describe("the words of a text are those that Python finds", () => {
  test.each(golden.words)("%s", (text, words) => expect(wordsOf(text)).toEqual(words));
});

test("words lose the same plural as in Python", () => {
  for (const [word, common] of golden.stems) expect(stem(word), word).toBe(common);
});

describe("a query finds what it finds in Python", () => {
  test.each(golden.cases)("$query in $catalogue", async ({ catalogue, query, expected }) => {
    const items = golden.catalogues[catalogue] as Catalogue;
    const finder = await finderOf(items);

    expect(finder.find(query, golden.limit).map((row) => items.item_id[row])).toEqual(expected);
  });
});

test("a search returns at most the limit, and nothing without words", async () => {
  const finder = await finderOf(golden.catalogues["shop"] as Catalogue);

  expect(finder.find("rose", 2)).toHaveLength(2);
  expect(finder.find("rose", 0)).toEqual([]);
  expect(finder.find(" -!", 9)).toEqual([]);
});

test("one typing error is corrected anywhere in a word, two are not", () => {
  const vocabulary = new Vocabulary(["lantern"]);

  for (const word of ["antern", "lanterm", "xantern", "lantren", "lanterns", "lnatern", "laxntern"]) {
    expect(vocabulary.near(word), word).toHaveLength(1);
  }
  for (const word of ["antenr", "xxntern", "lan", "123456"]) expect(vocabulary.near(word), word).toEqual([]);
});

test("a bundle's items are found by their category", async () => {
  const recommender = await openRecommender(GOOD);

  const found = await recommender.search("Soaps", 40);

  expect(found.length).toBeGreaterThan(0);
  for (const row of found) expect(recommender.items.facts(row).get("categories")).toContain("soap");
});
