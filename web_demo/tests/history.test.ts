import "fake-indexeddb/auto";
import { openDB } from "idb";
import { describe, expect, test, vi } from "vitest";
import { openHistory } from "../src/runtime/history";

describe("the history", () => {
  test("keeps events in their order, for the next visit too", async () => {
    const history = await openHistory("kept");
    await history.add("a", "like", 1);
    await history.add("b", "dislike", 2);

    const again = await (await openHistory("kept")).all();

    expect(history.persistent).toBe(true);
    expect(again.map(({ itemId, event }) => [itemId, event])).toEqual([
      ["a", "like"],
      ["b", "dislike"],
    ]);
  });

  test("removes one event and leaves the others", async () => {
    const history = await openHistory("removing");
    await history.add("a", "like", 1);
    await history.add("a", "like", 2);
    const [first] = await history.all();

    await history.remove(first?.id ?? -1);

    expect((await history.all()).map(({ at }) => at)).toEqual([2]);
  });

  test("forgets everything, the database itself included, and goes on", async () => {
    const history = await openHistory("forgetting");
    await history.add("a", "like", 1);

    await history.forget();

    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain("forgetting");
    await history.add("b", "like", 2);
    expect((await history.all()).map(({ id, itemId }) => [id, itemId])).toEqual([[1, "b"]]);
  });

  test("keeps settings for the next visit, takes them away, and forgets them", async () => {
    const history = await openHistory("settings");
    await history.set("variety", 0.4);

    expect(await (await openHistory("settings")).setting("variety")).toBe(0.4);
    await history.set("variety", null);
    expect(await history.setting("variety")).toBeNull();
    await history.set("variety", 0.6);
    await history.forget();
    expect(await history.setting("variety")).toBeNull();
  });

  test("of a page that knew no settings is taken over", async () => {
    const old = await openDB("older", 1, {
      upgrade: (database) => database.createObjectStore("events", { keyPath: "id", autoIncrement: true }),
    });
    await old.add("events", { itemId: "a", event: "like", at: 1 });
    old.close();

    const history = await openHistory("older");

    expect((await history.all()).map(({ itemId }) => itemId)).toEqual(["a"]);
    expect(await history.setting("variety")).toBeNull();
  });

  test("lets another tab forget", async () => {
    const [one, other] = [await openHistory("tabs"), await openHistory("tabs")];
    await one.add("a", "like", 1);
    await other.all();

    await other.forget();

    expect(await one.all()).toEqual([]);
  });

  test("lives in memory where the browser gives no storage", async () => {
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });

    const history = await openHistory("private");
    await history.add("a", "like", 1);
    await history.set("variety", 0.4);

    expect(history.persistent).toBe(false);
    expect(await history.all()).toHaveLength(1);
    expect(await history.setting("variety")).toBe(0.4);
    await history.forget();
    expect(await history.setting("variety")).toBeNull();
  });
});
