import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, test, vi } from "vitest";
import type { Bytes } from "../../src/runtime/bytes";
import { sha256 } from "../../src/runtime/digest";
import { FetchError } from "../../src/runtime/errors";
import type { StorageProblem } from "../../src/runtime/indexedDbHistory";
import { MemoryHistory } from "../../src/runtime/memoryHistory";
import type { Recommender } from "../../src/runtime/recommender";
import type { RoundsAction } from "../../src/worker/protocol";
import { rounds } from "../../src/worker/rounds";
import { openRecommender } from "../folder";

const FOLDER = join(inject("bundles"), "learning");
const ORIGIN = "http://127.0.0.1:8000";
const { plan: TEXT } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../tests/golden/rounds.json"), "utf8"))
  .updates[0];
const TASTES: { one: string[] } = JSON.parse(readFileSync(join(inject("bundles"), "tastes.json"), "utf8"));

let recommender: Recommender;
let manifest: Bytes;
let history: MemoryHistory;
let storageError: StorageProblem | null;
let signed: () => Promise<{ bytes: Bytes | null; now: number }>;

/** A plan for the release in use. */
async function planWith(changes: Record<string, unknown>): Promise<Bytes> {
  const { name, target, encoder, files } = recommender.manifest;
  const fields = {
    ...JSON.parse(TEXT),
    name,
    target,
    base: await sha256(manifest),
    adapter_sha256: files.find(({ role }) => role === "adapter")?.sha256,
    rank: encoder.adapterRank,
    dim: encoder.dim,
    bits: 32,
    opens: "2020-01-01T00:00:00Z",
    deadline: "2099-01-01T00:00:00Z",
    ...changes,
  };
  return new TextEncoder().encode(JSON.stringify(fields));
}

function act(action: RoundsAction) {
  const settings = recommender.manifest.learning;
  if (settings === null) throw new Error("the bundle does not learn");
  const release = recommender.learnable;
  return rounds(
    {
      history,
      storageError,
      release,
      settings,
      manifest,
      origin: ORIGIN,
      signed: () => signed(),
      inTurn: (work) => work(),
    },
    action,
  );
}

beforeEach(async () => {
  recommender = await openRecommender(FOLDER);
  manifest = new Uint8Array(readFileSync(join(FOLDER, "manifest.json")));
  history = new MemoryHistory();
  storageError = null;
  for (const itemId of TASTES.one) await history.add({ itemId, event: "click", at: 1, title: null });
  const bytes = await planWith({});
  signed = async () => ({ bytes, now: Date.now() / 1000 });
});

afterEach(() => vi.unstubAllGlobals());

describe("rounds", () => {
  test("are off at first, and then nothing is asked, trained or sent", async () => {
    signed = () => Promise.reject(new Error("asked"));
    for (const action of ["look", "prepare", "send"] as const)
      expect(await act(action)).toEqual({ isOn: false, terms: null, problem: null, upload: null, receipts: [] });
  });

  test("send nothing from a browser that could not remember that it took part", async () => {
    await act("on");
    storageError = "full";
    const fetched = vi.fn();
    vi.stubGlobal("fetch", fetched);

    for (const action of ["prepare", "send"] as const) {
      const { problem, upload } = await act(action);
      expect(problem?.kind).toBe("not kept");
      expect(upload).toBeNull();
    }
    expect(fetched).not.toHaveBeenCalled();
  });

  test("say what would be sent, and prepare it before it is sent once", async () => {
    const { terms } = await act("on");
    expect(terms?.nEvents).toBe(TASTES.one.length);
    const { upload } = await act("prepare");
    const sent: [string, Uint8Array][] = [];
    vi.stubGlobal("fetch", async (url: string, { body, credentials }: RequestInit) => {
      expect(credentials).toBe("omit");
      sent.push([url, body as Uint8Array]);
      return new Response(null, { status: 202 });
    });
    const { receipts, upload: left } = await act("send");
    expect(sent.map(([url, body]) => [url, Buffer.from(body).toString("hex")])).toEqual([
      [`${ORIGIN}/v1/rounds/abcdefghijklmnopqrstuvwxyz/updates`, upload],
    ]);
    expect(left).toBeNull();
    expect(receipts[0]?.outcome).toBe("counted");
    await act("send");
    expect(sent).toHaveLength(1);
  });

  test("keep the same bytes if the server does not answer", async () => {
    await act("on");
    const { upload } = await act("prepare");
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
    const view = await act("send");
    expect(view).toMatchObject({
      upload,
      problem: { kind: "unanswered", why: expect.stringContaining("the server cannot be reached (no network)") },
    });
    expect((await act("prepare")).upload).toBe(upload);
  });

  test("name a server at another address as not possible yet, before any training", async () => {
    const bytes = await planWith({ operators: ["https://elsewhere.example"] });
    signed = async () => ({ bytes, now: Date.now() / 1000 });
    expect((await act("on")).problem?.why).toContain("another one is not possible yet");
    expect(await act("prepare")).toMatchObject({ upload: null, receipts: [] });
  });

  test.each([
    [{ kind: "no round", why: "" }, async () => ({ bytes: null, now: 0 })],
    [{ kind: "special", why: "no connection" }, () => Promise.reject(new FetchError("no connection"))],
  ])("say that there is nothing to take part in: %o", async (problem, answer) => {
    signed = answer;
    expect((await act("on")).problem).toMatchObject(problem);
  });

  test("forget everything with the history, and are off again", async () => {
    await act("on");
    await act("prepare");
    await history.clear();
    expect(await act("look")).toMatchObject({ isOn: false, upload: null, receipts: [] });
  });
});
