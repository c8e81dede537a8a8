import "fake-indexeddb/auto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConflictError, type InUse, TrustStore } from "../src/runtime/trustStore";

const BASE = "https://shop.example/";
let nStores = 0;

function inUse(release: number): InUse {
  return { manifest: new Uint8Array([release]), signedBy: null, arrival: null };
}

/** Two tabs of one browser. */
function tabs(): [TrustStore, TrustStore] {
  const name = `store ${nStores++}`;
  return [new TrustStore(name, BASE), new TrustStore(name, BASE)];
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("what a page trusts", () => {
  test("is there at the next visit, and the draw stays", async () => {
    const [first, next] = tabs();
    await first.load();
    await first.saveMetadata({ metadata: new Map([["root", new Uint8Array([1])]]) });
    await first.use(inUse(1));

    const kept = await next.load();

    expect(kept.metadata.get("root")).toEqual(new Uint8Array([1]));
    expect(kept.inUse).toEqual(inUse(1));
    expect(kept.draw).toEqual(first.kept.draw);
    expect(kept.draw.some((byte) => byte !== 0)).toBe(true);
    expect(next.isDurable).toBe(true);
  });

  test("of another address is not there", async () => {
    const [first] = tabs();
    await first.use(inUse(1));
    const other = new TrustStore(`store ${nStores - 1}`, "https://shop.example/other/");

    expect((await other.load()).inUse).toBeNull();
  });

  test("is not overwritten by a tab that has read it before", async () => {
    const [first, second] = tabs();
    await first.load();
    await second.load();
    await first.saveMetadata({ documents: new Map([["a", new Uint8Array([1])]]) });

    await expect(second.saveMetadata({ documents: new Map() })).rejects.toThrow(ConflictError);
    expect((await second.load()).documents.size).toBe(1);
    await second.saveMetadata({ documents: new Map() });
    expect((await first.load()).documents.size).toBe(0);
  });

  test("is saved without the pointer that another tab has moved, which stays", async () => {
    const [first, second] = tabs();
    await first.load();
    await second.load();
    await first.use(inUse(2));

    await second.saveMetadata({ documents: new Map() });

    expect((await second.load()).inUse).toEqual(inUse(2));
  });

  test("points to the release of the tab that moved the pointer first", async () => {
    const [first, second] = tabs();
    await first.use(inUse(1));
    await second.load();
    expect(await first.use(inUse(2))).toBe(true);

    expect(await second.use(inUse(1))).toBe(false);

    expect((await second.load()).inUse).toEqual(inUse(2));
    expect(await second.use(inUse(2))).toBe(true);
  });

  test.each([
    ["refuses", () => Promise.reject(new Error("blocked"))],
    ["never responds", () => new Promise<never>(() => undefined)],
  ])("is in memory if the storage %s", async (_, open) => {
    const store = new TrustStore("blocked", BASE, 20);
    Object.defineProperty(store, "connection", { value: open() });

    await store.saveMetadata({ metadata: new Map([["root", new Uint8Array([1])]]) });

    expect(await store.use(inUse(1))).toBe(true);
    expect((await store.load()).metadata.size).toBe(1);
    expect(store.isDurable).toBe(false);
  });

  test("stays when the place in rollouts is drawn anew", async () => {
    const [store, next] = tabs();
    await store.use(inUse(1));
    const before = store.kept.draw;

    await store.redraw();

    expect((await next.load()).draw).not.toEqual(before);
    expect(next.kept.inUse).toEqual(inUse(1));
  });

  test("is written in one strict transaction", async () => {
    const [store] = tabs();
    await store.load();
    const begin = vi.spyOn(IDBDatabase.prototype, "transaction");

    await store.use(inUse(1));

    expect(begin.mock.calls.map(([, mode, options]) => [mode, options])).toEqual([
      ["readwrite", { durability: "strict" }],
    ]);
    begin.mockRestore();
  });
});
