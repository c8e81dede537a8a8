import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readCatalogue } from "../src/runtime/bundleJson";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import { numberText } from "../src/runtime/conversation/answers";
import { Application } from "../src/runtime/conversation/apply";
import { Hearing } from "../src/runtime/conversation/hearing";
import { type Limit, type Query, queryOf, type Wish } from "../src/runtime/conversation/query";
import { Conversation } from "../src/runtime/conversation/talk";
import { tokensOf } from "../src/runtime/conversation/tokens";
import type { Host } from "../src/runtime/conversation/turn";
import { spokenPhrases } from "../src/runtime/conversation/words";
import { Cosines } from "../src/runtime/cosines";
import { LiveFacts } from "../src/runtime/filters/live";
import { FactTable } from "../src/runtime/filters/table";
import { Items } from "../src/runtime/items";
import { Finder } from "../src/runtime/search/finder";
import { arraysOf, fieldsOf, type GoldenArray } from "./goldenArrays";

const K = 6;

type Json = Record<string, unknown>;

interface Columns {
  readonly item_id: string[];
  readonly title: string[];
  readonly fields: Record<string, { values: string[]; rows: number[][] }>;
}

/** A query as Python writes it; fields with their default are left out. */
interface GoldenQuery {
  readonly similar_to?: string[];
  readonly unlike?: string[];
  readonly prefer?: Wish[];
  readonly must?: Wish[];
  readonly must_not?: Wish[];
}

interface GoldenAnswer {
  readonly said: string;
  readonly text: string;
  readonly chips: [id: string, kind: string, text: string, details: string][];
  readonly question: string[] | null;
  readonly items: string[];
}

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden", name), "utf8")) as T;
}

const { texts, long } = golden<{
  texts: [string, [string, string, string, number | null, number][]][];
  long: [string, number, Json][];
}>("conversation/tokens.json");
const parse = golden<Columns & { sentences: [string, number | null, string, Json][] }>("conversation/parse.json");
const { talks } = golden<{ talks: [string, GoldenAnswer[]][] }>("conversation/talks.json");
const shift = golden<{
  title: string[];
  fields: Columns["fields"];
  scores: number[];
  cases: { query: GoldenQuery; expected: number[]; best: number[] }[];
}>("conversation/shift.json");
const dislikes = golden<{ sizes: Json; tiers: Json[]; codes: Record<string, GoldenArray> }>("dislikes.json");

interface Shop {
  readonly items: Items;
  readonly application: Application;
  readonly hearing: Hearing;
}

async function shopOf(columns: Columns, spaces: readonly Cosines[] = [], live = new LiveFacts()): Promise<Shop> {
  const nItems = columns.title.length;
  const items = await Items.read(new Uint8Array(deflateSync(JSON.stringify(columns))), nItems);
  const finder = new Finder(items, new Uint8Array(nItems));
  const rowOf = (itemId: string) => items.rowOf(itemId);
  const application = new Application(nItems, rowOf, new FactTable(items, live), finder, spaces);
  const factsOf = (row: number) => new Map([...items.facts(row), ...live.of(items.ids[row] ?? "")]);
  return { items, application, hearing: new Hearing({ items, factsOf, live: () => live.names }, finder, application) };
}

const shop = await shopOf(parse);

/** Scores fall by row, and a reason is "because of ID". */
function hostOf({ items, application, hearing }: Shop): Host<{ itemId: string }> {
  const list = async (query: Query, hidden: readonly string[]) => {
    const mask = application.allowed(query);
    for (const row of items.rowsOf(hidden)) mask[row] = 0;
    const scores = Float32Array.from(items.ids, (_, row) => items.ids.length - row);
    const unlisted = { has: (row: number) => mask[row] === 0 };
    const rows = bestRows(application.shifted(scores, query, unlisted), K, unlisted);
    return rows.map((row) => ({ itemId: items.ids[row] ?? "" }));
  };
  return { hearing, list, explain: async (itemId) => `because of ${itemId}` };
}

/** A query as Python writes it. */
function inPython(query: Query): Json {
  const names = { mustNot: "must_not", similarTo: "similar_to" } as const;
  const changed = Object.entries({ ...query, limits: query.limits.map(limitInPython) }).filter(([name, value]) => {
    return JSON.stringify(value) !== JSON.stringify(queryOf()[name as keyof Query]);
  });
  return Object.fromEntries(changed.map(([name, value]) => [names[name as keyof typeof names] ?? name, value]));
}

function limitInPython(limit: Limit): Json {
  const names = { atLeast: "at_least", atMost: "at_most", thanShown: "than_shown" } as const;
  const known = Object.entries(limit).filter(([, value]) => value !== null);
  return Object.fromEntries(known.map(([name, value]) => [names[name as keyof typeof names] ?? name, value]));
}

describe("a sentence has the tokens that Python finds", () => {
  test.each(texts)("%j", (text, tokens) => {
    const found = tokensOf(text).map(({ text, stem, shown, number, gap }) => [text, stem, shown, number, gap]);

    expect(found).toEqual(tokens);
  });

  test.each(long)("%j, %i times", (text, times, expected) => {
    const tokens = tokensOf(text.repeat(times));
    const [first, last] = [tokens[0], tokens.at(-1)].map((one) => one && [one.text, one.stem, one.number, one.gap]);
    const lines = tokens.map(({ text, stem, shown, gap }) => [text, stem, shown, gap].join("\t")).join("\n");

    const sha256 = createHash("sha256").update(lines).digest("hex");

    expect({ n: tokens.length, first, last, sha256 }).toEqual(expected);
  });
});

