import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { loadArrays } from "../src/runtime/arrays";
import { BundleError, BundleVersionError, EngineError, FetchError } from "../src/runtime/errors";
import { parseManifest } from "../src/runtime/manifest";
import { checkGraph } from "../src/runtime/onnxGraph";
import { Pictures } from "../src/runtime/pictures";
import { openBundle, openRecommender } from "./folder";

interface Attack {
  readonly name: string;
  readonly folder: string;
}

const all = JSON.parse(readFileSync(join(inject("bundles"), "index.json"), "utf8")) as Attack[];
const attacks = (kind: string) => all.filter(({ name }) => name.startsWith(`${kind}/`));

/** Open everything that a page opens, the pictures included. */
async function openAll(folder: string): Promise<void> {
  const bundle = await openBundle(folder);
  await openRecommender(folder);
  const pictures = bundle.manifest.files.find(({ role }) => role === "pictures");
  if (pictures === undefined) return;
  const file = await bundle.read(pictures);
  Pictures.read(loadArrays(file.data, file.name), bundle.manifest.catalogue.nItems);
}

test("no attack is missing", () => {
  expect(all.length).toBeGreaterThan(150);
});

describe.each(["format", "pictures"])("a bundle with valid digests and invalid %s is rejected", (kind) => {
  test.each(attacks(kind))("$name", async ({ folder }) => {
    await expect(openAll(folder)).rejects.toThrow(BundleError);
  });
});

describe("a bundle for a newer reader raises a version error", () => {
  test.each(attacks("version"))("$name", async ({ folder }) => {
    await expect(openAll(folder)).rejects.toThrow(BundleVersionError);
  });
});

describe("a file that does not match the manifest is never used", () => {
  const ofEngine = (name: string) => name.includes("encoder.safetensors");

  test.each(attacks("integrity").filter(({ name }) => !ofEngine(name)))("$name", async ({ folder }) => {
    const error = await openAll(folder).catch((reason: unknown) => reason);

    expect(error instanceof BundleError || error instanceof FetchError, String(error)).toBe(true);
  });

  test.each(attacks("integrity").filter(({ name }) => ofEngine(name)))("$name", async ({ folder }) => {
    const { engines } = await openRecommender(folder);

    expect(engines.current).toBeNull();
    expect(engines.view[0]).toMatchObject({ state: "failed", inUse: false });
  });
});

describe("a graph with anything but arithmetic is rejected before a library parses it", () => {
  test.each(attacks("graph"))("$name", ({ folder }) => {
    const graph = new Uint8Array(readFileSync(join(folder, "encoder.onnx")));
    const sizes = parseManifest(readFileSync(join(folder, "manifest.json"))).encoder;

    expect(() => checkGraph(graph, sizes)).toThrow(EngineError);
  });

  test("the graph of a good bundle passes", () => {
    const sizes = parseManifest(readFileSync(join(inject("bundles"), "good", "manifest.json"))).encoder;

    checkGraph(new Uint8Array(readFileSync(join(inject("bundles"), "encoder.onnx"))), sizes);
  });
});

describe("an engine that is damaged or computes wrong states is replaced by popularity", () => {
  test.each(attacks("engine"))("$name", async ({ folder }) => {
    const recommender = await openRecommender(folder);
    await recommender.engines.upgrade();

    const ranking = await recommender.rank([3, 1], new Set(), 5);

    expect(recommender.engines.current).toBeNull();
    expect(recommender.engines.view[0]?.why).not.toBe("");
    expect(ranking).toMatchObject({ by: "popularity", rows: { length: 5 } });
  });
});
