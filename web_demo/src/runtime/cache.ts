/** The browser's Cache Storage, with a deadline for every call (ADR 0027). */

import type { Bytes } from "./bytes";
import { DeadlineError, within } from "./deadline";

const TIMEOUT_MS = 3000;
/** A whole file may be large; nothing waits for a write before it ranks. */
const FILE_TIMEOUT_MS = 30_000;

/** Milliseconds for a call, and for reading or writing a whole file. */
export interface Timeouts {
  readonly call: number;
  readonly file: number;
}

/**
 * A cache whose calls always settle and never throw: what the browser refuses counts as not stored. After a call that
 * did not respond in time, the cache is not used again.
 */
export class BoundedCache {
  private constructor(
    private cache: Cache | null,
    private readonly timeouts: Timeouts,
  ) {}

  /** Open a cache by name; if the browser refuses or does not respond, nothing is stored. */
  static async open(name: string, timeouts: Timeouts = { call: TIMEOUT_MS, file: FILE_TIMEOUT_MS }) {
    const cache = await within(responding(name), timeouts.call, "").catch(() => null);
    return new BoundedCache(cache, timeouts);
  }

  /** Whether the browser lets this page store anything. */
  get isUsable(): boolean {
    return this.cache !== null;
  }

  async has(url: string): Promise<boolean> {
    return (await this.match(url)) !== undefined;
  }

  /** The bytes stored under an address, or null. */
  async read(url: string): Promise<Bytes | null> {
    const response = await this.match(url);
    const data = await this.attempt(async () => response?.arrayBuffer(), undefined, this.timeouts.file);
    return data === undefined ? null : new Uint8Array(data);
  }

  /** Store bytes; return whether the browser has stored them. */
  write(url: string, data: Bytes): Promise<boolean> {
    const put = (cache: Cache) => cache.put(url, new Response(data)).then(() => true);
    return this.attempt(put, false, this.timeouts.file);
  }

  async remove(url: string): Promise<void> {
    await this.attempt((cache) => cache.delete(url), false);
  }

  /** Delete everything that is stored under other addresses. */
  async keepOnly(urls: ReadonlySet<string>): Promise<void> {
    const stored = await this.attempt((cache) => cache.keys(), []);
    await Promise.all(stored.filter(({ url }) => !urls.has(url)).map(({ url }) => this.remove(url)));
  }

  private match(url: string): Promise<Response | undefined> {
    return this.attempt((cache) => cache.match(url), undefined);
  }

  private async attempt<T>(
    call: (cache: Cache) => Promise<T>,
    otherwise: T,
    timeoutMs = this.timeouts.call,
  ): Promise<T> {
    if (this.cache === null) return otherwise;
    try {
      return await within(call(this.cache), timeoutMs, "the browser's cache does not respond");
    } catch (error) {
      if (error instanceof DeadlineError) this.cache = null;
      return otherwise;
    }
  }
}

/** A cache that has served one request: some browsers open a cache and then fail on its first use. */
async function responding(name: string): Promise<Cache> {
  const cache = await caches.open(name);
  await cache.match("an address that nothing is kept under");
  return cache;
}
