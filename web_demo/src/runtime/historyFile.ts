/**
 * A history as a file, for the user's own other device: JSON, or the same encrypted with a passphrase. The format is that
 * of `edge_runtime/state/history_file.py` (ADR 0038).
 */

import { readStoredEvent, type StoredEvent } from "./bundleJson";
import type { Bytes } from "./bytes";
import {
  ITERATIONS,
  MAX_HISTORY_BYTES,
  MAX_HISTORY_EVENTS,
  MAX_ITERATIONS,
  MIN_ITERATIONS,
  MIN_PASSPHRASE,
} from "./constants";
import { BundleError, HistoryFileError, InsecureAddressError } from "./errors";
import { Fields } from "./fields";
import { parseJson } from "./json";

export type { StoredEvent } from "./bundleJson";

const FORMAT = "pocketrec-history";
const MAGIC = new TextEncoder().encode("pockhist\u0001");
const SALT_BYTES = 15;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_AT = MAGIC.length + 4;
const NONCE_AT = SALT_AT + SALT_BYTES;
const HEADER_BYTES = NONCE_AT + NONCE_BYTES;

/**
 * The file of some events, oldest first.
 *
 * @param passphrase encrypts the file; null leaves it readable.
 * @throws RangeError the passphrase has fewer than eight characters, or there are too many events, or one is not valid.
 * @throws InsecureAddressError the browser cannot encrypt, because the page is not in a secure context.
 */
export async function dumpHistory(events: readonly StoredEvent[], passphrase: string | null = null): Promise<Bytes> {
  if (events.length > MAX_HISTORY_EVENTS) {
    throw new RangeError(`the history has ${events.length} events, a file at most ${MAX_HISTORY_EVENTS}`);
  }
  const stored = events.map(({ itemId, event, time }) => ({ item_id: itemId, event, time }));
  const data = new TextEncoder().encode(JSON.stringify({ format: FORMAT, version: 1, events: stored }));
  try {
    eventsOf(data);
  } catch (error) {
    throw new RangeError(`an event is not valid: ${(error as Error).message}`);
  }
  return passphrase === null ? data : sealed(data, passphrase);
}

/**
 * The events of a file, oldest first.
 *
 * @param passphrase for an encrypted file.
 * @throws HistoryFileError the file is too large, damaged, of another program, or encrypted with another passphrase.
 * @throws InsecureAddressError the browser cannot decrypt, because the page is not in a secure context.
 */
export async function readHistory(data: Bytes, passphrase: string | null = null): Promise<readonly StoredEvent[]> {
  if (data.length > MAX_HISTORY_BYTES) {
    throw new HistoryFileError(
      "too large",
      `the history file has ${data.length} bytes, expected at most ${MAX_HISTORY_BYTES}.`,
    );
  }
  if (!isEncrypted(data)) return eventsOf(data);
  if (passphrase === null) {
    throw new HistoryFileError(
      "no passphrase",
      "the history file is encrypted. Give the passphrase that it was written with.",
    );
  }
  return eventsOf(await opened(data, passphrase));
}

/** Whether a history file is encrypted. */
export function isEncrypted(data: Uint8Array): boolean {
  return MAGIC.every((byte, index) => data[index] === byte);
}

async function sealed(data: Bytes, passphrase: string): Promise<Bytes> {
  const length = [...passphrase].length;
  if (length < MIN_PASSPHRASE) {
    throw new RangeError(`the passphrase must have at least ${MIN_PASSPHRASE} characters, got ${length}.`);
  }
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  new DataView(header.buffer).setUint32(MAGIC.length, ITERATIONS);
  crypto.getRandomValues(header.subarray(SALT_AT));
  const key = await keyOf(passphrase, header, ITERATIONS);
  const body = new Uint8Array(await crypto.subtle.encrypt(algorithmOf(header), key, data));
  const file = new Uint8Array(HEADER_BYTES + body.length);
  file.set(header);
  file.set(body, HEADER_BYTES);
  return file;
}

async function opened(data: Bytes, passphrase: string): Promise<Bytes> {
  const [header, body] = [data.slice(0, HEADER_BYTES), data.slice(HEADER_BYTES)];
  const iterations = header.length < HEADER_BYTES ? 0 : new DataView(header.buffer).getUint32(MAGIC.length);
  if (body.length < TAG_BYTES || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new HistoryFileError("cut", "the history file is cut short or was changed. Write it again.");
  }
  const key = await keyOf(passphrase, header, iterations);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithmOf(header), key, body));
  } catch {
    throw new HistoryFileError(
      "wrong passphrase",
      "the history file cannot be decrypted: the passphrase is another one, or the file was changed.",
    );
  }
}

/** The key of AES-256-GCM that PBKDF2 derives from a passphrase and the salt of a header. */
async function keyOf(passphrase: string, header: Bytes, iterations: number): Promise<CryptoKey> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new InsecureAddressError(
      "Browsers neither encrypt nor decrypt for pages that were loaded over plain http. Open the page over https.",
    );
  }
  const text = new TextEncoder().encode(passphrase.normalize("NFC"));
  const given = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveKey"]);
  const salt = header.slice(SALT_AT, NONCE_AT);
  const derivation = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(derivation, given, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** The whole header is authenticated. */
function algorithmOf(header: Bytes): AesGcmParams {
  return { name: "AES-GCM", iv: header.slice(NONCE_AT), additionalData: header, tagLength: 8 * TAG_BYTES };
}

function eventsOf(data: Bytes): readonly StoredEvent[] {
  try {
    const file = Fields.of(parseJson(data, "the history"), "the history");
    const version = file.raw("version");
    if (file.raw("format") === FORMAT && typeof version === "number" && version > 1) {
      throw new HistoryFileError(
        "newer",
        `the history file has version ${version}, expected 1. Update this page to read it.`,
      );
    }
    if (file.raw("format") !== FORMAT || version !== 1) {
      throw new BundleError(`format must be "${FORMAT}" and version 1`);
    }
    return file.objects("events", { min: 0, max: MAX_HISTORY_EVENTS }).map(storedEvent);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw new HistoryFileError(
      "other file",
      `this is not a history file: ${error.message}. Expected one of this page or of \`pocketrec history export\`.`,
    );
  }
}

function storedEvent(fields: Fields): StoredEvent {
  if (fields.names().length !== 3) throw new BundleError(`${fields.where}: expected item_id, event and time`);
  return readStoredEvent(fields);
}
