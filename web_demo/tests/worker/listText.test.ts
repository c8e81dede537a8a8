/** The list as one text in its place on the page: it grows, ends when anything else begins, and says what wrote it. */

import { describe, expect, test } from "vitest";
import { LIST_LAYOUT } from "../../src/runtime/constants";
import { LanguageModel, type Llama } from "../../src/runtime/language";
import type { Writer } from "../../src/runtime/writer";
import { writeList } from "../../src/worker/listText";
import type { ListTextView } from "../../src/worker/protocol";
import type { InWords, Reasons } from "../../src/worker/reasons";
import { cases, explainerOf, listedOf } from "../goldenReasons";
import { bundleOf } from "./fakes";

async function setUp(writer: Pick<Writer, "write"> | null, title = "articles.json: a list") {
  const one = cases.find((each) => each.title === title);
  if (one === undefined) throw new Error("no such list");
  const [items, explainer] = await explainerOf(one.catalogue);
  const explanation = await explainer.about(listedOf(one), one, one.language);
  const stop = new AbortController();
  const views: (ListTextView | null)[] = [];
  let resumed = 0;
  const reasons = {
    inWords: { list: { recommender: { items }, version: 3 }, explanation } as unknown as InWords,
    resume: () => void resumed++,
  } satisfies Pick<Reasons, "inWords" | "resume">;
  const run = (on: boolean) =>
    writeList(
      on,
      reasons,
      { take: () => ({ writer: writer as Writer | null, stop: stop.signal }) },
      (_, value) => void views.push(value as ListTextView | null),
    );
  return { run, stop, views, reasons, resumed: () => resumed };
}

const first = { write: async (_: string, choices: readonly string[]) => choices[0] ?? "" };

describe("the text of the list", () => {
  test("grows line by line, and rewording goes on when it is whole", async () => {
    const { run, views, resumed } = await setUp(first);

    await run(true);

    const last = views.at(-1);
    expect(views[0]).toBeNull();
    expect(views[1]).toMatchObject({ version: 3, lines: [], begun: "", of: 5, isWriting: true });
    expect(last).toMatchObject({ isWriting: false, begun: "", by: ["language model"], language: "en" });
    expect(last?.lines.length).toBe(5);
    expect(last?.lines[1]).toMatch(/^1\. “Rates rise again” – /);
    expect(resumed()).toBe(1);
  });

  test("is deleted when anything else begins, and leaves rewording to that", async () => {
    let asked = 0;
    const shown = await setUp({
      write: async (_, choices) => {
        if (++asked === 2) shown.stop.abort();
        return choices[0] ?? "";
      },
    });

    await shown.run(true);

    expect(asked).toBe(2);
    expect(shown.views.at(-1)).toBeNull();
    expect(shown.resumed()).toBe(0);
  });

  test("is deleted by a second click, after which rewording goes on", async () => {
    const { run, views, resumed } = await setUp(first);

    await run(false);

    expect(views).toEqual([null]);
    expect(resumed()).toBe(1);
  });

  test("is none where nothing is known of the list", async () => {
    const { run, views, reasons } = await setUp(first);
    reasons.inWords = null as unknown as InWords;

    await run(true);

    expect(views).toEqual([null]);
  });

  test("comes from the template in languages that the model has not learned, and says so", async () => {
    const title = cases.find(({ title, rows }) => title.endsWith(", zh") && rows.length > 1)?.title ?? "";
    const { run, views } = await setUp(
      {
        write: async () => {
          throw new Error("asked");
        },
      },
      title,
    );

    await run(true);

    expect(views.at(-1)).toMatchObject({ by: ["template"], language: "zh", isWriting: false });
  });
});

describe("the adapter of list texts", () => {
  const WASM = new Uint8Array(8);
  const never = new AbortController().signal;

  function llama(fits: boolean) {
    const [loads, asked, exits] = [[] as unknown[][], [] as Record<string, unknown>[], [] as number[]];
    const open = async (): Promise<Llama> => ({
      loadModel: async (blobs, options) => {
        loads.push([(blobs as Blob[]).length, options?.lora_adapters]);
        if (!fits && (blobs as Blob[]).length > 1) throw new Error("failed to load lora adapter");
      },
      createCompletion: (async (options: Record<string, unknown>) => {
        asked.push(options);
        (options["onData"] as (chunk: unknown) => void)({ choices: [{ text: "a" }] });
      }) as unknown as Llama["createCompletion"],
      exit: async () => void exits.push(1),
    });
    return { open, loads, asked, exits };
  }

  function bundle() {
    const one = bundleOf(1, {});
    const adapters = [{ name: "list", file: "list.gguf", prompt: LIST_LAYOUT }];
    Object.assign(one.manifest.languageModel ?? {}, { adapters });
    return one;
  }

  test("is loaded with the model without effect, and asked for by list texts alone", async () => {
    const { open, loads, asked } = llama(true);

    const model = await LanguageModel.load(bundle(), new Uint8Array(3), WASM, never, open);
    await model.write("one", ["a", "b"], 0, never);
    await model.write("two", ["a", "b"], 0, never, true);

    expect(loads).toEqual([[2, [{ path: "models/model-00002-of-00002.gguf", scale: 0 }]]]);
    expect(asked.map(({ lora }) => lora)).toEqual([undefined, [{ id: 0, scale: 1 }]]);
  });

  test("that does not fit is left out, and list texts are refused", async () => {
    const { open, loads, exits } = llama(false);

    const model = await LanguageModel.load(bundle(), new Uint8Array(3), WASM, never, open);

    expect(loads.map(([n]) => n)).toEqual([2, 1]);
    expect(exits.length).toBe(1);
    expect(await model.write("one", ["a", "b"], 0, never)).toBe("a");
    await expect(model.write("two", ["a", "b"], 0, never, true)).rejects.toThrow("it has no adapter for list texts");
  });
});
