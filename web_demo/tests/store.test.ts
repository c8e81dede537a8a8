import { afterEach, expect, test, vi } from "vitest";
import { ReleaseStore } from "../src/runtime/releaseStore";

const TIMEOUTS = { call: 20, file: 20 };
const DATA = new Uint8Array([1, 2, 3]);
const MANIFEST = new Uint8Array([4]);
const BASE = "https://shop.example/";

/** A cache in memory. */
class FakeCache {
  readonly stored = new Map<string, Response>();

  async match(url: string): Promise<Response | undefined> {
    return this.stored.get(url)?.clone();
  }

  async put(url: string, response: Response): Promise<void> {
    this.stored.set(url, response);
  }

  async delete(url: string): Promise<boolean> {
    return this.stored.delete(url);
  }

  async keys(): Promise<{ url: string }[]> {
    return [...this.stored.keys()].map((url) => ({ url }));
  }
}

async function openStore(cache: FakeCache): Promise<ReleaseStore> {
  vi.stubGlobal("caches", { open: async () => cache });
  return ReleaseStore.open("files", BASE, TIMEOUTS);
}

function silent(): Promise<never> {
  return new Promise(() => undefined);
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a release is stored, and files of other releases are deleted", async () => {
  const cache = new FakeCache();
  const store = await openStore(cache);
  store.put("old", DATA);
  store.put("new", DATA);

  expect(await store.adopt(MANIFEST, ["new"], ["new"])).toBe(true);

  expect([...cache.stored.keys()]).toEqual([`${BASE}v1/stored/new`, `${BASE}v1/stored/manifest`]);
  expect(await store.currentManifest()).toEqual(MANIFEST);
  expect(await store.get("new")).toEqual(DATA);
  expect(await store.get("old")).toBeNull();
});

test("a file whose write never ends is read from memory, and its release does not count as stored", async () => {
  const cache = new FakeCache();
  cache.put = silent;
  const store = await openStore(cache);

  store.put("new", DATA);

  expect(await store.get("new")).toEqual(DATA);
  expect(await store.adopt(MANIFEST, ["new"], ["new"])).toBe(false);
});

test.each(["match", "delete", "keys"] as const)(
  "a cache whose %s never responds stores nothing more",
  async (method) => {
    const cache = new FakeCache();
    const store = await openStore(cache);
    store.put("damaged", DATA);
    expect(await store.adopt(MANIFEST, ["damaged"], [])).toBe(true);
    store.put("stale", DATA);
    cache[method] = silent;

    await store.remove("damaged");
    await store.adopt(MANIFEST, ["stale"], []);

    expect(await store.get("stale")).toBeNull();
    expect(await store.currentManifest()).toBeNull();
  },
);

test("a cache that refuses a write still serves what it has", async () => {
  const cache = new FakeCache();
  const store = await openStore(cache);
  store.put("kept", DATA);
  await store.adopt(MANIFEST, ["kept"], ["kept"]);
  cache.put = () => Promise.reject(new DOMException("full", "QuotaExceededError"));

  store.put("new", DATA);

  expect(await store.adopt(MANIFEST, ["new"], ["new"])).toBe(false);
  expect(await store.get("kept")).toEqual(DATA);
});
