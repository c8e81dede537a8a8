import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FetchError, openRecommender } from "../src/runtime";
import { BASE, GOOD, serve, serveStatic } from "./folder";

/** Documents with a snippet for `openRecommender`. */
const READMES = ["README.md", "../README.md"].map((path) => join(import.meta.dirname, "..", path));

/** The first TypeScript block of a document. */
function snippetOf(path: string): string {
  const block = /^```ts\n(.*?)^```$/ms.exec(readFileSync(path, "utf8"))?.[1];
  if (block === undefined) throw new Error(`${path} has no block of TypeScript`);
  return block;
}

/** Run a snippet against the good bundle and return the lines that it prints. */
async function run(snippet: string): Promise<string[]> {
  const body = snippet.replace(/^import \{ openRecommender \} from ".*\/runtime";$/m, "");
  const { outputText } = ts.transpileModule(`export const run = async () => {${body}};`, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.CommonJS },
  });
  const printed: string[] = [];
  const exported: { run?: () => Promise<void> } = {};
  const log = (...parts: unknown[]) => void printed.push(parts.join(" "));
  vi.stubGlobal("fetch", serve(GOOD, "/"));
  new Function("exports", "openRecommender", "console", outputText)(exported, openRecommender, { log });
  await exported.run?.();
  return printed;
}

afterEach(() => vi.unstubAllGlobals());

describe("the lines of TypeScript in the README", () => {
  test.each(READMES)("run as printed: %s", async (path) => {
    const snippet = snippetOf(path);

    const printed = await run(snippet);

    expect(snippet).toMatch(/^import \{ openRecommender \} from/m);
    const listed = printed.slice(0, 10);
    expect(new Set(listed).size).toBe(10);
    // An item of which nothing can be said has no reason.
    for (const line of listed) expect(line).toMatch(/^.+ - (.*[^.])?$/);
    expect(listed.filter((line) => !line.endsWith("- ")).length).toBeGreaterThanOrEqual(5);
    const answers = printed.slice(10);
    expect(answers).toHaveLength(snippet.includes(".say(") ? 1 : 0);
    for (const answer of answers) expect(answer).toMatch(/^[A-Z].*\. /);
  });
});

describe("openRecommender", () => {
  test("opens a folder of static files like a server's channel", async () => {
    const options = { history: ["item-7", "item-3"], disliked: ["item-5"], diversity: 0.3 };

    const ofServer = await openRecommender(BASE, { fetch: serve(GOOD) });
    const ofFolder = await openRecommender(BASE, { fetch: serveStatic(GOOD), source: "folder" });

    expect(ofServer.engines.current?.name).toBe("reference");
    expect(await ofFolder.recommend(5, options)).toEqual(await ofServer.recommend(5, options));
  });

  test("rejects a channel that the server does not have", async () => {
    const opening = openRecommender(BASE, { fetch: serve(GOOD), target: "no-such-target" });

    await expect(opening).rejects.toThrow(FetchError);
  });
});

describe("recommend", () => {
  test("ranks the rows of the history's items and skips unknown ids", async () => {
    const recommender = await openRecommender(BASE, { fetch: serve(GOOD) });

    const items = await recommender.recommend(5, { history: ["item-7", "unknown"], disliked: ["item-5"] });

    const { rows } = await recommender.rank([7], new Set([5]), 5, 0, [5]);
    expect(items.map(({ row }) => row)).toEqual(rows);
    expect(items.map(({ itemId }) => itemId)).toEqual(rows.map((row) => `item-${row}`));
    expect(items.every(({ title }) => title !== "")).toBe(true);
  });

  test("explains a list by what its scores rest on, no reason like another", async () => {
    const recommender = await openRecommender(BASE, { fetch: serve(GOOD) });
    const history = ["item-7", "item-3"];
    const items = await recommender.recommend(10, { history });

    const reasons = await recommender.explainList(items, { history });

    const texts = reasons.map((reason) => reason?.text);
    expect(reasons).toHaveLength(10);
    expect(new Set(texts).size).toBe(10);
    for (const reason of reasons) {
      expect(reason?.facts.length).toBe(1);
      expect([7, 3]).toContain(reason?.facts[0]?.historyRow);
    }
    expect(
      await recommender.explainList(
        items.map(({ itemId }) => itemId),
        { history },
      ),
    ).toEqual(reasons);
  });

  test("refuses a manner and a language that there are no phrases for", async () => {
    const recommender = await openRecommender(BASE, { fetch: serve(GOOD) });

    await expect(recommender.explainList(["item-1"], { tone: "rude" as "formal" })).rejects.toThrow(
      'tone must be one of casual, formal, got "rude"',
    );
    await expect(recommender.explainList(["item-1"], { language: "xx" })).rejects.toThrow(RangeError);
  });
});
