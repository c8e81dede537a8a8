/** Verified files in the browser's Cache Storage, by digest, and the manifest of the release that is complete in it. */

import type { FileStore } from "./bundle";
import { within } from "./deadline";
import type { Bytes } from "./json";

const PREFIX = "v1/stored/";
const TIMEOUT_MS = 3000;

/** The cache called `name`, or null where the browser refuses it or does not answer. */
export async function openCache(name: string, timeoutMs: number = TIMEOUT_MS): Promise<Cache | null> {
  try {
    return await within(answering(name), timeoutMs, "the browser's cache does not answer");
  } catch {
    return null;
  }
}

/** A cache that has answered once: some browsers open one and then fail at the first look. */
async function answering(name: string): Promise<Cache> {
  const cache = await caches.open(name);
  await cache.match("an address that nothing is kept under");
  return cache;
}

/** Keeps one release, and beside it the files of the next while it is fetched. */
export class ReleaseStore implements FileStore {
  private constructor(
    private readonly cache: Cache | null,
    private readonly base: string,
  ) {}

  /** Open the cache `name`; where the browser has none, or it does not answer, an empty store that keeps nothing. */
  static async open(name: string, base: string, timeoutMs: number = TIMEOUT_MS): Promise<ReleaseStore> {
    return new ReleaseStore(await openCache(name, timeoutMs), base);
  }

  get(sha256: string): Promise<Bytes | null> {
    return this.read(sha256);
  }

  async put(sha256: string, data: Bytes): Promise<void> {
    await this.write(sha256, data);
  }

  async remove(sha256: string): Promise<void> {
    await this.cache?.delete(this.url(sha256));
  }

  /** The manifest of the release whose files are all here, or null. */
  currentManifest(): Promise<Bytes | null> {
    return this.read("manifest");
  }

  /**
   * Make a release the current one and drop the files of others.
   *
   * @param required digests without which the release cannot work offline.
   * @param wanted digests that stay if they are here.
   * @returns whether the browser kept it.
   */
  async adopt(manifest: Bytes, required: readonly string[], wanted: readonly string[]): Promise<boolean> {
    if (this.cache === null) return false;
    const kept = await Promise.all(required.map((sha256) => this.cache?.match(this.url(sha256))));
    if (kept.includes(undefined) || !(await this.write("manifest", manifest))) return false;
    const staying = new Set([...wanted, "manifest"].map((name) => this.url(name)));
    const stale = (await this.cache.keys()).filter((request) => !staying.has(request.url));
    await Promise.all(stale.map((request) => this.cache?.delete(request)));
    return true;
  }

  private url(name: string): string {
    return `${this.base}${PREFIX}${name}`;
  }

  private async read(name: string): Promise<Bytes | null> {
    const response = await this.cache?.match(this.url(name));
    return response === undefined ? null : new Uint8Array(await response.arrayBuffer());
  }

  private async write(name: string, data: Bytes): Promise<boolean> {
    if (this.cache === null) return false;
    try {
      await this.cache.put(this.url(name), new Response(data));
      return true;
    } catch {
      // The disk is full or the browser keeps nothing: the page works on what it has in memory.
      return false;
    }
  }
}
