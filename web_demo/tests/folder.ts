/** A bundle's folder as a server would give it out, and a store that keeps nothing. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { Bundle, type Fetch, type FileStore, fetchManifest, manifestUrl } from "../src/runtime/bundle";
import type { OpenEngine } from "../src/runtime/ladder";
import { Recommender } from "../src/runtime/recommender";
import { ReferenceEngine } from "../src/runtime/reference";

export const BASE = "http://shop.test/";

export const GOOD = join(inject("bundles"), "good");

export const keepNothing: FileStore = {
  get: async () => null,
  put: async () => undefined,
  remove: async () => undefined,
};

/** Answers as `pocketrec serve` does: the manifest as it lies there, files by the digest that it claims. */
export function serve(folder: string): Fetch {
  const manifest = readFileSync(join(folder, "manifest.json"));
  return async (url) => {
    if (url === manifestUrl(BASE, "browser-wasm")) return new Response(new Uint8Array(manifest));
    const { files } = JSON.parse(manifest.toString()) as { files: { name: string; sha256: string }[] };
    const entry = files.find(({ sha256 }) => url === `${BASE}v1/files/${sha256}`);
    const path = join(folder, entry?.name ?? "missing");
    if (!existsSync(path)) return new Response(null, { status: 404 });
    const data = new Uint8Array(readFileSync(path));
    return new Response(data, { headers: { "content-length": String(data.length) } });
  };
}

export async function openBundle(folder: string): Promise<Bundle> {
  const fetch = serve(folder);
  return new Bundle(await fetchManifest(fetch, manifestUrl(BASE, "browser-wasm")), BASE, fetch, keepNothing);
}

/** Opens the reference engine and no other. */
export function referenceOnly(bundle: Bundle): OpenEngine {
  return async ({ engine, precision, file }) => {
    if (engine !== "reference") return "not in this test";
    const { data, name } = await bundle.file(file);
    return ReferenceEngine.open(data, bundle.manifest.encoder, precision, name);
  };
}

export async function openRecommender(folder: string): Promise<Recommender> {
  const bundle = await openBundle(folder);
  const recommender = await Recommender.open(bundle, referenceOnly(bundle), () => undefined);
  await recommender.ladder.start("reference");
  return recommender;
}
