import { expect, test } from "vitest";
import type { Recommendation } from "../src/runtime";
import { GOOD, openRecommender } from "./folder";

const K = 8;

function brandsOf(items: readonly Recommendation[]): Set<string> {
  return new Set(items.flatMap(({ facts }) => facts.get("brand") ?? []));
}

test("a list follows what is said, and others do only if they ask for it", async () => {
  const recommender = await openRecommender(GOOD);
  const history = ["item-3"];
  const before = await recommender.recommend(K, { history });

  const answer = await recommender.say("no Elm", { history, k: K });

  expect(brandsOf(before)).toContain("Elm");
  expect(answer.text).toBe("OK, no Elm.");
  expect(answer.understood.mustNot).toEqual([{ field: "brand", values: ["Elm"] }]);
  expect(answer.items).toHaveLength(K);
  expect(brandsOf(answer.items)).not.toContain("Elm");
  const idsOf = (items: readonly Recommendation[]) => items.map(({ itemId }) => itemId);
  expect(idsOf(await recommender.recommend(K, { history }))).toEqual(idsOf(before));
  expect(idsOf(await recommender.recommend(K, { history, conversation: true }))).toEqual(idsOf(answer.items));
});

test("a removed chip no longer counts, and what is forgotten cannot be undone", async () => {
  const recommender = await openRecommender(GOOD);
  await recommender.say("no Elm");
  await recommender.say("hand cream");

  const [first, second] = recommender.chips;
  const was = recommender.removeChip(first?.id ?? "");

  expect([first?.text, second?.text]).toEqual(["no Elm", "hand cream"]);
  expect(was).toBe(true);
  expect(recommender.chips).toEqual([second]);
  recommender.forgetSaid();
  expect(recommender.chips).toEqual([]);
  expect(recommender.removeChip(second?.id ?? "")).toBe(false);
  expect((await recommender.say("undo")).text).toBe("There is nothing to take back.");
});

test("cheaper is below the median of the live prices that are shown", async () => {
  const recommender = await openRecommender(GOOD);
  recommender.setFacts(Object.fromEntries(recommender.items.ids.map((id, row) => [id, { price: row + 1 }])));
  const shown = ["item-4", "item-9", "item-30"];

  const { text, items } = await recommender.say("cheaper", { shown, k: K });

  expect(text).toBe("OK, under 10.");
  for (const { facts } of items) expect(Number(facts.get("price")?.[0])).toBeLessThan(10);
});

test("a contradiction is a question, and its answer decides", async () => {
  const recommender = await openRecommender(GOOD);
  await recommender.say("only Aster");

  const { question } = await recommender.say("Birch");
  const { chips } = await recommender.say(question?.options[1] ?? "");

  expect(question?.options).toEqual(["Birch instead", "both"]);
  expect(chips.map(({ text }) => text)).toEqual(["Aster or Birch"]);
});

test("why an item is there is answered with its reason", async () => {
  const recommender = await openRecommender(GOOD);
  const history = ["item-3"];
  const [first] = await recommender.recommend(K, { history });

  const { text } = await recommender.say("why the first?", { history, k: K });
  const [reason] = await recommender.explainList([first?.itemId ?? ""], { history });

  expect(text).toBe(`${first?.title}: ${reason?.text}`);
});

test("sentences that are said at once are answered one after the other", async () => {
  const recommender = await openRecommender(GOOD);

  const answers = await Promise.all([recommender.say("no Elm"), recommender.say("no Aster"), recommender.say("undo")]);

  expect(answers.map(({ chips }) => chips.length)).toEqual([1, 2, 1]);
});

test("what cannot be said is refused with what may be", async () => {
  const recommender = await openRecommender(GOOD);

  await expect(recommender.say(7 as unknown as string)).rejects.toThrow("text must be a string, got 7");
  await expect(recommender.say("tea", { language: "xx" })).rejects.toThrow(
    "language must be one of de, en, es, fr, zh",
  );
  await expect(recommender.say("tea", { k: 0 })).rejects.toThrow("k must be at least 1");
});

test("a line that asks for something is told from words to search for", async () => {
  const recommender = await openRecommender(GOOD);

  expect(await recommender.asks("surprise me")).toBe(true);
  expect(await recommender.asks("mint soap")).toBe(false);
  expect(await recommender.asks("Elm mint soap 6")).toBe(false);
});

test("an unknown item that this means is refused, and an unknown one on the screen keeps its place", async () => {
  const recommender = await openRecommender(GOOD);
  const shown = ["item-4", "gone", "item-9"];

  await expect(recommender.say("why this one?", { about: "gone" })).rejects.toThrow("gone");
  expect((await recommender.say("like the second", { shown })).chips).toEqual([]);
  expect((await recommender.say("like the third", { shown })).understood.similarTo).toEqual(["item-9"]);
});

test("separated thousands are one limit, and a number glued to something else is none", async () => {
  const recommender = await openRecommender(GOOD);
  recommender.setFacts(Object.fromEntries(recommender.items.ids.map((id, row) => [id, { price: row + 1 }])));

  for (const text of ["under -5", "below minus 5", "under 5k", "under 1e309"]) {
    expect((await recommender.say(text)).chips).toEqual([]);
  }
  expect((await recommender.say("under 1,000")).understood.limits[0]?.below).toBe(1000);
});