describe("a sentence asks for what Python understands", () => {
  test.each(parse.sentences)("%s, about %s: %s", async (language, about, text, expected) => {
    const shown = (await hostOf(shop).list(queryOf(), [])).map(({ itemId }) => itemId);
    const itemId = about === null ? null : (shown[about - 1] ?? null);
    const phrases = await spokenPhrases.load(language);

    const parsed = shop.hearing.parse(text, phrases, { shown, about: itemId, facts: shop.hearing.facts });

    const { query, notUnderstood, problem, ofProblem, excludes, isSentence, readings, lacks } = parsed;
    expect({
      query: inPython(query),
      not_understood: notUnderstood,
      problem: problem && [problem, ofProblem, excludes],
      is_sentence: isSentence,
      ...(readings.length > 0 ? { readings: readings.map(inPython) } : {}),
      ...(lacks.length > 0 ? { lacks } : {}),
    }).toEqual(expected);
  });
});

describe("a conversation is answered as in Python", () => {
  test.each(talks.map(([language, answers]) => [language, answers[0]?.said, answers] as const))(
    "%s: %s …",
    async (language, _, answers) => {
      const phrases = await spokenPhrases.load(language);
      const conversation = new Conversation();

      for (const expected of answers) {
        const answer = await conversation.say(expected.said, phrases, hostOf(shop));
        expect({
          said: expected.said,
          text: answer.text,
          chips: answer.chips.map(({ id, kind, text, details }) => [id, kind, text, details]),
          question: answer.question?.options ?? null,
          items: answer.items.map(({ itemId }) => itemId),
        }).toEqual(expected);
      }
    },
  );
});

describe("a query shifts scores as in Python", () => {
  const sizes = readCatalogue(fieldsOf({ ...dislikes.sizes, tiers: dislikes.tiers }));
  const codes = ProductCodes.read(arraysOf(dislikes.codes), sizes, "codes");
  const columns = { ...shift, item_id: shift.title.map((_, row) => `item-${row}`) };

  test.each(shift.cases)("$query", async ({ query: given, expected, best }) => {
    const { application } = await shopOf(columns, [new Cosines(codes)]);
    const query = queryOf({
      must: given.must ?? [],
      similarTo: given.similar_to ?? [],
      unlike: given.unlike ?? [],
      prefer: given.prefer ?? [],
      mustNot: given.must_not ?? [],
    });
    const scores = Float32Array.from(shift.scores);

    const allowed = application.allowed(query);
    const hidden = { has: (row: number) => allowed[row] === 0 };

    const after = application.shifted(scores, query, hidden);

    for (const [row, score] of after.entries()) expect(score).toBeCloseTo(expected[row] as number, 3);
    expect(bestRows(after, 10, hidden)).toEqual(best);
    expect(Array.from(scores)).toEqual(Array.from(Float32Array.from(shift.scores)));
  });
});

describe("a conversation", () => {
  test("has one chip less after a removal, which can be undone", async () => {
    const phrases = await spokenPhrases.load("en");
    const conversation = new Conversation();
    const before = await conversation.say("no coffee, under 50", phrases, hostOf(shop));

    const was = conversation.remove(before.chips[0]?.id ?? "");
    const left = conversation.chips(shop.hearing);
    const undone = await conversation.say("undo", phrases, hostOf(shop));

    expect(was).toBe(true);
    expect(left).toEqual(before.chips.slice(1));
    expect(undone.chips).toEqual(before.chips);
    expect(conversation.remove("99")).toBe(false);
  });

  test("follows live prices", async () => {
    const live = new LiveFacts();
    const there = await shopOf(parse, [], live);
    live.set({ "item-23": { price: 0.5 } });
    const phrases = await spokenPhrases.load("en");

    const { items } = await new Conversation().say("under 1", phrases, hostOf(there));

    expect(items).toEqual([{ itemId: "item-23" }]);
  });

  test("tells sentences from words to search for", async () => {
    const phrases = await spokenPhrases.load("en");
    const conversation = new Conversation();

    expect(conversation.asks("cheaper", phrases, shop.hearing)).toBe(true);
    expect(conversation.asks("rose soap", phrases, shop.hearing)).toBe(false);
    expect(shop.hearing.isTitle("Aster Drift Dome Tent, red")).toBe(true);
    expect(shop.hearing.isTitle("tent")).toBe(false);
  });
});

test("a language without words is refused, and a browser's language without words is answered in English", async () => {
  await expect(spokenPhrases.load("xx")).rejects.toThrow("language must be one of de, en, es, fr, zh");
  expect(["de-AT", "zh", "xx-YY", ""].map(spokenPhrases.forTag)).toEqual(["de", "zh", "en", "en"]);
});

test("numbers are written as in Python, with the even one of two that are equally near", () => {
  expect([20, 29.9, 0.125, 0.375, 1.005, -3].map((n) => numberText(n))).toEqual([
    "20",
    "29.90",
    "0.12",
    "0.38",
    "1.00",
    "-3",
  ]);
  expect(numberText(29.9, ",")).toBe("29,90");
});
