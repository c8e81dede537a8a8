/** Verified files in the browser's Cache Storage, by digest, and the manifest of the release that is stored completely. */

import type { FileStore } from "./bundle";
import { within } from "./deadline";
import type { Bytes } from "./json";

const PREFIX = "v1/stored/";
const TIMEOUT_MS = 3000;

/** Open a cache; null if the browser refuses or does not respond. */
export async function openCache(name: string, timeoutMs: number = TIMEOUT_MS): Promise<Cache | null> {
  try {
    return await within(responding(name), timeoutMs, "the browser's cache does not respond");
  } catch {
    return null;
  }
}

/** A cache that has served one request: some browsers open a cache and then fail on its first use. */
async function responding(name: string): Promise<Cache> {
  const cache = await caches.open(name);
  await cache.match("an address that nothing is kept under");
  return cache;
}

/** Stores one release, and the files of the next one while it is downloaded. */
export class ReleaseStore implements FileStore {
  private constructor(
    private readonly cache: Cache | null,
    private readonly base: string,
  ) {}

  /** Open a store by name; if the browser's cache is not available, nothing is stored. */
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

  /** The manifest of the release that is stored completely, or null. */
  currentManifest(): Promise<Bytes | null> {
    return this.read("manifest");
  }

  /**
   * Make a release the current one and delete the files of others.
   *
   * @param required digests of the files that the release needs offline.
   * @param optional digests of files to keep if they are stored.
   * @returns whether the release is stored.
   */
  async adopt(manifest: Bytes, required: readonly string[], optional: readonly string[]): Promise<boolean> {
    if (this.cache === null) return false;
    const kept = await Promise.all(required.map((sha256) => this.cache?.match(this.url(sha256))));
    if (kept.includes(undefined) || !(await this.write("manifest", manifest))) return false;
    const staying = new Set([...optional, "manifest"].map((name) => this.url(name)));
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
      // The disk is full, or the browser stores nothing: the page continues with the files in memory.
      return false;
    }
  }
}
