/** A delta pack: what leads from files of one release to those of another (SPEC section 13). */

import { readEntries } from "../arrays";
import type { FileEntry, Manifest } from "../bundleJson";
import type { Bytes } from "../bytes";
import { DELTA_MAGIC, MAX_DELTA_FILE_BYTES, MAX_DELTA_RESULT_BYTES, MAX_HEADER_BYTES } from "../constants";
import { checkFile } from "../digest";
import { BundleError, BundleIntegrityError, DeltaError, messageOf } from "../errors";
import { inflate } from "../inflate";
import { Cursor } from "./cursor";
import { changed } from "./operations";
import { formOf, OCTET, readOlder } from "./tables";

const PACK = "delta pack";
const OCTETS = 0;
const ARRAYS = 1;
/** Bytes of the length of a safetensors header. */
const HEAD_BYTES = 8;

/** The delta of one file. */
interface Delta {
  readonly entry: FileEntry;
  readonly kind: number;
  readonly nBytes: number;
  readonly deflated: Bytes;
}

export class Pack {
  private constructor(private readonly deltas: ReadonlyMap<string, Delta>) {}

  /**
   * Read the table of a pack; nothing is decompressed.
   *
   * @param files of the manifest that it leads to.
   * @throws DeltaError the table is malformed, or does not fit the manifest.
   */
  static read(data: Bytes, { files }: Pick<Manifest, "files">): Pack {
    const cursor = new Cursor(data, PACK);
    const magic = text(cursor.take(DELTA_MAGIC.length));
    if (magic !== DELTA_MAGIC) throw cursor.error(`found ${JSON.stringify(magic)}, expected ${DELTA_MAGIC}`);
    const entries = new Map(files.map((entry) => [entry.name, entry]));
    const nFiles = cursor.number();
    if (nFiles > entries.size) throw cursor.error(`found ${nFiles} files, expected at most ${entries.size}`);
    const sizes = Array.from({ length: nFiles }, () => readSizes(cursor, entries));
    const total = sizes.reduce((sum, { entry }) => sum + entry.bytes, 0);
    if (total > MAX_DELTA_RESULT_BYTES) {
      throw cursor.error(`found files of ${total} bytes in all, expected at most ${MAX_DELTA_RESULT_BYTES}`);
    }
    const deltas = new Map(
      sizes.map(({ nDeflated, ...sizes }) => [sizes.entry.name, { ...sizes, deflated: cursor.take(nDeflated) }]),
    );
    cursor.end();
    return new Pack(deltas);
  }

  /** The files that it can make. */
  get names(): string[] {
    return [...this.deltas.keys()];
  }

  /**
   * Make a file.
   *
   * @param name one of `names`.
   * @param old the file of this name in the older release, whose digest was verified; null if it has none.
   * @throws DeltaError the delta is malformed, or does not lead from `old` to the file of the manifest.
   */
  async apply(name: string, old: Bytes | null): Promise<Bytes> {
    const delta = this.deltas.get(name);
    if (delta === undefined) throw new DeltaError(name, `found deltas of ${this.names}`);
    const cursor = new Cursor(await payloadOf(delta), name);
    const data = delta.kind === OCTETS ? octets(cursor, delta.entry, old) : arrays(cursor, delta.entry, old);
    cursor.end();
    try {
      await checkFile(data, delta.entry);
    } catch (error) {
      if (error instanceof BundleIntegrityError) throw new DeltaError(name, error.message);
      throw error;
    }
    return data;
  }
}

/** Read one entry of the table, which names each file once. */
function readSizes(cursor: Cursor, entries: Map<string, FileEntry>): Omit<Delta, "deflated"> & { nDeflated: number } {
  const name = text(cursor.take(cursor.number()));
  const entry = entries.get(name);
  if (entry === undefined) {
    throw cursor.error(`found the file ${JSON.stringify(name.slice(0, 100))}, expected each of the manifest once`);
  }
  entries.delete(name);
  const [kind, nBytes, nDeflated] = [cursor.number(), cursor.number(), cursor.number()];
  if (kind !== OCTETS && kind !== ARRAYS) throw cursor.error(`found the kind ${kind}, expected ${OCTETS} or ${ARRAYS}`);
  if (entry.bytes > MAX_DELTA_FILE_BYTES) {
    throw cursor.error(`${name}: found a file of ${entry.bytes} bytes, expected at most ${MAX_DELTA_FILE_BYTES}`);
  }
  const most = Math.min(2 * entry.bytes, MAX_DELTA_FILE_BYTES) + 64;
  if (nBytes > most) throw cursor.error(`${name}: found a delta of ${nBytes} bytes, expected at most ${most}`);
  return { entry, kind, nBytes, nDeflated };
}

async function payloadOf({ entry, nBytes, deflated }: Delta): Promise<Bytes> {
  let data: Bytes;
  try {
    data = await inflate(deflated, "deflate-raw", nBytes, entry.name);
  } catch (error) {
    throw new DeltaError(entry.name, messageOf(error));
  }
  if (data.length !== nBytes) throw new DeltaError(entry.name, `found ${data.length} bytes, expected ${nBytes}`);
  return data;
}

function octets(cursor: Cursor, entry: FileEntry, old: Bytes | null): Bytes {
  return changed(cursor, OCTET, entry.bytes, old === null ? undefined : { form: OCTET, data: old });
}

/** A safetensors file; its header is in the delta, or that of the older file. */
function arrays(cursor: Cursor, entry: FileEntry, old: Bytes | null): Bytes {
  const older = readOlder(old);
  const stated = cursor.take(cursor.number());
  const header = stated.length > 0 ? stated : older.header;
  const start = HEAD_BYTES + header.length;
  if (header.length > MAX_HEADER_BYTES || start > entry.bytes) {
    throw cursor.error(`found a header of ${header.length} bytes in a file of ${entry.bytes}`);
  }
  const tensors = entriesOf(header, entry.bytes - start, entry.name);
  const made = new Uint8Array(entry.bytes);
  new DataView(made.buffer).setBigUint64(0, BigInt(header.length), true);
  made.set(header, HEAD_BYTES);
  for (const tensor of tensors) {
    const data = changed(cursor, formOf(tensor), tensor.stop - tensor.start, older.tables.get(tensor.name));
    made.set(data, start + tensor.start);
  }
  return made;
}

function entriesOf(header: Bytes, bodyBytes: number, name: string) {
  try {
    return readEntries(header, bodyBytes, name);
  } catch (error) {
    if (error instanceof BundleError) throw new DeltaError(name, error.message);
    throw error;
  }
}

/** Names are ASCII; other bytes become characters that no name has. */
function text(bytes: Bytes): string {
  return String.fromCharCode(...bytes.subarray(0, 200));
}
