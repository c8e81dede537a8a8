import { describe, expect, test } from "vitest";
import type { EngineVariant, Manifest } from "../src/runtime/bundleJson";
import { EngineCandidates } from "../src/runtime/candidates";
import type { Engine, SmallMatrices } from "../src/runtime/encoder";
import { KeptTimes } from "../src/runtime/keptTimes";
import { MemoryHistory } from "../src/runtime/memoryHistory";
import { preferring, timeFor, timerOf } from "../src/runtime/timing";
import { GOOD, openRecommender } from "./folder";

const DIM = 2;
const SMALL = {} as SmallMatrices;

/** An engine that moves a clock by some milliseconds a call and an event. */
function paced(name: string, clock: { now: number }, call: number, event: number): Engine {
  const encode = async (embeddings: Float32Array) => {
    clock.now += call + (event * embeddings.length) / DIM;
    return new Float32Array(DIM);
  };
  return { name, precision: "int8", encode };
}

const variant = (engine: string): EngineVariant => ({
  engine,
  precision: "int8",
  file: "x",
  maxStateError: 1,
  minOverlap: 0,
});

/** Candidates of these engines, best first, timed on a clock of their own; the last one has started. */
async function upgraded(...paces: readonly [name: string, call: number, event: number][]) {
  const clock = { now: 0 };
  const engines = new Map(paces.map(([name, call, event]) => [name, paced(name, clock, call, event)]));
  const candidates = new EngineCandidates(
    paces.map(([name]) => variant(name)),
    async ({ engine }) => engines.get(engine) ?? "unknown",
    async () => ({ passed: true, stateError: 0, overlap: 1, why: "" }),
    () => undefined,
    null,
    timerOf(new Float32Array(50 * DIM), DIM, SMALL, () => clock.now),
  );
  await candidates.start(paces.at(-1)?.[0] ?? "");
  await candidates.upgrade();
  return candidates;
}

test("engines are timed with a short and a long history", async () => {
  const clock = { now: 0 };
  const time = timerOf(new Float32Array(50 * DIM), DIM, SMALL, () => clock.now);

  const times = await time([paced("a", clock, 2, 0), paced("b", clock, 1, 0.5)]);

  expect(times).toEqual([
    { short: 2, long: 2 },
    { short: 2.5, long: 26 },
  ]);
});

test("a clock that is too coarse for one call times several", async () => {
  const clock = { now: 0 };
  const time = timerOf(new Float32Array(50 * DIM), DIM, SMALL, () => Math.floor(clock.now));

  const [found] = await time([paced("a", clock, 0.25, 0)]);

  expect(found).toEqual({ short: 0.25, long: 0.25 });
});

test("the time for other lengths lies on the line through both", () => {
  expect([3, 26.5, 50].map((n) => timeFor({ short: 1, long: 3 }, n))).toEqual([1, 2, 3]);
});

describe("the candidates", () => {
  test("share the lengths of histories if one is faster for short ones and another for long ones", async () => {
    const engines = await upgraded(["onnxruntime", 2, 0], ["reference", 0, 0.25]);

    expect([1, 7, 8, 9, 50].map((n) => engines.for(n)?.name)).toEqual([
      "reference",
      "reference",
      "onnxruntime",
      "onnxruntime",
      "onnxruntime",
    ]);
    expect(engines.view.map(({ inUse, why }) => [inUse, why])).toEqual([
      [true, "for histories of 8 events or more"],
      [true, "for histories of fewer than 8 events"],
    ]);
    expect(engines.view[1]?.time).toEqual({ short: 0.75, long: 12.5 });
  });

  test("leave out a better one that is slower here, and try the next", async () => {
    const engines = await upgraded(["webgpu", 90, 0], ["onnxruntime", 1.5, 0], ["reference", 3, 1]);

    expect([1, 50].map((n) => engines.for(n)?.name)).toEqual(["onnxruntime", "onnxruntime"]);
    expect(engines.view.map(({ inUse, why }) => [inUse, why])).toEqual([
      [false, "another engine is faster here"],
      [true, ""],
      [false, "another engine is faster here"],
    ]);
  });

  test("go on with the other engine when one of two fails", async () => {
    const engines = await upgraded(["onnxruntime", 2, 0], ["reference", 0, 0.25]);

    await engines.fail(engines.for(50) as Engine, new Error("out of memory"));

    expect([1, 50].map((n) => engines.for(n)?.name)).toEqual(["reference", "reference"]);
    expect(engines.view.map(({ why }) => why)).toEqual(["out of memory", ""]);
  });

  test("use a named engine for every length", async () => {
    const clock = { now: 0 };
    const times = await preferring("slow")([paced("slow", clock, 9, 9), paced("quick", clock, 1, 0)]);

    expect(times[0]?.long).toBeLessThan(times[1]?.long ?? 0);
    expect(clock.now).toBe(0);
  });
});

