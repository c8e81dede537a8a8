import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Items } from "../src/runtime/items";
import { FactFinder } from "../src/runtime/reasons/facts";
import { grammar } from "../src/runtime/reasons/grammar";
import { marked } from "../src/runtime/reasons/marked";
import { prompt } from "../src/runtime/reasons/prompt";
import { clean, quoted } from "../src/runtime/reasons/quoting";
import { sentences, template, worthOffering } from "../src/runtime/reasons/sentences";
import type { Style } from "../src/runtime/reasons/words";

interface Catalogue {
  readonly item_id: string[];
  readonly popularity: number[];
}

interface Case {
  readonly name: string;
  readonly catalogue: string;
  readonly row: number;
  readonly history: number[];
  readonly style: Style;
  readonly expected: {
    readonly facts: { kind: string; field: string; value: string; history_row: number | null }[];
    readonly prompt: string;
    readonly sentences: string[];
    readonly template: string;
    readonly template_facts: number[];
    readonly grammar: string | null;
  };
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/reasons.json"), "utf8")) as {
  catalogues: Record<string, Catalogue>;
  cases: Case[];
};

async function itemsOf(catalogue: Catalogue): Promise<Items> {
  return Items.read(new Uint8Array(deflateSync(JSON.stringify(catalogue))), catalogue.item_id.length);
}

describe("reasons are the same as in Python", () => {
  test.each(golden.cases)("$name", async ({ catalogue: name, row, history, style, expected }) => {
    const catalogue = golden.catalogues[name] as Catalogue;
    const items = await itemsOf(catalogue);

    const facts = new FactFinder(items, Uint8Array.from(catalogue.popularity)).facts(row, history);
    const allowed = sentences(items, row, facts, style);
    const said = template(items, row, facts, style);

    expect(facts.map(({ historyRow, ...fact }) => ({ ...fact, history_row: historyRow }))).toEqual(expected.facts);
    expect(prompt(items, row, facts, style)).toBe(expected.prompt);
    expect(allowed.map(({ text }) => text)).toEqual(expected.sentences);
    expect(said.text).toBe(expected.template);
    expect(said.cited.map((fact) => facts.indexOf(fact))).toEqual(expected.template_facts);
    if (expected.grammar !== null) expect(grammar(allowed.map(({ text }) => text))).toBe(expected.grammar);
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

  test("only a plain amount has no quotation marks", () => {
    expect(["1999", "$12.99", "50 %"].map(quoted)).toEqual(["1999", "$12.99", "50 %"]);
    expect(["Aster", "4.50, and it is free"].map(quoted)).toEqual(["“Aster”", "“4.50, and it is free”"]);
  });
});

test("a small writer chooses among sentences about the two best facts", async () => {
  const {
    catalogue: name,
    row,
    history,
  } = golden.cases.find(
    ({ style, expected }) => style === "short" && expected.facts.filter(({ kind }) => kind === "shared").length > 2,
  ) as Case;
  const catalogue = golden.catalogues[name] as Catalogue;
  const items = await itemsOf(catalogue);
  const facts = new FactFinder(items, Uint8Array.from(catalogue.popularity)).facts(row, history);
  const allowed = sentences(items, row, facts, "short");

  const offered = worthOffering(allowed, facts);

  expect(offered.length).toBeGreaterThan(0);
  expect(offered.length).toBeLessThan(allowed.length);
  expect(offered.every(({ cited }) => facts.slice(0, 2).includes(cited[0] as (typeof facts)[number]))).toBe(true);
});

describe("a marked sentence", () => {
  test.each(golden.cases)(
    "is the sentence, cut into pieces: $name",
    async ({ catalogue: name, row, history, style }) => {
      const catalogue = golden.catalogues[name] as Catalogue;
      const items = await itemsOf(catalogue);
      const facts = new FactFinder(items, Uint8Array.from(catalogue.popularity)).facts(row, history);

      for (const sentence of sentences(items, row, facts, style)) {
        const pieces = marked(sentence, items);

        expect(pieces.map(({ text }) => text).join("")).toBe(sentence.text);
        expect(pieces.some(({ fact }) => fact)).toBe(sentence.cited.length > 0);
      }
    },
  );
});
