/** A lock that one tab of the page holds at a time, for the sake of the machine's memory. */

import { within } from "../runtime/deadline";

const TIMEOUT_MS = 3000;

/** Give it up; resolves once another tab may have it. */
export type Release = () => Promise<void>;

/**
 * Take the lock called `name`, or null where another tab has it.
 *
 * @param locks the browser's, or undefined: without them, and where its blocked storage refuses them or never answers, the
 *   lock is taken by whoever asks.
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
    const isMine = await within(answer, timeoutMs, "the browser does not answer");
    if (!isMine) return null;
  } catch {
    // What is answered later is given up at once.
    release();
    return released;
  }
  return async () => {
    release();
    await ended;
  };
}

async function released(): Promise<void> {}
