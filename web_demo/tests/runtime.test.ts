import { join } from "node:path";
import { describe, expect, inject, test, vi } from "vitest";
import { Bundle, serverUrls } from "../src/runtime/bundle";
import type { EngineVariant } from "../src/runtime/bundleJson";
import type { Bytes } from "../src/runtime/bytes";
import { EngineCandidates } from "../src/runtime/candidates";
import { bestRows, type ProductCodes } from "../src/runtime/codes";
import type { Engine, SmallMatrices } from "../src/runtime/encoder";
import { BundleIntegrityError, FetchError } from "../src/runtime/errors";
import { type SelfTest, selfTest } from "../src/runtime/golden";
import { Scorer } from "../src/runtime/scorer";
import { BASE, GOOD, openBundle, openRecommender, serve } from "./folder";

test("an engine whose self-test takes more than half a minute has failed", async () => {
  const golden = [{ rows: [0], state: new Float32Array(2), topRows: [] }];
  const codes = { decode: () => new Float32Array(2), scores: () => new Float32Array(1) } as unknown as ProductCodes;
  const engine: Engine = { name: "slow", precision: "int8", encode: async () => new Float32Array(2) };
  const variant = { engine: "slow", precision: "int8", file: "x", maxStateError: 1, minOverlap: 0 };
  const moments = [0, 31_000];

  const found = await selfTest(
    engine,
    variant,
    golden,
    new Scorer(codes, null),
    {} as SmallMatrices,
    () => moments.shift() as number,
  );

  expect(found).toMatchObject({ passed: false, why: "its self-test took more than 30 s" });
});

describe("the reference engine", () => {
  test.each(["good", "narrow"])("passes the golden vectors of the Python runtime: %s", async (name) => {
    const { engines } = await openRecommender(join(inject("bundles"), name));

    expect(engines.current?.name).toBe("reference");
    expect(engines.view[0]?.test).toMatchObject({ passed: true, overlap: 1 });
    expect(engines.view[0]?.test?.stateError).toBeLessThan(1e-4);
  });

  test("ranks items that are neither in the history nor hidden", async () => {
    const recommender = await openRecommender(GOOD);

    const { rows, by } = await recommender.rank([3, 1, 4], new Set([5]), 100);

    expect(by).toBe("model");
    expect(new Set(rows).size).toBe(recommender.items.ids.length - 4);
    for (const row of [3, 1, 4, 5]) expect(rows).not.toContain(row);
  });

  test("encodes only the newest events when there are more than the encoder's maximum", async () => {
    const recommender = await openRecommender(GOOD);
    const long = Array.from({ length: 20 }, (_, row) => row);

    const ofAll = await recommender.rank(long, new Set(), 5);
    const ofNewest = await recommender.rank(long.slice(-8), new Set(long), 5);

    expect(ofAll.rows).toEqual(ofNewest.rows);
  });

  test("is not used without a history: items are ranked by popularity", async () => {
    const recommender = await openRecommender(GOOD);

    const { rows, by } = await recommender.rank([], new Set(), 3);

    const levels = rows.map((row) => recommender.popularity[row] ?? 0);
    expect(by).toBe("popularity");
    expect(levels).toEqual([...levels].sort((a, b) => b - a));
    expect(levels[0]).toBe(255);
  });

  test("is replaced by the popularity ranking when it throws", async () => {
    const recommender = await openRecommender(GOOD);
    vi.spyOn(recommender.engines.current as Engine, "encode").mockRejectedValue(new Error("out of memory"));

    const { by } = await recommender.rank([1], new Set(), 3);

    expect(by).toBe("popularity");
    expect(recommender.engines.view[0]).toMatchObject({ state: "failed", why: "out of memory" });
  });
});

test("among equal scores the lower row comes first", () => {
  expect(bestRows([1, 3, 3, 2, 3], 3, new Set())).toEqual([1, 2, 4]);
  expect(bestRows([1, 3, 3, 2, 3], 3, new Set([1]))).toEqual([2, 4, 3]);
});

