import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { below, noneOf, openRecommender as open, type Recommender, type Where } from "../src/runtime";
import { manifestUrl } from "../src/runtime/bundle";
import { checkedWhere, textOf } from "../src/runtime/filters/conditions";
import { LiveFacts, type LiveFactsOfItems } from "../src/runtime/filters/live";
import { FactTable } from "../src/runtime/filters/table";
import type { Items } from "../src/runtime/items";
import { BASE, GOOD, openRecommender, serve } from "./folder";

type Json = Record<string, unknown>;

interface Call {
  readonly call: "recommend" | "rerank" | "similar";
  readonly k: number;
  readonly item_id: string;
  readonly history?: string[];
  readonly disliked?: string[];
  readonly candidates?: string[];
  readonly exclude?: string[];
  readonly where?: Json;
  readonly include_seen?: boolean;
  readonly diversity?: number;
}

type Case = [Call, string[]];

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden", name), "utf8"));
const lists = read("lists.json") as { live: LiveFactsOfItems; cases: Case[]; with_retired: Case[] };
const filters = read("where.json") as {
  item_id: string[];
  fields: Record<string, { values: string[]; rows: number[][] }>;
  live: LiveFactsOfItems[];
  cases: [number, Json, string[] | string][];
  texts: [unknown, string][];
};

const NAMES: Record<string, string> = { at_least: "atLeast", at_most: "atMost", none_of: "noneOf" };

/** Names of Python as those of TypeScript. */
function whereOf(where: Json): Where {
  const renamed = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([name, one]) => [NAMES[name] ?? name, one]))
      : value;
  return Object.fromEntries(Object.entries(where).map(([name, value]) => [name, renamed(value)])) as Where;
}

function answer(nSteps: number, where: Json): string[] | string {
  const { item_id: ids, fields } = filters;
  const items = {
    ids,
    rowOf: (id: string) => (ids.includes(id) ? ids.indexOf(id) : undefined),
    factFields: () => Object.entries(fields),
  } as unknown as Items;
  const live = new LiveFacts();
  for (const facts of filters.live.slice(0, nSteps)) live.set(facts);
  try {
    const mask = new FactTable(items, live).holds(checkedWhere(whereOf(where)));
    return ids.filter((_, row) => mask[row] === 1);
  } catch (error) {
    return (error as Error).name.replace("RangeError", "ValueError");
  }
}

async function listOf(recommender: Recommender, call: Call): Promise<string[]> {
  const { history = [], disliked = [], diversity = 0, candidates, exclude, where, include_seen, k } = call;
  const options = {
    ...(candidates && { candidates }),
    ...(exclude && { exclude }),
    ...(where && { where: whereOf(where) }),
  };
  const past = { history, disliked, diversity };
  const made = {
    recommend: () => recommender.recommend(k, { ...past, ...options, includeSeen: include_seen ?? false }),
    rerank: () => recommender.rerank(candidates ?? [], past),
    similar: () => recommender.similar(call.item_id, k, options),
  };
  return (await made[call.call]()).map(({ itemId }) => itemId);
}

describe("a filter lets the same items through as in Python", () => {
  test.each(filters.cases)("after %i steps of live facts: %j", (nSteps, where, expected) => {
    expect(answer(nSteps, where)).toEqual(expected);
  });

  test.each(filters.texts)("%j is kept as the text %j", (value, text) => {
    expect(textOf("it", value)).toBe(text);
  });

  test.each<[unknown, typeof TypeError | typeof RangeError, string]>([
    ["price<20", TypeError, "where must be an object"],
    [{ price: {} }, TypeError, "must have limits"],
    [{ price: { under: 20 } }, TypeError, "must have limits"],
    [{ price: { below: "20" } }, TypeError, "must be a number"],
    [{ price: { atLeast: 20, atMost: 5 } }, RangeError, "Exchange the limits"],
    [{ price: Number.NaN }, RangeError, "finite"],
    [{ brand: new Set() }, RangeError, "has no values"],
  ])("%j is refused", (where, error, message) => {
    expect(() => checkedWhere(where as Where)).toThrow(error);
    expect(() => checkedWhere(where as Where)).toThrow(message);
  });

  test("an invalid live fact sets nothing", () => {
    const live = new LiveFacts();

    expect(() => live.set({ a: { price: 3 }, b: { price: Number.NaN } })).toThrow(RangeError);

    expect(live.names).toEqual([]);
  });
});

