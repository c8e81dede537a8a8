import "fake-indexeddb/auto";
import { afterEach, expect, test } from "vitest";
import { openHistory, type PersistentHistory } from "../../src/runtime/history";
import { dumpHistory } from "../../src/runtime/historyFile";
import type { Releases } from "../../src/worker/releases";
import { Session } from "../../src/worker/session";
import { Llamas, Locks, reasonWriterParts } from "./fakes";

const CHANNEL = "session tests";
const RELEASES = {} as Releases;
const TRUST = { redraw: async () => undefined };
const channels: BroadcastChannel[] = [];

afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
});

/** A tab without a release. */
function tab(history: PersistentHistory): Session {
  const channel = new BroadcastChannel(CHANNEL);
  channels.push(channel);
  const parts = reasonWriterParts(new Llamas(), new Locks());
  return new Session(
    () => undefined,
    history,
    () => RELEASES,
    parts,
    channel,
    TRUST,
    "en",
  );
}

async function stored(name: string): Promise<readonly unknown[]> {
  const history = await openHistory(name);
  return [...(await history.all()), ...[await history.setting("diversity")].filter((value) => value !== null)];
}

test("a position of the slider that waits while data is deleted is not stored afterwards", async () => {
  const session = tab(await openHistory("slider"));

  const moving = Promise.all([session.setDiversity(0.4), session.setDiversity(0.6)]);
  await Promise.all([session.deleteData(), moving]);

  expect(await stored("slider")).toEqual([]);
});

test("a history file that is being read while data is deleted is refused", async () => {
  const file = await dumpHistory([{ itemId: "a", event: "like", time: 1 }], null);
  const session = tab(await openHistory("file"));

  const [answer] = await Promise.all([session.importHistory(file, null), session.deleteData()]);

  expect(answer).toMatchObject({ refused: "deleted" });
  expect(await stored("file")).toEqual([]);
});

test("other tabs are told of a deletion, so that what they have begun stores nothing afterwards", async () => {
  const [one, other] = [await openHistory("tabs"), await openHistory("tabs")];
  const session = tab(one);
  tab(other);

  await session.deleteData();

  await expect.poll(() => other.clears).toBe(1);
});

test("an item is shown again as soon as it is hidden, and what was liked stays", async () => {
  const session = tab(await openHistory("hidden"));
  await session.addEvent("a", "like");
  await session.addEvent("b", "dislike");

  await session.unhide("b");

  expect(await stored("hidden")).toMatchObject([{ itemId: "a", event: "like" }]);
});
