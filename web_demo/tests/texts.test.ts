import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { learningText } from "../src/app/learningText";
import { day, milliseconds, minute } from "../src/app/partTexts";
import { receiptText, termsText } from "../src/app/roundsText";
import {
  bytes,
  fill,
  LANGUAGES,
  language,
  listed,
  loadParts,
  pageLanguage,
  parts,
  plural,
  speak,
  t,
} from "../src/app/texts";
import { spaced } from "../src/app/writing";

const FOLDER = join(import.meta.dirname, "../src/app/texts");
const OTHERS = ["de", "fr", "es", "zh"];
/** Numbers that a page of this kind may show. */
const NUMBERS = [...Array(200).keys(), 1000, 1_000_000];

type Tree = { readonly [key: string]: string | Tree };

function read(folder: string, name: string): Tree {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
}

function isPlural(tree: string | Tree): tree is Tree {
  return typeof tree !== "string" && "other" in tree;
}

/** Each text by its path, with its forms; a text without forms has one. */
function textsOf(tree: Tree, path = ""): [path: string, forms: Tree][] {
  return Object.entries(tree).flatMap(([key, value]): [string, Tree][] => {
    if (typeof value === "string") return [[`${path}.${key}`, { text: value }]];
    return isPlural(value) ? [[`${path}.${key}`, value]] : textsOf(value, `${path}.${key}`);
  });
}

function placesIn(forms: Tree): string[] {
  return [...new Set(Object.values(forms).flatMap((form) => String(form).match(/\{\w+\}/g) ?? []))].sort();
}

beforeEach(() => speak("en"));
afterEach(() => speak("en"));

describe.each([
  ["the page", FOLDER],
  ["its parts", join(FOLDER, "parts")],
])("the texts of %s", (_what, folder) => {
  const english = textsOf(read(folder, "en"));

  test("are in all languages", () => {
    const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(["en", ...OTHERS].map((name) => `${name}.json`).sort());
  });

  test.each(OTHERS)("are the same in %s, with the same values", (name) => {
    const own = textsOf(read(folder, name));
    expect(own.map(([path]) => path)).toEqual(english.map(([path]) => path));
    for (const [index, [path, forms]] of own.entries()) {
      const places = placesIn(english[index]?.[1] ?? {});
      // Whether a number is in the text may depend on the form: "your newest choice".
      expect([path, placesIn(forms)]).toEqual([path, places]);
    }
  });

  test.each(["en", ...OTHERS])("have in %s the form of every number", (name) => {
    const rules = new Intl.PluralRules(String(read(FOLDER, name)["locale"]));
    const needed = [...new Set(NUMBERS.slice(0, -1).map((n) => rules.select(n)))].sort();
    for (const [path, forms] of textsOf(read(folder, name))) {
      if (isPlural(forms)) expect([path, Object.keys(forms).sort()]).toEqual([path, needed]);
    }
  });

  test.each(["en", ...OTHERS])("are not empty in %s, and have no blank at an end", (name) => {
    for (const [path, forms] of textsOf(read(folder, name)))
      for (const form of Object.values(forms))
        expect([path, form]).toEqual([path, expect.stringMatching(/^\S(.*\S)?$/)]);
  });
});

describe("the language of the page", () => {
  test.each([
    [["de-AT", "en"], "de"],
    [["zh-TW"], "zh"],
    [["ja", "es-MX", "fr"], "es"],
    [["ja"], "en"],
    [[], "en"],
  ])("for a browser with %j is %s", (tags, expected) => {
    expect(pageLanguage(tags)).toBe(expected);
  });

  test("is one of those that reasons are given in and sentences understood in", () => {
    for (const folder of ["reasons/phrases", "conversation/words"]) {
      const files = readdirSync(join(import.meta.dirname, "../../edge_runtime", folder));
      const languages = files.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, 2));
      expect([...LANGUAGES].sort()).toEqual(languages.sort());
    }
  });

  test("changes all texts, those of parts too", async () => {
    await loadParts();
    await speak("de");
    expect([language(), t.history.title, parts.technical.updates]).toEqual(["de", "Dein Verlauf", "Aktualisierungen"]);
  });

  test("is the last one of several that are asked for at once", async () => {
    await Promise.all([speak("de"), speak("fr"), speak("es")]);
    expect([language(), t.history.title]).toEqual(["es", "Tu historial"]);
  });
});

describe("texts of parts that cannot be loaded", () => {
  afterEach(() => vi.doUnmock("../src/app/texts/parts/de.json"));

  test("are the English ones, all of them, with numbers as in English", async () => {
    vi.resetModules();
    vi.doMock("../src/app/texts/parts/de.json", () => Promise.reject(new Error("not loaded")));
    const page = await import("../src/app/texts");
    const below = await import("../src/app/partTexts");
    await page.speak("de");
    await page.loadParts();

    expect([page.t.history.title, page.bytes(1500)]).toEqual(["Dein Verlauf", "1,5 kB"]);
    expect([below.parts.technical.updates, below.bytes(1500)]).toEqual(["Updates", "1.5 kB"]);
    expect(below.plural(below.parts.data.choices, 0)).toBe("0 choices");
  });

  test("replace those of the language before, and are replaced by those of the next one", async () => {
    vi.resetModules();
    vi.doMock("../src/app/texts/parts/de.json", () => Promise.reject(new Error("not loaded")));
    const page = await import("../src/app/texts");
    const below = await import("../src/app/partTexts");
    await page.speak("fr");
    await page.loadParts();
    const french = below.plural(below.parts.data.settings, 0);
    await page.speak("de");
    const english = below.plural(below.parts.data.settings, 0);
    await page.speak("fr");

    expect([french, english]).toEqual(["0 réglage", "0 settings"]);
    expect(below.plural(below.parts.data.settings, 0)).toBe(french);
  });
});

