/** Verifies SHA-256 digests with WebCrypto, which cannot stream; hence the chunk digests of large files. */

import type { FileEntry } from "./bundleJson";
import type { Bytes } from "./bytes";
import { CHUNK_BYTES } from "./constants";
import { BundleIntegrityError } from "./errors";

/** Lower-case hex SHA-256. Without WebCrypto, on pages that were loaded over plain http, it takes several times as long. */
export async function sha256(data: Bytes): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) return (await import("./signed/software")).softwareCrypto.sha256(data);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Compare bytes with their manifest entry: the length first, then the digest.
 *
 * @throws BundleIntegrityError they differ.
 */
export async function checkFile(data: Bytes, entry: FileEntry): Promise<void> {
  if (data.length !== entry.bytes) {
    throw new BundleIntegrityError(entry.name, `${entry.bytes} bytes`, `${data.length} bytes`);
  }
  compare(entry.name, entry.sha256, await sha256(data));
}

/** Verify one 4 MiB chunk of a large file, so that a damaged download ends early. */
export async function checkChunk(data: Bytes, index: number, entry: FileEntry): Promise<void> {
  const chunk = data.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  compare(`${entry.name}, chunk ${index + 1}`, entry.chunkSha256[index] ?? "", await sha256(chunk));
}

function compare(name: string, expected: string, found: string): void {
  if (expected !== found) {
    throw new BundleIntegrityError(name, `sha256 ${expected.slice(0, 12)}…`, `sha256 ${found.slice(0, 12)}…`);
  }
}
