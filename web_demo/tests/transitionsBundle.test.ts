import { join } from "node:path";
import { describe, expect, inject, test, vi } from "vitest";
import { at } from "../src/runtime/at";
import type { Fetch } from "../src/runtime/bundle";
import type { Engine } from "../src/runtime/encoder";
import { BundleError, SelfTestError } from "../src/runtime/errors";
import { selfTestTransitions } from "../src/runtime/golden";
import { openRecommender as open } from "../src/runtime/index";
import type { TransitionScores } from "../src/runtime/transitionScores";
import { TrustStore } from "../src/runtime/trustStore";
import { engineOpener } from "../src/worker/engines";
import { Releases, required } from "../src/worker/releases";
import { BASE, openBundle, openRecommender, serve } from "./folder";

const WITH_ENGINE = join(inject("bundles"), "transitions");
const INSTANT = join(inject("bundles"), "instant");
const HISTORY = [3, 1, 4];

/** Serve a bundle whose transitions have settings that its golden lists were not computed with. */
function serveOtherSettings(folder: string): Fetch {
  const fetch = serve(folder);
  return async (url) => {
    const response = await fetch(url);
    if (!url.endsWith("manifest.json")) return response;
    const manifest = (await response.json()) as { transitions: object };
    const transitions = { ...manifest.transitions, similarity: 0, second_hop: 0 };
    return new Response(JSON.stringify({ ...manifest, transitions }));
  };
}

describe("a bundle with an engine and transitions", () => {
  test("finds the lists that Python computed with both", async () => {
    const { engines } = await openRecommender(WITH_ENGINE);

    expect(engines.view[0]).toMatchObject({ engine: "reference", inUse: true, test: { overlap: 1 } });
    expect(engines.view[1]).toMatchObject({
      engine: "transitions",
      inUse: true,
      why: "added to the scores of the engine",
    });
  });

  test("does not find them with other settings", async () => {
    const { engines } = await open(BASE, { fetch: serveOtherSettings(WITH_ENGINE) });

    expect(engines.current).toBeNull();
    expect(engines.view[0]?.why).toMatch(/best items/);
  });

  test("ranks by transitions when the engine fails", async () => {
    const recommender = await openRecommender(WITH_ENGINE);
    const before = await recommender.rank(HISTORY, new Set(), 5);
    vi.spyOn(recommender.engines.current as Engine, "encode").mockRejectedValue(new Error("out of memory"));

    const after = await recommender.rank(HISTORY, new Set(), 5);

    expect([before.by, after.by]).toEqual(["model", "transitions"]);
    expect(after.rows).not.toEqual(before.rows);
    expect(recommender.engines.view.map(({ inUse }) => inUse)).toEqual([false, true]);
  });
});

describe("a bundle without engines", () => {
  test("ranks by transitions, and finds the lists that Python computed", async () => {
    const recommender = await openRecommender(INSTANT);

    const { by, engine, rows } = await recommender.rank(HISTORY, new Set([5]), 100);

    expect([by, engine]).toEqual(["transitions", "transitions"]);
    expect(new Set(rows).size).toBe(recommender.items.ids.length - 4);
    expect(recommender.engines.view).toMatchObject([
      { engine: "transitions", inUse: true, test: { passed: true, overlap: 1, stateError: null } },
    ]);
  });

  test("ranks by popularity without a history", async () => {
    const { by } = await (await openRecommender(INSTANT)).rank([], new Set(), 5);

    expect(by).toBe("popularity");
  });

  test("ranks by popularity when its transitions fail their self-test, and records why", async () => {
    const recommender = await open(BASE, { fetch: serveOtherSettings(INSTANT) });

    const { by } = await recommender.rank(HISTORY, new Set(), 5);

    expect(by).toBe("popularity");
    expect(recommender.engines.view).toMatchObject([{ engine: "transitions", state: "failed", inUse: false }]);
    expect(recommender.engines.view[0]?.why).toMatch(/best items, at least 98 % are required/);
  });

  test("lowers what resembles a dislike, and diversifies, as with an engine", async () => {
    const recommender = await openRecommender(INSTANT);

    const all = await recommender.rank(HISTORY, new Set([5]), 40);
    const disliking = await recommender.rank(HISTORY, new Set([5]), 40, 0, [5]);
    const plain = await recommender.rank(HISTORY, new Set([5]), 10);
    const diverse = await recommender.rank(HISTORY, new Set([5]), 10, 1);

    expect(disliking.rows).not.toEqual(all.rows);
    expect(diverse.rows).not.toEqual(plain.rows);
    expect(diverse.rows[0]).toBe(plain.rows[0]);
  });

  test("scores the newest events that an encoder would get", async () => {
    const recommender = await openRecommender(INSTANT);
    const { maxLength } = recommender.manifest.encoder;
    const long = Array.from({ length: maxLength + 5 }, (_, row) => row);

    const ofAll = await recommender.rank(long, new Set(), 5);
    const ofNewest = await recommender.rank(long.slice(-maxLength), new Set(long), 5);

    expect(ofAll.rows).toEqual(ofNewest.rows);
  });
});

test("transitions whose self-test takes more than half a minute have failed", () => {
  const scores = { scores: () => new Float32Array(2) } as unknown as TransitionScores;
  const moments = [0, 31_000];

  const found = selfTestTransitions(scores, [{ rows: [0], state: new Float32Array(1), topRows: [1] }], () =>
    Number(moments.shift()),
  );

  expect(found).toMatchObject({ passed: false, why: "its self-test took more than 30 s" });
});

describe("a release without engines", () => {
  const releasesOf = (fetch: Fetch, trust = new TrustStore("not there", BASE)) => {
    const store = { get: async () => null, put: () => undefined, remove: async () => undefined };
    return new Releases(
      BASE,
      "browser-wasm",
      fetch,
      store as unknown as ConstructorParameters<typeof Releases>[3],
      trust,
      engineOpener,
      () => undefined,
      () => undefined,
    );
  };

  test("is ready as soon as its transitions have passed", async () => {
    const releases = releasesOf(serve(INSTANT));

    const newest = at(await releases.newest(), 0);
    const { recommender } = await releases.tryOut(newest, new AbortController().signal, newest);

    expect(recommender.fallback).not.toBeNull();
  });

  test("is rejected if they fail", async () => {
    const releases = releasesOf(serveOtherSettings(INSTANT));

    const newest = at(await releases.newest(), 0);
    const trial = releases.tryOut(newest, new AbortController().signal, newest);

    await expect(trial).rejects.toThrow(BundleError);
  });

  test("is not downloaded again after they failed, until the user deletes the data", async () => {
    const trust = new TrustStore("not there", BASE);
    let downloads = 0;
    const counting: Fetch = (url, stop) => {
      downloads++;
      return serveOtherSettings(INSTANT)(url, stop);
    };
    const releases = releasesOf(counting, trust);
    const newest = at(await releases.newest(), 0);
    const again = () => releases.tryOut(newest, new AbortController().signal, newest);
    await expect(again()).rejects.toThrow(SelfTestError);
    downloads = 0;

    await expect(again()).rejects.toThrow("fail their self-test in this browser");
    expect(downloads).toBe(0);

    await trust.redraw();
    await expect(again()).rejects.toThrow(SelfTestError);
    expect(downloads).toBeGreaterThan(0);
  });

  test("needs the files of transitions and similarity, but no encoder", async () => {
    const roles = required((await openBundle(INSTANT)).manifest).map(({ role }) => role);

    expect(roles).toEqual(expect.arrayContaining(["transitions", "similarity", "codes"]));
    expect(roles).not.toContain("encoder");
  });
});
