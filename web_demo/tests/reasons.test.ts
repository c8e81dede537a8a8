import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findEvidence } from "../src/runtime/reasons/evidence";
import type { Fact } from "../src/runtime/reasons/facts";
import { grammar } from "../src/runtime/reasons/grammar";
import { phrasebooks } from "../src/runtime/reasons/phrasebook";
import { prompt } from "../src/runtime/reasons/prompt";
import { clean, isAmount } from "../src/runtime/reasons/quoting";
import type { Wording } from "../src/runtime/reasons/wordings";
import { cases, explainerOf, type GoldenFact, type GoldenReason, listedOf } from "./goldenReasons";

const factOf = ({ historyRow, ...fact }: Fact): GoldenFact => ({ ...fact, history_row: historyRow });
const reasonOf = ({ text, facts }: Wording): GoldenReason => ({ text, facts: facts.map(factOf) });

describe("reasons are the same as in Python", () => {
  test.each(cases)("$title", async ({ catalogue, expected, ...one }) => {
    const [items, explainer] = await explainerOf(catalogue);
    const listed = listedOf({ ...one, expected });

    const explanation = await explainer.about(listed, one, one.language);
    const { names, claims, speaker } = explanation;
    const first = claims.find((some) => some.length > 0)?.[0];
    const wordings = first === undefined ? [] : speaker.wordings(first);

    expect(Object.fromEntries([...names].map(([row, { text, isTitle }]) => [row, [text, isTitle]]))).toEqual(
      expected.names,
    );
    expect(
      claims.map((some) =>
        some.map(({ fact, cost, seconds }) => ({ fact: factOf(fact), cost, seconds: seconds.map(factOf) })),
      ),
    ).toEqual(expected.claims);
    expect(wordings.map(({ text, skeleton }) => [text, skeleton])).toEqual(expected.wordings);
    const asked = wordings[0] && prompt(items, one.rows[0] ?? 0, wordings[0].facts, speaker);
    expect(asked ?? null).toEqual(expected.prompt);
    expect(explanation.all().map((said) => said && reasonOf(said.wording))).toEqual(expected.reasons);
  });

  test.each(cases)(
    "the first one alone, or that nothing can be said: $title",
    async ({ catalogue, expected, ...one }) => {
      const [, explainer] = await explainerOf(catalogue);
      const { rows, evidence, events } = listedOf({ ...one, expected });
      const alone = { rows: rows.slice(0, 1), evidence: { ...evidence, drops: evidence.drops.slice(0, 1) }, events };

      const explanation = await explainer.about(alone, one, one.language);
      const [said] = explanation.all();

      const nothing = { text: explanation.nothing(rows[0] ?? 0), facts: [] };
      expect(said == null ? nothing : reasonOf(said.wording)).toEqual(expected.first_alone);
    },
  );
});

describe("a sentence in pieces", () => {
  test.each(cases)("is the sentence: $title", async ({ catalogue, expected, ...one }) => {
    const [, explainer] = await explainerOf(catalogue);

    const explanation = await explainer.about(listedOf({ ...one, expected }), one, one.language);

    for (const said of explanation.all()) {
      if (said === null) continue;
      const { text, pieces, facts } = said.wording;
      expect(pieces.map((piece) => piece.text).join("")).toBe(text);
      expect(pieces.some(({ fact }) => fact)).toBe(facts.some(({ kind }) => kind !== "popular"));
    }
  });
});

describe("what else speaks for an item", () => {
  test("repeats neither the reason nor a wording", async () => {
    const { catalogue, ...one } = cases.find(({ title }) => title.startsWith("shop-list")) ?? cases[0] ?? never();
    const [, explainer] = await explainerOf(catalogue);
    const explanation = await explainer.about(listedOf(one), one, one.language);
    const said = explanation.all();

    const others = one.rows.map((row, index) => explanation.others(row, said[index]?.wording ?? null, 4));

    expect(Math.max(...others.map(({ length }) => length))).toBeGreaterThan(1);
    for (const [index, some] of others.entries()) {
      const facts = [...(said[index]?.wording.facts ?? []), ...some.flatMap((wording) => wording.facts)].map(factOf);
      expect(new Set(facts.map((fact) => JSON.stringify(fact))).size).toBe(facts.length);
      expect(new Set(some.map(({ skeleton }) => skeleton)).size).toBe(some.length);
    }
  });
});

describe("evidence", () => {
  const sum = async (sequence: readonly number[]) => Float32Array.from([0.5, 0.25], (base) => base * sequence.length);

  test("is by how much the score falls without all occurrences of an item, newest first", async () => {
    expect(await findEvidence([5, 7, 5], [0, 1], sum)).toEqual({
      pasts: [5, 7],
      older: [],
      drops: [
        [1000, 500],
        [500, 250],
      ],
    });
  });

  test("costs one pass for each item that may be cited, and one more", async () => {
    const sequence = Array.from({ length: 20 }, (_, index) => index);
    let passes = 0;

    const evidence = await findEvidence(sequence, [0], async (part) => {
      passes++;
      return sum(part);
    });

    expect(passes).toBe(17);
    expect(evidence.pasts).toHaveLength(16);
    expect(evidence.older).toEqual([3, 2, 1, 0]);
  });

  test("of one event is that event, and of none or without scores is nothing", async () => {
    const nothing = { pasts: [], older: [], drops: [[]] };
    expect(await findEvidence([3], [0], sum)).toEqual({ pasts: [3], older: [], drops: [[1]] });
    expect(await findEvidence([], [0], sum)).toEqual(nothing);
    expect(await findEvidence([3, 4], [0], async () => null)).toEqual(nothing);
  });
});

describe("the language of reasons", () => {
  test("is the browser's where there are phrases in it, and English elsewhere", () => {
    expect(["en-GB", "de-AT", "ZH", "xx", "tlh-Latn", ""].map(phrasebooks.forTag)).toEqual([
      "en",
      "de",
      "zh",
      "en",
      "en",
      "en",
    ]);
  });

  test("is refused by name if there are no phrases", async () => {
    await expect(phrasebooks.load("xx")).rejects.toThrow('language must be one of de, en, es, fr, zh, got "xx"');
  });
});

const cleaning = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/quoting.json"), "utf8")) as {
  cases: { name: string; text: string; clean: string }[];
};

describe("text from a catalogue is cleaned as Python cleans it", () => {
  test.each(cleaning.cases)("$name", ({ text, clean: shown }) => {
    expect(clean(text)).toBe(shown);
  });

  test("a lone surrogate is replaced by a space", () => {
    expect(clean("lone \ud800 half")).toBe("lone half");
  });

  test("a number, price or date is a plain amount", () => {
    expect(["1999", "$12.99", "50 %"].map(isAmount)).toEqual([true, true, true]);
    expect(["Aster", "4.50, and it is free"].map(isAmount)).toEqual([false, false]);
  });
});

test("a grammar accepts sentences with a common beginning by one branch", () => {
  expect(grammar(["Same maker", "Same kind", "“Aster”"])).toBe(
    'root ::= ("Same " ("kind" | "maker") | "\\U0000201CAster\\U0000201D")\n',
  );
});

function never(): never {
  throw new Error("there are no golden cases");
}