describe("a list is the same as Python's", () => {
  test.each(lists.cases)("%j", async (call, expected) => {
    const recommender = await openRecommender(GOOD);
    recommender.setFacts(lists.live);

    expect(await listOf(recommender, call)).toEqual(expected);
  });

  test.each(lists.with_retired)("without retired items, %j", async (call, expected) => {
    expect(await listOf(await openRecommender(join(GOOD, "../retired")), call)).toEqual(expected);
  });

  test("several histories give the list of each", async () => {
    const recommender = await openRecommender(GOOD);
    const where = { brand: noneOf("Elm") };

    const made = await recommender.recommendMany([["item-3"], []], 5, { where });

    expect(made[0]).toEqual(await recommender.recommend(5, { history: ["item-3"], where }));
    expect(made[1]).toEqual(await recommender.recommend(5, { where }));
  });

  test("an entry has facts, live ones included, and a picture", async () => {
    const recommender = await openRecommender(GOOD);
    recommender.setFacts({ "item-3": { price: 12.5, brand: [] } });

    const [item] = await recommender.recommend(1, { candidates: ["item-3"], where: { price: below(13) } });

    expect(item?.facts.get("price")).toEqual(["12.5"]);
    expect(item?.facts.has("brand")).toBe(false);
    expect(item?.facts.has("categories")).toBe(true);
    expect(await item?.picture()).toMatch(/^data:image\/png;base64,/);
    const [other] = await recommender.recommend(1, { candidates: ["item-2"] });
    expect(await other?.picture()).toBeNull();
  });
});

describe("what is not a list of ids is refused", () => {
  test.each(["history", "candidates", "exclude", "disliked"])("%s", async (name) => {
    const recommender = await openRecommender(GOOD);

    await expect(recommender.recommend(3, { [name]: "A003" })).rejects.toThrow(
      `${name} must be a list of item ids, got the string "A003". Pass ["A003"].`,
    );
    await expect(recommender.recommend(3, { [name]: [3] })).rejects.toThrow(TypeError);
    await expect(recommender.recommend(3, { [name]: 3 })).rejects.toThrow(TypeError);
  });

  test("nor are a length below one, a diversity above one and an unknown item", async () => {
    const recommender = await openRecommender(GOOD);

    await expect(recommender.recommend(0)).rejects.toThrow(RangeError);
    for (const wrong of ["3", true, 2.5, null, Number.NaN] as unknown as number[]) {
      await expect(recommender.recommend(wrong)).rejects.toThrow("k must be a whole number, got");
      expect(() => recommender.similar("item-1", wrong)).toThrow(TypeError);
    }
    await expect(recommender.recommend(1, { diversity: 2 })).rejects.toThrow(RangeError);
    expect(() => recommender.similar("nonsense", 1)).toThrow("is not in the catalogue");
  });
});

test("every call after close is the same error", async () => {
  const recommender = await openRecommender(GOOD);
  await recommender.close();
  await recommender.close();
  const message = "the recommender was closed before this call";

  await expect(recommender.recommend(3)).rejects.toThrow(message);
  await expect(recommender.recommendMany([], 3)).rejects.toThrow(message);
  await expect(recommender.rerank([])).rejects.toThrow(message);
  await expect(recommender.refresh()).rejects.toThrow(message);
  await expect(recommender.search("soap", 3)).rejects.toThrow(message);
  for (const call of [
    () => recommender.similar("item-1", 3),
    () => recommender.setFacts({}),
    () => recommender.clearFacts(),
  ]) {
    expect(call).toThrow(message);
  }
});

describe("a refresh", () => {
  test("goes over to a newer release, with the live facts", async () => {
    const manifest = readFileSync(join(GOOD, "manifest.json"), "utf8");
    let served = manifest;
    const files = serve(GOOD);
    const fetch = vi.fn(async (url: string) =>
      url === manifestUrl(BASE, "browser-wasm") ? new Response(served) : files(url),
    );
    const recommender = await open(BASE, { fetch });
    recommender.setFacts({ "item-3": { inStock: true } });
    expect(await recommender.refresh()).toBe(false);

    served = manifest.replace(/"release": 1\b/, '"release": 2');
    expect(await recommender.refresh()).toBe(true);

    expect(recommender.manifest.release).toBe(2);
    const listed = await recommender.recommend(40, { where: { inStock: true } });
    expect(listed.map(({ itemId }) => itemId)).toEqual(["item-3"]);
  });

  test("that finds a damaged release leaves the old one in use", async () => {
    let served: string | Uint8Array<ArrayBuffer> = new Uint8Array(readFileSync(join(GOOD, "manifest.json")));
    const files = serve(GOOD);
    const recommender = await open(BASE, {
      fetch: async (url) => (url === manifestUrl(BASE, "browser-wasm") ? new Response(served) : files(url)),
    });

    served = "{}";
    await expect(recommender.refresh()).rejects.toThrow();

    expect((await recommender.recommend(5)).length).toBe(5);
  });
});
