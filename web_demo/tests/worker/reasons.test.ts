import { describe, expect, test } from "vitest";
import type { HistoryEvent } from "../../src/runtime/events";
import type { Items } from "../../src/runtime/items";
import { MemoryHistory } from "../../src/runtime/memoryHistory";
import { Explainer } from "../../src/runtime/reasons/explainer";
import { addChoice, mostFrequent, readChoices } from "../../src/runtime/reasons/preference";
import type { Tone } from "../../src/runtime/reasons/words";
import type { CardReason } from "../../src/worker/protocol";
import { Reasons, type ShownList } from "../../src/worker/reasons";
import type { RewordRequest } from "../../src/worker/reasonWriter";

const TITLES = ["Red mug", "Blue mug", "Oak tray", "Elm tray"];
const MAKERS = [0, 0, 1, 1];
const ITEMS = {
  ids: ["a", "b", "c", "d"],
  titles: TITLES,
  rowOf: (id: string) => ["a", "b", "c", "d"].indexOf(id),
  factFields: () => [["brand", { values: ["Aster", "Birch"], rows: MAKERS.map((index) => [index]) }]],
} as unknown as Items;

/** Scores an item by how many events of its maker the history has. */
const score = async (part: readonly number[]) =>
  Float32Array.from(MAKERS, (maker) => part.filter((row) => MAKERS[row] === maker).length);

function listOf(rows: readonly number[], sequence: readonly number[], version = 1): ShownList {
  const explainer = new Explainer(ITEMS, new Uint8Array(4), null, score);
  const recommender = { items: ITEMS, explainer: async () => explainer, newest: (all: readonly number[]) => all };
  const events = sequence.map((row): HistoryEvent => {
    return { id: row, itemId: ITEMS.ids[row] ?? "", event: "like", at: row, title: null };
  });
  return { recommender, rows, sequence, events, version };
}

function setUp(written: ReadonlyMap<string, string> = new Map(), language = "en-GB") {
  const shown: { version: number; reasons: ReadonlyMap<number, CardReason> }[] = [];
  const requests: RewordRequest[] = [];
  const history = new MemoryHistory([], new Map());
  const remembered = new Map(written);
  const host = {
    writer: {
      remembered: (prompt: string) => remembered.get(prompt),
      reword: async (some: readonly RewordRequest[]) => void requests.splice(0, requests.length, ...some),
    },
    history: Object.assign(history, { clears: 0 }),
    inTurn: <T>(work: () => Promise<T>) => work(),
    show: ({ version }: ShownList, reasons: ReadonlyMap<number, CardReason>) => void shown.push({ version, reasons }),
  };
  const textsOf = (at: number) =>
    [...(shown.at(at)?.reasons.values() ?? [])].map(({ pieces }) => pieces.map(({ text }) => text).join(""));
  return { host, reasons: new Reasons(host, language), shown, requests, remembered, textsOf };
}

describe("the reasons of a list", () => {
  test("cite the choice on which an item's score rests", async () => {
    const { reasons, textsOf } = setUp();

    await reasons.explain(listOf([1, 3], [0, 2]));

    expect(textsOf(0)).toHaveLength(2);
    expect(textsOf(0)[0]).toContain("“Red mug”");
    expect(textsOf(0)[1]).toContain("“Oak tray”");
  });

  test("no longer cite a choice that was removed", async () => {
    const { reasons, textsOf } = setUp();

    await reasons.explain(listOf([1, 3], [0, 2]));
    await reasons.explain(listOf([1, 3], [2], 2));

    expect(textsOf(-1).join()).not.toContain("Red mug");
  });

  test("are not shown for a list that was replaced while its evidence was computed", async () => {
    const { host, shown } = setUp();
    let isFirst = true;
    const reasons: Reasons = new Reasons(
      {
        ...host,
        inTurn: async (work) => {
          const newer = isFirst ? reasons.explain(listOf([3], [2], 2)) : null;
          isFirst = false;
          await newer;
          return work();
        },
      },
      "en",
    );

    await reasons.explain(listOf([1], [0, 2], 1));

    expect(shown.map(({ version }) => version)).toEqual([2]);
  });

  test("are worded by the language model, and a card below takes another wording if it has the same", async () => {
    const { reasons, shown, requests, remembered, textsOf } = setUp();
    await reasons.explain(listOf([1, 3], [0, 2]));
    const { row, question } = requests[0] ?? never();
    const { prompt, choices } = question() ?? never();
    const skeletonOf = (text: string) => text.replace("Aster", "Birch").replace("“Red mug”", "“Oak tray”");
    const likeBelow = choices.find((text) => skeletonOf(text) === textsOf(0)[1]) ?? never();

    remembered.set(prompt, likeBelow);
    reasons.reword(row, prompt);

    expect(textsOf(-1)[0]).toBe(likeBelow);
    expect(shown.at(-1)?.reasons.get(row)?.by).toBe("language model");
    expect(skeletonOf(likeBelow)).not.toBe(textsOf(-1)[1]);
    expect(requests[1]?.question()?.choices).not.toContain(skeletonOf(likeBelow));
    reasons.reword(row, "another prompt");
    expect(shown).toHaveLength(2);
  });

  test("say what else speaks for an item, or that nothing can be said", async () => {
    const { reasons } = setUp();
    await reasons.explain(listOf([1], [0, 2, 0]));

    expect(reasons.why(1)).toMatchObject({ nothing: null, language: "en", manner: { style: "short", tone: "casual" } });
    expect(reasons.why(1)?.others).toEqual([]); // of the only choice on which it rests, all is said
    await reasons.explain(listOf([3], [0, 1]));
    expect(reasons.why(3)).toMatchObject({ nothing: "Picked on this device from the whole catalogue", others: [] });
  });
});

describe("the manner of reasons", () => {
  test("changes at once, and counts as a choice of what was changed", async () => {
    const { host, reasons, textsOf } = setUp();
    await reasons.explain(listOf([1], [0]));

    await reasons.choose({ style: "short", tone: "formal" });

    expect(textsOf(-1)).not.toEqual(textsOf(0));
    expect(await readChoices(host.history)).toEqual({ styles: [], tones: ["formal"] });
  });

  test("is what was chosen most often when the page is opened again, of equally frequent ones the newest", async () => {
    const { host } = setUp();
    const usual = async (...chosen: Tone[]) => {
      for (const tone of chosen) await addChoice(host.history, null, tone);
      return mostFrequent((await readChoices(host.history)).tones);
    };

    expect(await usual()).toBeNull();
    expect(await usual("formal", "casual")).toBe("casual");
    expect(await usual("formal")).toBe("formal");
    expect(await usual(...Array<Tone>(9).fill("casual"))).toBe("casual");
    expect((await readChoices(host.history)).tones).toHaveLength(10);
  });

  test.each(["loud", '{"styles": ["rude"]}', '{"tones": 3}'])("is the default if %j is stored", async (stored) => {
    const history = new MemoryHistory([], new Map([["reasons.choices", stored]]));

    expect(await readChoices(history)).toEqual({ styles: [], tones: [] });
  });

  test("is not stored if the history is cleared meanwhile", async () => {
    const { host } = setUp();
    const storing = addChoice(host.history, "detailed", "formal");
    host.history.clears++;

    await storing;

    expect(await host.history.setting("reasons.choices")).toBeNull();
  });
});

function never(): never {
  throw new Error("nothing was asked of the language model");
}