describe("numbers, units, dates and lists are written as usual", () => {
  beforeEach(loadParts);
  const written = () =>
    [
      bytes(1),
      bytes(574),
      bytes(1500),
      bytes(251_000),
      bytes(12_345_678),
      milliseconds(1.5),
      milliseconds(12),
      day(0),
      minute(0),
      listed(["a", "b", "c"]),
      plural(t.search.found, 12_345),
    ].map((text) => text.replace(/[\u00a0\u202f]/g, " "));

  test("in English", () => {
    expect(written()).toEqual([
      "1 byte",
      "574 bytes",
      "1.5 kB",
      "251 kB",
      "12.3 MB",
      "1.50 ms",
      "12 ms",
      "1 Jan 1970",
      "1 Jan 1970, 00:00 UTC",
      "a, b and c",
      "12,345 found",
    ]);
  });

  test("in German", async () => {
    await speak("de");
    expect(written()).toEqual([
      "1 Byte",
      "574 Byte",
      "1,5 kB",
      "251 kB",
      "12,3 MB",
      "1,50 ms",
      "12 ms",
      "01.01.1970",
      "01.01.1970, 00:00 UTC",
      "a, b und c",
      "12.345 Treffer",
    ]);
  });
});

test.each([
  ["Not kept:", "Not kept: "],
  ["没有保留：", "没有保留："],
  ["", ""],
])("before another text %j is %j", (text, expected) => {
  expect(spaced(text)).toBe(expected);
});

test("a value that is missing leaves its place, and braces in a value are kept", () => {
  expect(fill("{a} and {b}", { a: "{b}" })).toBe("{b} and {b}");
});

test("the usual reasons of engines are those that the runtime gives", async () => {
  await loadParts();
  const source = readFileSync(join(import.meta.dirname, "../src/runtime/candidates.ts"), "utf8");
  for (const reason of Object.keys(parts.technical.reasons))
    expect(source).toContain(reason.replace("{n}", "$" + "{first}"));
});

describe("learning is told in words", () => {
  beforeEach(loadParts);
  const status = { used: true, nEvents: 30, nUpdates: 3, nAllUpdates: 6 };
  const decision = { helps: true, nTried: 9, gain: Math.log(2.54), error: 0, rankGain: 0 };

  test.each([
    [
      { state: "few events", used: false, nEvents: 7, decision: null },
      "Training begins with 20 choices; there are 7 so far.",
    ],
    [{ state: "off", decision }, "It is switched off: the list is made by the common model alone."],
    [
      { state: "helps", decision },
      "It is in use. Tried on your 9 newest choices, which it had not seen: 2.5 times as likely as by the common model alone.",
    ],
    [
      { state: "helps", decision: { ...decision, gain: Math.log(1.124) } },
      "It is in use. Tried on your 9 newest choices, which it had not seen: 12 % more likely than by the common model alone.",
    ],
    [
      { state: "does not help", used: false, decision: { ...decision, helps: false, gain: -1 } },
      "It is not in use. Tried on your 9 newest choices, which it had not seen: no more likely than by the common model alone.",
    ],
    [{ state: "learning", decision: null }, "It is being trained: 3 of 6 steps are done."],
  ] as const)("%o", (one, expected) => {
    expect(learningText({ ...status, ...one })).toBe(expected);
  });
});

describe("a round is told in words", () => {
  beforeEach(loadParts);
  const terms = {
    name: "shop",
    steps: 5,
    clip: 0.5,
    sigma: 2,
    deadline: 0,
    operator: "https://shop.example",
    nEvents: 30,
    numbers: 1024,
    bytes: 4200,
    learns: { participations: 1, periodDays: 30, operator: 7, readers: 1.234, delta: 1e-6 },
    before: 0,
    epsilon: 7,
    limit: { epsilon: 8, delta: 1e-6, days: 365 },
  };

  test("before anything is sent", () => {
    const [open, trains, sends, learns, account] = termsText(terms);
    expect(open).toBe("This round of “shop” is open until 1 Jan 1970, 00:00 UTC.");
    expect(trains).toContain("on your 30 choices, in 5 steps");
    expect(trains).toContain("random noise to each of its 1,024 numbers (standard deviation 2)");
    expect(sends).toContain("It sends 4,200 bytes once to https://shop.example");
    expect(learns).toContain("at most epsilon 7 about your history in 1 round within 30 days");
    expect(account).toBe("Own account: 0 rounds in the last 365 days, with this one epsilon 7; the limit is 8.");
  });

  test("without noise it says that everything may be learned", () => {
    const texts = termsText({ ...terms, sigma: 0, learns: { ...terms.learns, operator: Number.POSITIVE_INFINITY } });
    expect(texts.join(" ")).toContain("It adds NO noise.");
    expect(texts.join(" ")).toContain("may learn everything about your history");
  });

  test("by a receipt afterwards", () => {
    const receipt = {
      round: "abc",
      time: 0,
      operator: "https://shop.example",
      outcome: "counted",
      digest: "",
    } as const;
    expect(receiptText(receipt)).toBe("Round abc, 1 Jan 1970, 00:00 UTC, for https://shop.example: sent and counted.");
  });
});
