/**
 * Verified files in the browser's Cache Storage, by digest. Which release they belong to is in `trustStore.ts`; where that
 * keeps nothing, such as after the visit of an older version of the page, it is the manifest that is stored here too.
 */

import type { FileStore } from "./bundle";
import type { Bytes } from "./bytes";
import { BoundedCache, type Timeouts } from "./cache";

const PREFIX = "v1/stored/";

interface Write {
  readonly data: Bytes;
  readonly done: Promise<boolean>;
}

/** Stores one release, and the files of the next one while it is downloaded. */
export class ReleaseStore implements FileStore {
  /** Files that are being written, by digest; they are read from memory until then. */
  private readonly writes = new Map<string, Write>();

  private constructor(
    private readonly cache: BoundedCache,
    private readonly base: string,
  ) {}

  /** Open a store by name; if the browser's cache is not available, nothing is stored. */
  static async open(name: string, base: string, timeouts?: Timeouts): Promise<ReleaseStore> {
    return new ReleaseStore(await BoundedCache.open(name, timeouts), base);
  }

  /** Whether the browser lets this page store anything. */
  get isUsable(): boolean {
    return this.cache.isUsable;
  }

  async get(sha256: string): Promise<Bytes | null> {
    return this.writes.get(sha256)?.data ?? this.cache.read(this.url(sha256));
  }

  /** Start to write a file. Nothing waits for the browser to store it, except `adopt`. */
  put(sha256: string, data: Bytes): void {
    const done = this.cache.write(this.url(sha256), data).finally(() => this.writes.delete(sha256));
    this.writes.set(sha256, { data, done });
  }

  async remove(sha256: string): Promise<void> {
    await this.cache.remove(this.url(sha256));
  }

  /** The manifest of the release that is stored completely, or null. */
  currentManifest(): Promise<Bytes | null> {
    return this.cache.read(this.url("manifest"));
  }

  /**
   * Make a release the current one and delete the files of others, once all files are written.
   *
   * @param required digests of the files that the release needs offline.
   * @param optional digests of files to keep if they are stored.
   * @param point makes the pointer to the release durable; false if another tab uses another release by now.
   * @returns whether the release is stored.
   */
  async adopt(
    manifest: Bytes,
    required: readonly string[],
    optional: readonly string[],
    point: () => Promise<boolean> = async () => true,
  ): Promise<boolean> {
    await Promise.all([...this.writes.values()].map(({ done }) => done));
    const kept = await Promise.all(required.map((sha256) => this.cache.has(this.url(sha256))));
    if (kept.includes(false) || !(await point())) return false;
    if (!(await this.cache.write(this.url("manifest"), manifest))) return false;
    await this.cache.keepOnly(new Set([...optional, "manifest"].map((name) => this.url(name))));
    return true;
  }

  private url(name: string): string {
    return `${this.base}${PREFIX}${name}`;
  }
}
