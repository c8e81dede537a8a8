/** A lock that one tab of the page holds at a time, so that only one tab loads the language model into memory. */

import { within } from "../runtime/deadline";

const TIMEOUT_MS = 3000;

/** Release the lock; resolves once another tab can take it. */
export type Release = () => Promise<void>;

/**
 * Take a lock by name; null if another tab holds it.
 *
 * @param locks the browser's lock manager. If it is undefined, refuses or does not respond, every call gets the lock.
 */
export async function takeLock(
  name: string,
  locks: LockManager | undefined,
  timeoutMs: number = TIMEOUT_MS,
): Promise<Release | null> {
  if (locks === undefined) return released;
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let ended: Promise<unknown> = Promise.resolve();
  const answer = new Promise<boolean>((resolve, reject) => {
    ended = locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : held;
    });
    ended.catch(reject);
  });
  try {
    const isMine = await within(answer, timeoutMs, "the browser does not respond");
    if (!isMine) return null;
  } catch {
    // A lock that is granted later is released at once.
    release();
    return released;
  }
  return async () => {
    release();
    await ended;
  };
}

async function released(): Promise<void> {}
