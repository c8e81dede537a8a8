/** Decompresses up to a limit, with the browser's own decompressor. */

import type { Bytes } from "./bytes";
import { BundleError, messageOf } from "./errors";

/** `deflate` is zlib (RFC 1950), `deflate-raw` is a stream without header and checksum (RFC 1951). */
export type Format = "deflate" | "deflate-raw";

/**
 * Decompress one stream.
 *
 * @param source names it in errors.
 * @throws BundleError it is none, does not end where the data end, or exceeds `maxBytes`.
 */
export async function inflate(data: Bytes, format: Format, maxBytes: number, source: string): Promise<Bytes> {
  const pieces: Bytes[] = [];
  for await (const piece of inflated(data, format, maxBytes, source)) pieces.push(piece);
  // Some decompressors ignore trailing bytes. Only a stream with such bytes is complete without the last one.
  if (await isComplete(data.subarray(0, -1), format, maxBytes, source)) {
    throw new BundleError(`${source}: the stream does not end where the file ends`);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function isComplete(data: Bytes, format: Format, maxBytes: number, source: string): Promise<boolean> {
  try {
    for await (const _ of inflated(data, format, maxBytes, source));
    return true;
  } catch {
    return false;
  }
}

async function* inflated(data: Bytes, format: Format, maxBytes: number, source: string): AsyncGenerator<Bytes> {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  let total = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      total += next.value.length;
      if (total > maxBytes) throw new BundleError(`${source}: decompresses to more than ${maxBytes} bytes`);
      yield next.value;
    }
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError(`${source}: not one complete ${format} stream (${messageOf(error)})`);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
