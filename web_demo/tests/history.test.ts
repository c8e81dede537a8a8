import "fake-indexeddb/auto";
import { openDB } from "idb";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { NewEvent } from "../src/runtime/events";
import { openHistory } from "../src/runtime/history";

const SOON_MS = 40;

function event(itemId: string, name: string, at: number, title: string | null = null): NewEvent {
  return { itemId, event: name, at, title };
}

function silentRequest(): IDBOpenDBRequest {
  const request = Object.create(IDBOpenDBRequest.prototype) as IDBOpenDBRequest;
  return Object.assign(request, { addEventListener: () => undefined, removeEventListener: () => undefined });
}

/** What the browser does with every request to open or delete a database; null: it never answers. */
function storageThat(answers: (() => never) | null): void {
  const act = () => (answers === null ? silentRequest() : answers());
  vi.spyOn(indexedDB, "open").mockImplementation(act);
  vi.spyOn(indexedDB, "deleteDatabase").mockImplementation(act);
}

afterEach(() => vi.restoreAllMocks());

describe("the history", () => {
  test("keeps events in their order, for the next visit too", async () => {
    const history = await openHistory("kept");
    await history.add(event("a", "like", 1));
    await history.add(event("b", "dislike", 2));

    const again = await (await openHistory("kept")).all();

    expect(history.storageError).toBeNull();
    expect(again.map(({ itemId, event }) => [itemId, event])).toEqual([
      ["a", "like"],
      ["b", "dislike"],
    ]);
  });

  test("removes one event and leaves the others", async () => {
    const history = await openHistory("removing");
    await history.add(event("a", "purchase", 1));
    await history.add(event("a", "purchase", 2));
    const [first] = await history.all();

    await history.remove(first?.id ?? -1);

    expect((await history.all()).map(({ at }) => at)).toEqual([2]);
  });

  test("is deleted with its database, and can be used again", async () => {
    const history = await openHistory("forgetting");
    await history.add(event("a", "like", 1));

    await history.clear();

    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain("forgetting");
    await history.add(event("b", "like", 2));
    expect((await history.all()).map(({ id, itemId }) => [id, itemId])).toEqual([[1, "b"]]);
  });

  test("keeps settings for the next visit, removes single ones, and deletes all", async () => {
    const history = await openHistory("settings");
    await history.set("diversity", 0.4);

    expect(await (await openHistory("settings")).setting("diversity")).toBe(0.4);
    await history.set("diversity", null);
    expect(await history.setting("diversity")).toBeNull();
    await history.set("diversity", 0.6);
    await history.clear();
    expect(await history.setting("diversity")).toBeNull();
  });

  test.each(["stored", "in memory"])(
    "%s merges events of another device by their times, and twice adds none",
    async (kind) => {
      if (kind === "in memory")
        storageThat(() => {
          throw new DOMException("denied", "SecurityError");
        });
      const history = await openHistory(`merging ${kind}`);
      await history.add(event("a", "like", 10, "A"));
      await history.add(event("b", "click", 30));
      const coming = [
        event("c", "view_in_store", 20),
        event("b", "click", 30),
        event("b", "click", 5),
        event("a", "like", 40),
      ];

      expect(await history.merge(coming)).toBe(2);
      expect(await history.merge(coming)).toBe(0);

      const all = await history.all();
      expect(all.map(({ itemId, event, at, title }) => [itemId, event, at, title])).toEqual([
        ["b", "click", 5, null],
        ["a", "like", 10, "A"],
        ["c", "view_in_store", 20, null],
        ["b", "click", 30, null],
      ]);
      expect(new Set(all.map(({ id }) => id)).size).toBe(4);
      expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((one, other) => one - other));
    },
  );

  test("of a version without settings is migrated", async () => {
    const old = await openDB("older", 1, {
      upgrade: (database) => database.createObjectStore("events", { keyPath: "id", autoIncrement: true }),
    });
    await old.add("events", { itemId: "a", event: "like", at: 1 });
    old.close();

    const history = await openHistory("older");

    expect((await history.all()).map(({ itemId }) => itemId)).toEqual(["a"]);
    expect(await history.setting("diversity")).toBeNull();
  });

  test("can be deleted by another tab", async () => {
    const [one, other] = [await openHistory("tabs"), await openHistory("tabs")];
    await one.add(event("a", "like", 1));
    await other.all();

    await other.clear();

    expect(await one.all()).toEqual([]);
  });

  test("counts an opinion once, whichever tab it came from, and lets purchases repeat", async () => {
    const [one, other] = [await openHistory("opinions"), await openHistory("opinions")];

    await Promise.all([one.add(event("a", "like", 1)), other.add(event("a", "like", 2))]);
    await one.add(event("a", "purchase", 3));
    await one.add(event("a", "purchase", 4));
    await one.add(event("a", "dislike", 5));

    expect((await one.all()).map(({ event }) => event)).toEqual(["like", "purchase", "purchase", "dislike"]);
  });

  test("keeps the title of an item, and has none for events of older versions", async () => {
    const history = await openHistory("titles");
    await history.add(event("a", "like", 1, "Lavender Soap"));
    const old = await openDB("titles", 2);
    await old.add("events", { itemId: "b", event: "like", at: 2 });
    old.close();

    expect((await history.all()).map(({ title }) => title)).toEqual(["Lavender Soap", null]);
  });

  test.each([
    ["refuses", new DOMException("denied", "SecurityError"), "refused"],
    ["has no room", new DOMException("full", "QuotaExceededError"), "full"],
    ["holds a newer page's", new DOMException("newer", "VersionError"), "newerPage"],
  ])("is kept in memory with a notice if the browser %s", async (_name, error, problem) => {
    storageThat(() => {
      throw error;
    });

    const history = await openHistory("refused");
    await history.add(event("a", "like", 1));
    await history.add(event("a", "like", 2));
    await history.set("diversity", 0.4);

    expect(history.storageError).toBe(problem);
    expect((await history.all()).map(({ id, itemId }) => [id, itemId])).toEqual([[1, "a"]]);
    expect(await history.setting("diversity")).toBe(0.4);
  });

  test("is kept in memory with a notice if the storage never responds", async () => {
    storageThat(null);

    const history = await openHistory("silent", SOON_MS);
    await history.add(event("a", "like", 1));

    expect(history.storageError).toBe("noResponse");
    expect(await history.all()).toHaveLength(1);
  });

  test("names another tab that blocks the storage", async () => {
    const old = await openDB("held", 1, {
      upgrade: (database) => database.createObjectStore("events", { keyPath: "id", autoIncrement: true }),
    });

    const history = await openHistory("held", SOON_MS);

    expect(history.storageError).toBe("otherTab");
    old.close();
  });

  test("continues in memory with the events read so far if the storage fails", async () => {
    const history = await openHistory("failing", SOON_MS);
    await history.add(event("a", "like", 1));
    await history.set("diversity", 0.4);
    await history.all();
    vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
      throw new DOMException("lost", "UnknownError");
    });

    await history.add(event("b", "like", 2));

    expect((await history.all()).map(({ id, itemId }) => [id, itemId])).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
    expect(await history.setting("diversity")).toBe(0.4);
    expect(history.storageError).not.toBeNull();
  });

  test("in memory also deletes stored events of earlier visits", async () => {
    await (await openHistory("earlier")).add(event("a", "like", 1));
    const silent = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
      throw new DOMException("lost", "UnknownError");
    });
    const history = await openHistory("earlier", SOON_MS);
    silent.mockRestore();

    await history.clear();

    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain("earlier");
  });

  test("reports that events of earlier visits could not be deleted", async () => {
    storageThat(null);
    const history = await openHistory("out of reach", SOON_MS);
    await history.add(event("a", "like", 1));

    await expect(history.clear()).rejects.toThrow("clear the data of this site");

    expect(await history.all()).toEqual([]);
  });
});
