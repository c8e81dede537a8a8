/** A bundle's folder as `pocketrec serve` serves it, and a store that keeps nothing. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { openRecommender as open, type Recommender } from "../src/runtime";
import { Bundle, type Fetch, type FileStore, fetchManifest, manifestUrl, serverUrls } from "../src/runtime/bundle";

export const BASE = "http://shop.test/";

export const GOOD = join(inject("bundles"), "good");

const NO_STORE: FileStore = {
  get: async () => null,
  put: () => undefined,
  remove: async () => undefined,
};

/** Respond as `pocketrec serve` does: the manifest as it is, files by the digest that the manifest states. */
export function serve(folder: string, base: string = BASE): Fetch {
  const manifest = readFileSync(join(folder, "manifest.json"));
  return async (url) => {
    if (url === manifestUrl(base, "browser-wasm")) return new Response(new Uint8Array(manifest));
    const { files }: { files: { name: string; sha256: string }[] } = JSON.parse(manifest.toString());
    const entry = files.find(({ sha256 }) => url === `${base}v1/files/${sha256}`);
    return fileResponse(join(folder, entry?.name ?? "missing"));
  };
}

/** Respond as a web server of static files does. */
export function serveStatic(folder: string): Fetch {
  return async (url) => fileResponse(join(folder, url.slice(BASE.length)));
}

function fileResponse(path: string): Response {
  if (!existsSync(path)) return new Response(null, { status: 404 });
  const data = new Uint8Array(readFileSync(path));
  return new Response(data, { headers: { "content-length": String(data.length) } });
}

export async function openBundle(folder: string): Promise<Bundle> {
  const fetch = serve(folder);
  return new Bundle(await fetchManifest(fetch, manifestUrl(BASE, "browser-wasm")), serverUrls(BASE), fetch, NO_STORE);
}

export function openRecommender(folder: string): Promise<Recommender> {
  return open(BASE, { fetch: serve(folder) });
}