describe("the engine candidates", () => {
  const variant = (engine: string): EngineVariant => ({
    engine,
    precision: "int8",
    file: "x",
    maxStateError: 1,
    minOverlap: 0,
  });
  const passed: SelfTest = { passed: true, stateError: 0, overlap: 1, why: "" };
  const engine = (name: string): Engine => ({ name, precision: "int8", encode: async () => new Float32Array() });

  test("start with the reference engine and upgrade to the best that passes", async () => {
    const variants = ["onnxruntime", "reference"].map(variant);
    const engines = new EngineCandidates(
      variants,
      async ({ engine: name }) => engine(name),
      async () => passed,
      () => undefined,
    );

    await engines.start("reference");
    const first = engines.current?.name;
    await engines.upgrade();

    expect([first, engines.current?.name]).toEqual(["reference", "onnxruntime"]);
    expect(engines.view.map(({ inUse }) => inUse)).toEqual([true, false]);
  });

  test("keep the engine in use when a better one fails its self-test, and record why", async () => {
    const failed: SelfTest = { passed: false, stateError: 9, overlap: 0, why: "its state is off by 9" };
    const test = async ({ name }: Engine) => (name === "reference" ? passed : failed);
    const engines = new EngineCandidates(
      ["onnxruntime", "reference"].map(variant),
      async ({ engine: n }) => engine(n),
      test,
      () => undefined,
    );

    await engines.start("reference");
    await engines.upgrade();

    expect(engines.current?.name).toBe("reference");
    expect(engines.view[0]).toMatchObject({ state: "failed", why: "its state is off by 9" });
  });

  describe("closes each engine once", () => {
    const given: string[] = [];
    const open = async ({ engine: name }: EngineVariant): Promise<Engine> => ({
      ...engine(name),
      close: async () => void given.push(name),
    });
    const make = (test: (engine: Engine) => Promise<SelfTest>) => {
      given.length = 0;
      const variants = ["best", "better", "reference"].map(variant);
      return new EngineCandidates(variants, open, test, () => undefined);
    };

    test("when it failed its self-test or was replaced by a better one", async () => {
      const engines = make(async ({ name }) => ({ ...passed, passed: name !== "best" }));

      await engines.start("reference");
      await engines.upgrade();

      expect([engines.current?.name, ...given]).toEqual(["better", "best", "reference"]);
    });

    test("when the candidates are closed, including one that is still loading", async () => {
      let tested: () => void = () => undefined;
      const test = ({ name }: Engine) =>
        new Promise<SelfTest>((resolve) => {
          if (name === "reference") resolve(passed);
          else tested = () => resolve(passed);
        });
      const engines = make(test);
      await engines.start("reference");
      const climbing = engines.upgrade();
      await new Promise(setImmediate);

      await engines.close();
      tested();
      await climbing;

      expect([engines.current, ...given]).toEqual([null, "reference", "best"]);
    });

    test("when it threw, unless it was closed already", async () => {
      const engines = make(async () => passed);
      await engines.start("reference");
      const first = engines.current as Engine;
      await engines.upgrade();

      await engines.fail(first, new Error("too late"));
      await engines.fail(engines.current as Engine, new Error("out of memory"));

      expect(given).toEqual(["reference", "best"]);
      expect(engines.current?.name).toBe("better");
    });
  });
});

describe("a bundle's files", () => {
  test("come from the store without a request once they are stored", async () => {
    const kept = new Map<string, Bytes>();
    const store = {
      get: async (sha256: string) => kept.get(sha256) ?? null,
      put: async (sha256: string, data: Bytes) => void kept.set(sha256, data),
      remove: async (sha256: string) => void kept.delete(sha256),
    };
    const { bytes } = await openBundle(GOOD);
    await new Bundle(bytes, serverUrls(BASE), serve(GOOD), store).role("codes");
    const offline = async () => Promise.reject(new TypeError("Failed to fetch"));

    const again = await new Bundle(bytes, serverUrls(BASE), offline, store).role("codes");

    expect(again.data.length).toBeGreaterThan(0);
    await expect(new Bundle(bytes, serverUrls(BASE), offline, store).role("items")).rejects.toThrow(FetchError);
  });

  test("are downloaded again when the stored copy is damaged", async () => {
    const removed: string[] = [];
    const store = {
      get: async () => new Uint8Array(3),
      put: async () => undefined,
      remove: async (sha256: string) => void removed.push(sha256),
    };
    const { bytes } = await openBundle(GOOD);

    const { data } = await new Bundle(bytes, serverUrls(BASE), serve(GOOD), store).role("codes");

    expect(data.length).toBeGreaterThan(3);
    expect(removed).toHaveLength(1);
  });

  test("stop downloading at the first chunk that is wrong", async () => {
    const { bytes } = await openBundle(GOOD);
    const manifest = JSON.parse(new TextDecoder().decode(bytes)) as { files: Record<string, unknown>[] };
    const size = 9 << 20;
    Object.assign(manifest.files.find(({ role }) => role === "pictures") ?? {}, {
      bytes: size,
      chunk_sha256: ["0", "1", "2"].map((digit) => digit.repeat(64)),
    });
    const pieces = vi.fn((controller: ReadableStreamDefaultController<Uint8Array>) =>
      controller.enqueue(new Uint8Array(1 << 20)),
    );
    const response = new Response(new ReadableStream({ pull: pieces }, { highWaterMark: 0 }));
    const large = new Bundle(
      new TextEncoder().encode(JSON.stringify(manifest)),
      serverUrls(BASE),
      async () => response,
      {
        get: async () => null,
        put: async () => undefined,
        remove: async () => undefined,
      },
    );

    await expect(large.role("pictures")).rejects.toThrow(BundleIntegrityError);
    expect(pieces).toHaveBeenCalledTimes(4);
  });
});
