/** List texts: what they may say is the same as in Python, and they are whole and allowed whatever the model does. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ListCase, linesOf } from "../src/runtime/listText/case";
import { listCase } from "../src/runtime/listText/cases";
import { certain } from "../src/runtime/listText/lines";
import { openings } from "../src/runtime/listText/openings";
import { prompt } from "../src/runtime/listText/prompt";
import { type Piece, writeText } from "../src/runtime/listText/writing";
import { type Writer, WriterError } from "../src/runtime/writer";
import { cases, explainerOf, listedOf } from "./goldenReasons";

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/list_texts.json"), "utf8")) as {
  readonly lists: {
    readonly file: string;
    readonly name: string;
    readonly taste: string[];
    readonly item_ids: string[];
    readonly lines: string[][];
    readonly prompt: string;
    readonly texts: string[];
  }[];
  readonly certain: { readonly rest: string[]; readonly certain: string }[];
};
/** Seeds of the texts in the file. */
const SEEDS = [0, 3];
const NEVER = new AbortController().signal;

async function textOf(pieces: AsyncIterable<Piece>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece.text;
  return text;
}

describe("list texts are the same as in Python", () => {
  test("every list of the reasons has one", () => {
    expect(golden.lists.map(({ file, name }) => `${file}: ${name}`).sort()).toEqual(
      cases.map(({ title }) => title).sort(),
    );
  });

  test.each(golden.lists)("$file: $name", async ({ file, name, ...expected }) => {
    const one = cases.find(({ title }) => title === `${file}: ${name}`);
    if (one === undefined) throw new Error("no such list");
    const [items, explainer] = await explainerOf(one.catalogue);

    const about = listCase(items, await explainer.about(listedOf(one), one, one.language));

    expect(about.taste).toEqual(expected.taste);
    expect(about.entries.map(({ itemId }) => itemId)).toEqual(expected.item_ids);
    expect(linesOf(about)).toEqual(expected.lines);
    expect(prompt(about)).toBe(expected.prompt);
    for (const [index, seed] of SEEDS.entries()) {
      expect(await textOf(writeText(about, null, seed, NEVER))).toBe(expected.texts[index]);
    }
  });

  test.each(golden.certain)("what is certain of $rest", ({ rest, certain: expected }) => {
    expect(certain(rest)).toBe(expected);
  });
});

describe("openings", () => {
  test("name the values and fill nothing else", () => {
    expect(openings(["“{b}”", "“Soap”"], "en")[0]).toBe("You keep coming back to “{b}” and “Soap”. What fits:");
  });

  test("are refused in an unknown language", () => {
    expect(() => openings([], "tlh")).toThrow("language must be one of en, de, fr, es, zh");
  });
});

const CASE: ListCase = {
  openings: ["You keep coming back to “Aster”. What fits:", "Here is a list for you:"],
  entries: [
    { itemId: "a", name: "“Rose Soap”", reasons: ["Same maker as your cream", "Also by Aster"], isOptional: true },
    { itemId: "b", name: "“Mint”", reasons: ["Often taken after your tea"], isOptional: true },
    { itemId: "c", name: "“Box”", reasons: [], isOptional: false },
  ],
  taste: ["Aster"],
  style: "short",
};
const LINES = linesOf(CASE);
const WHOLE = "Here is a list for you:\n1. “Rose Soap” – Also by Aster\n2. “Mint”\n3. “Box”\n";

/** Chooses what leads to `text`, or does what `answer` says. */
class Scripted implements Pick<Writer, "write"> {
  readonly asked: { prompt: string; choices: readonly string[]; seed: number; isList: boolean }[] = [];

  constructor(
    private readonly text: string,
    private readonly answer: (nAsked: number, choices: readonly string[]) => string | null = () => null,
  ) {}

  async write(asked: string, choices: readonly string[], seed: number, _stop: AbortSignal, isList = false) {
    this.asked.push({ prompt: asked, choices, seed, isList });
    const begun = asked.slice(prompt(CASE).length);
    const fitting = choices.find((choice) => this.text.startsWith(begun + choice)) ?? "";
    return this.answer(this.asked.length, choices) ?? fitting;
  }
}

function isAllowed(text: string): boolean {
  const found = text.split(/(?<=\n)/);
  return found.length === LINES.length && found.every((line, index) => LINES[index]?.includes(line));
}

describe("with a language model", () => {
  test("only decisions are asked for, each after all that is certain", async () => {
    const writer = new Scripted(WHOLE);

    const pieces: Piece[] = [];
    for await (const piece of writeText(CASE, writer, 7, NEVER)) pieces.push(piece);

    expect(pieces.map(({ text }) => text).join("")).toBe(WHOLE);
    expect(new Set(pieces.map(({ source }) => source))).toEqual(new Set(["language model"]));
    expect(pieces.map(({ itemId }) => itemId)).toEqual([null, "a", "a", "b", "b", "c"]);
    expect(writer.asked.map(({ prompt: asked }) => asked.slice(prompt(CASE).length))).toEqual([
      "",
      "Here is a list for you:\n1. “Rose Soap”",
      "Here is a list for you:\n1. “Rose Soap” – Also by Aster\n2. “Mint”",
    ]);
    expect(writer.asked.map(({ seed }) => seed)).toEqual([7, 8, 9]);
    expect(writer.asked.every(({ isList }) => isList)).toBe(true);
  });

  test.each(["It cures baldness.\n", "1. “Rose Soap”\n", "Here is a list for you:\n2. “Mint”\n", ""])(
    "what the facts do not allow is never passed on: %s",
    async (lie) => {
      const writer = new Scripted(WHOLE, (nAsked) => (nAsked === 1 ? lie : null));

      expect(isAllowed(await textOf(writeText(CASE, writer, 0, NEVER)))).toBe(true);
    },
  );

  test.each([1, 2, 3])("the template completes a text whose decision %i fails", async (n) => {
    const writer = new Scripted(WHOLE, (nAsked) => {
      if (nAsked === n) throw new WriterError("it crashed");
      return null;
    });

    const pieces: Piece[] = [];
    for await (const piece of writeText(CASE, writer, 1, NEVER)) pieces.push(piece);

    expect(isAllowed(pieces.map(({ text }) => text).join(""))).toBe(true);
    expect(pieces.at(-1)).toMatchObject({ source: "template", note: "it crashed" });
    expect(writer.asked.length).toBe(n);
  });

  test("nothing follows after it was stopped", async () => {
    const stop = new AbortController();
    const pieces: string[] = [];

    for await (const { text } of writeText(CASE, new Scripted(WHOLE), 0, stop.signal)) {
      pieces.push(text);
      if (pieces.length === 2) stop.abort();
    }

    expect(pieces.join("")).toBe("Here is a list for you:\n1. “Rose Soap”");
  });

  test("a fault of the page is no fault of the model", async () => {
    const writer = new Scripted(WHOLE, () => {
      throw new TypeError("a mistake");
    });

    await expect(textOf(writeText(CASE, writer, 0, NEVER))).rejects.toThrow("a mistake");
  });
});
