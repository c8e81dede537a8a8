import { describe, expect, test } from "vitest";
import { takeLock } from "../../src/worker/lock";
import { Locks } from "./fakes";

const SOON_MS = 20;

describe("the lock", () => {
  test("belongs to one tab, and to the next once it is given up", async () => {
    const locks = new Locks();

    const first = await takeLock("model", locks.manager);
    const meanwhile = await takeLock("model", locks.manager);
    await first?.();
    const after = await takeLock("model", locks.manager);

    expect(first).not.toBeNull();
    expect(meanwhile).toBeNull();
    expect(after).not.toBeNull();
  });

  test.each([
    ["has none", undefined],
    ["refuses them", { request: () => Promise.reject(new DOMException("blocked", "SecurityError")) }],
    ["never answers", { request: () => new Promise(() => undefined) }],
  ])("is anybody's where the browser %s", async (_name, locks) => {
    const release = await takeLock("model", locks as LockManager | undefined, SOON_MS);

    expect(release).not.toBeNull();
    await release?.();
  });
});