test("a list that one engine makes needs no comparison", async () => {
  const { engines } = await openRecommender(GOOD);

  expect(engines.view.map(({ time }) => time)).toEqual(engines.view.map(() => null));
});

describe("times of an earlier visit", () => {
  const PACES: Readonly<Record<string, [call: number, event: number]>> = {
    webgpu: [90, 0],
    onnxruntime: [2, 0],
    reference: [0, 0.25],
  };

  /** One visit, with the engines it loaded and the milliseconds that it spent measuring. */
  async function visit(
    store: MemoryHistory,
    { about = "browser 1", sha256 = "a" } = {},
    beforeUpgrade: () => Promise<void> = async () => undefined,
  ) {
    const clock = { now: 0 };
    const loaded: string[] = [];
    const variants = Object.keys(PACES).map(variant);
    const manifest = { engines: variants, files: [{ name: "x", sha256 }] } as unknown as Manifest;
    const kept = await KeptTimes.read(store, manifest, [about]);
    const candidates = new EngineCandidates(
      variants,
      async ({ engine }) => {
        loaded.push(engine);
        return paced(engine, clock, ...(PACES[engine] ?? [0, 0]));
      },
      async () => ({ passed: true, stateError: 0, overlap: 1, why: "" }),
      () => undefined,
      null,
      kept.timing(timerOf(new Float32Array(50 * DIM), DIM, SMALL, () => clock.now)),
      (one) => kept.of(one),
    );
    await candidates.start("reference");
    await beforeUpgrade();
    await candidates.upgrade();
    return { loaded, candidates, measured: clock.now };
  }

  test("are used again: nothing is measured, and an engine that is never the fastest is not loaded", async () => {
    const store = new MemoryHistory();
    const first = await visit(store);

    const second = await visit(store);

    expect(first.loaded).toEqual(["reference", "webgpu", "onnxruntime"]);
    expect(first.measured).toBeGreaterThan(0);
    expect(second.loaded).toEqual(["reference", "onnxruntime"]);
    expect(second.measured).toBe(0);
    for (const n of [1, 7, 8, 50]) expect(second.candidates.for(n)?.name).toBe(first.candidates.for(n)?.name);
    expect(second.candidates.view[0]).toMatchObject({ state: "not needed", why: "another engine is faster here" });
    expect(second.candidates.view[0]?.time).toEqual({ short: 90, long: 90 });
  });

  test("do not keep a slower engine from taking over where the others fail", async () => {
    const store = new MemoryHistory();
    await visit(store);
    const { candidates, loaded } = await visit(store);

    await candidates.fail(candidates.for(1) as Engine, new Error("out of memory"));
    await candidates.fail(candidates.for(1) as Engine, new Error("out of memory"));

    expect(candidates.for(1)?.name).toBe("webgpu");
    expect(loaded).toEqual(["reference", "onnxruntime", "webgpu"]);
  });

  test.each([
    ["the browser changes", { about: "browser 2" }],
    ["the encoder changes", { sha256: "b" }],
  ])("are measured again if %s", async (_name, change) => {
    const store = new MemoryHistory();
    await visit(store);

    const second = await visit(store, change);

    expect(second.loaded).toContain("webgpu");
    expect(second.measured).toBeGreaterThan(0);
    expect((await visit(store, change)).measured).toBe(0);
  });

  test("are not kept by a visit in which the user's data is deleted, but by the next one", async () => {
    const store = new MemoryHistory();

    await visit(store, {}, () => store.clear());

    expect(await store.setting("engine_times")).toBeNull();
    expect((await visit(store)).measured).toBeGreaterThan(0);
    expect((await visit(store)).measured).toBe(0);
  });

  test.each(["", "{", "[]", "null", '{"key": 1}', 7])("are measured again if %j is stored instead", async (stored) => {
    const store = new MemoryHistory([], new Map([["engine_times", stored]]));

    expect((await visit(store)).measured).toBeGreaterThan(0);
  });
});
