import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { dumpHistory, isEncrypted, readHistory, type StoredEvent } from "../src/runtime";

interface Golden {
  readonly passphrase: string;
  readonly events: { readonly item_id: string; readonly event: string; readonly time: number }[];
  readonly plain: string;
  readonly sealed: Readonly<Record<"python" | "page", string>>;
  readonly refused: { readonly name: string; readonly file: string; readonly says: string }[];
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/history_files.json"), "utf8"),
);
const EVENTS: readonly StoredEvent[] = golden.events.map(({ item_id, event, time }) => ({
  itemId: item_id,
  event,
  time,
}));
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

afterEach(() => vi.unstubAllGlobals());

describe("a history file", () => {
  test("without a passphrase has the bytes that Python writes", async () => {
    expect(Buffer.from(await dumpHistory(EVENTS)).toString("base64")).toBe(golden.plain);
    expect(await readHistory(bytesOf(golden.plain))).toEqual(EVENTS);
  });

  test.each(["python", "page"] as const)("sealed by %s is opened, however its accents are typed", async (writer) => {
    const file = bytesOf(golden.sealed[writer]);

    expect(isEncrypted(file)).toBe(true);
    expect(await readHistory(file, golden.passphrase)).toEqual(EVENTS);
    expect(await readHistory(file, golden.passphrase.normalize("NFD"))).toEqual(EVENTS);
  });

  test("is sealed with another salt and nonce each time, and opened again", async () => {
    const [one, other] = [await dumpHistory(EVENTS, golden.passphrase), await dumpHistory(EVENTS, golden.passphrase)];

    expect(one.subarray(13, 40)).not.toEqual(other.subarray(13, 40));
    expect(Buffer.from(one).includes(EVENTS[0]?.itemId ?? "")).toBe(false);
    expect(await readHistory(one, golden.passphrase)).toEqual(EVENTS);
  });

  test.each(golden.refused)("is refused: $name", async ({ file, says }) => {
    await expect(readHistory(bytesOf(file), golden.passphrase)).rejects.toMatchObject({
      name: "HistoryFileError",
      message: expect.stringContaining(says),
    });
  });

  test("is not opened by another passphrase, nor without one", async () => {
    const file = bytesOf(golden.sealed.python);

    await expect(readHistory(file, "cafe au lait")).rejects.toThrow("the passphrase is another one");
    await expect(readHistory(file)).rejects.toThrow("is encrypted. Give the passphrase");
  });

  test("needs a passphrase of eight characters, counted as Python counts them", async () => {
    await expect(dumpHistory([], "🔑🔑🔑🔑🔑🔑🔑")).rejects.toThrow("at least 8 characters, got 7");
  });

  test("names the cause where the browser has no WebCrypto, and can still be written readable", async () => {
    vi.stubGlobal("crypto", { getRandomValues: (array: Uint8Array) => array });

    await expect(dumpHistory(EVENTS, golden.passphrase)).rejects.toThrow("plain http. Open the page over https");
    await expect(readHistory(bytesOf(golden.sealed.python), golden.passphrase)).rejects.toThrow("plain http");
    expect(await readHistory(await dumpHistory(EVENTS))).toEqual(EVENTS);
  });
});

test.each([Number.NaN, -1, 1.5, 2 ** 60])("an event with the time %d is not written", async (time) => {
  await expect(dumpHistory([{ itemId: "a", event: "like", time }])).rejects.toThrow(RangeError);
});

test("a file of a later version asks for an update", async () => {
  const file = new TextEncoder().encode(JSON.stringify({ format: "pocketrec-history", version: 2, events: {} }));
  await expect(readHistory(file)).rejects.toThrow("has version 2, expected 1. Update this page");
});
