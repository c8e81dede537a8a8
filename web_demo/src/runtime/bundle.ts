/**
 * A bundle over HTTP or from a cache: the manifest is parsed after its size has been checked, files after their digests
 * have been verified (SPEC section 1).
 */

import type { FileEntry, Manifest } from "./bundleJson";
import type { Bytes } from "./bytes";
import { CHUNK_BYTES, MANIFEST_NAME, MAX_MANIFEST_BYTES } from "./constants";
import type { Pack } from "./delta/pack";
import { checkChunk, checkFile } from "./digest";
import { BundleError, BundleIntegrityError, FetchError, messageOf } from "./errors";
import { fileNamed, fileOfRole, parseManifest } from "./manifest";

/** Stores files between visits, by digest. */
export interface FileStore {
  get(sha256: string): Promise<Bytes | null>;
  /** Start to store verified bytes; `get` returns them at once. The browser may have no space for them. */
  put(sha256: string, data: Bytes): void;
  remove(sha256: string): Promise<void>;
}

/** A verified file. */
export interface Checked {
  readonly name: string;
  readonly data: Bytes;
}

export type Fetch = (url: string, stop?: AbortSignal) => Promise<Response>;
export type Progress = (entry: FileEntry, received: number) => void;

/** The address of a file of a bundle. */
export type FileUrl = (entry: FileEntry) => string;

/** The address of a channel's manifest on a server. */
export function manifestUrl(base: string, target: string): string {
  return `${base}v1/channels/${target}/${MANIFEST_NAME}`;
}

/** The addresses of files on a server. */
export function serverUrls(base: string): FileUrl {
  return ({ sha256 }) => `${base}v1/files/${sha256}`;
}

/**
 * Download the bytes of the newest manifest, without parsing them.
 *
 * @throws FetchError the server cannot be reached, or does not have the channel.
 */
export async function fetchManifest(fetch: Fetch, url: string): Promise<Bytes> {
  const response = await ask(fetch, url);
  return readAtMost(response, MAX_MANIFEST_BYTES, MANIFEST_NAME);
}

/**
 * Download a small file; null if the server has none at this address.
 *
 * @throws BundleError it has more than `maxBytes`.
 * @throws FetchError the server cannot be reached, or responds with another error.
 */
export async function fetchSmall(fetch: Fetch, url: string, maxBytes: number): Promise<Bytes | null> {
  try {
    return await readAtMost(await ask(fetch, url), maxBytes, url);
  } catch (error) {
    if (error instanceof FetchError && error.status === 404) return null;
    throw error;
  }
}

export class Bundle {
  readonly manifest: Manifest;

  /**
   * @param bytes of the manifest.
   * @throws BundleError the manifest violates SPEC section 2.
   */
  constructor(
    readonly bytes: Bytes,
    private readonly urlOf: FileUrl,
    private readonly fetch: Fetch,
    private readonly store: FileStore,
    private readonly progress: Progress = () => undefined,
  ) {
    this.manifest = parseManifest(bytes);
  }

  /** Read the file with a role that this bundle has. */
  role(role: string): Promise<Checked> {
    return this.read(fileOfRole(this.manifest, role));
  }

  /** Read a file by its name. */
  file(name: string, stop?: AbortSignal): Promise<Checked> {
    return this.read(fileNamed(this.manifest, name), stop);
  }

  /**
   * Return a file's bytes from the store or the server; the digest is verified in both cases.
   *
   * @param stop aborts the download.
   * @throws BundleIntegrityError the server's bytes do not match the manifest.
   * @throws FetchError the file is not stored, and the server cannot be reached or the download was aborted.
   */
  async read(entry: FileEntry, stop?: AbortSignal): Promise<Checked> {
    const stored = await this.stored(entry);
    if (stored !== null) return { name: entry.name, data: stored };
    const response = await ask(this.fetch, this.urlOf(entry), stop);
    const data = await this.receive(response, entry);
    await checkFile(data, entry);
    this.store.put(entry.sha256, data);
    return { name: entry.name, data };
  }

  /** A file's bytes from the store, verified; null if it is not stored. */
  async stored(entry: FileEntry): Promise<Bytes | null> {
    const data = await this.store.get(entry.sha256);
    if (data === null) return null;
    try {
      await checkFile(data, entry);
      return data;
    } catch (error) {
      if (!(error instanceof BundleIntegrityError)) throw error;
      // The stored copy is damaged; the server may have an intact one.
      await this.store.remove(entry.sha256);
      return null;
    }
  }

  /**
   * Make files by a delta from those of an older bundle, and store them; what cannot be made is left to `read`.
   *
   * @param pack the delta pack, whose digest was verified.
   * @param older its files are read from the store.
   * @returns the bytes of the files that were made.
   * @throws DeltaError the pack is malformed, or does not lead to this bundle's files.
   */
  async make(pack: Pack, entries: readonly FileEntry[], older: Bundle): Promise<number> {
    let nBytes = 0;
    for (const entry of entries.filter(({ name }) => pack.names.includes(name))) {
      const before = older.manifest.files.find(({ name }) => name === entry.name);
      const data = await pack.apply(entry.name, before === undefined ? null : await older.stored(before));
      this.store.put(entry.sha256, data);
      nBytes += data.length;
    }
    return nBytes;
  }

  /** Receive exactly the stated number of bytes, verifying the chunks of a large file as they arrive. */
  private async receive(response: Response, entry: FileEntry): Promise<Bytes> {
    const claimed = response.headers.get("content-length");
    // A compressed response states its compressed length, so only an uncompressed one can be rejected early.
    if (claimed !== null && response.headers.get("content-encoding") === null && Number(claimed) !== entry.bytes) {
      throw new BundleIntegrityError(entry.name, `${entry.bytes} bytes`, `${claimed} bytes`);
    }
    const data = new Uint8Array(entry.bytes);
    let received = 0;
    let checked = 0;
    for await (const piece of piecesOf(response)) {
      if (received + piece.length > data.length) {
        throw new BundleIntegrityError(entry.name, `${entry.bytes} bytes`, "more");
      }
      data.set(piece, received);
      received += piece.length;
      this.progress(entry, received);
      for (
        ;
        checked < entry.chunkSha256.length && received >= Math.min((checked + 1) * CHUNK_BYTES, data.length);
        checked++
      ) {
        await checkChunk(data, checked, entry);
      }
    }
    return data.subarray(0, received);
  }
}

async function ask(fetch: Fetch, url: string, stop?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, stop);
  } catch (error) {
    throw new FetchError(`The server cannot be reached (${messageOf(error)}).`);
  }
  if (!response.ok)
    throw new FetchError(`The server responded with status ${response.status} for ${url}.`, response.status);
  return response;
}

async function readAtMost(response: Response, limit: number, source: string): Promise<Bytes> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  for await (const piece of piecesOf(response)) {
    total += piece.length;
    if (total > limit) throw new BundleError(`${source}: more than ${limit} bytes`);
    pieces.push(piece);
  }
  const data = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

/** The chunks of the body; throws FetchError if the connection breaks. */
async function* piecesOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    while (true) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new FetchError(`The download was interrupted (${messageOf(error)}).`);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
