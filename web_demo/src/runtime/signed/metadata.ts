/**
 * The metadata files of The Update Framework: their fields, and how they are parsed and their signatures checked; twin of
 * `edge_runtime/sync/tuf/metadata.py`.
 */

import type { Bytes } from "../bytes";
import { BundleError, messageOf, UpdateRefusedError } from "../errors";
import { Fields, type Range } from "../fields";
import { type Json, parseJson } from "../json";
import { canonicalJson, checkIntegers } from "./canonical";
import type { SignatureCrypto } from "./crypto";

export const TOP_LEVEL = ["root", "timestamp", "snapshot", "targets"] as const;
export type TopLevel = (typeof TOP_LEVEL)[number];

interface Key {
  readonly keytype: string;
  readonly scheme: string;
  readonly public: string;
}

/** Which keys may sign a file, and how many of them must. */
interface Role {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** A role with the keys that its key ids refer to. */
export interface Delegation {
  readonly keys: ReadonlyMap<string, Key>;
  readonly role: Role;
}

/** What one metadata file says of another. */
export interface MetaFile {
  readonly version: number;
  readonly length: number | null;
  readonly sha256: string | null;
}

interface Signed {
  readonly version: number;
  /** When it expires, in seconds since 1970. */
  readonly expires: number;
}

export interface Root extends Signed {
  readonly keys: ReadonlyMap<string, Key>;
  readonly roles: Readonly<Record<TopLevel, Role>>;
}

export interface Timestamp extends Signed {
  readonly snapshot: MetaFile;
}

export interface Snapshot extends Signed {
  readonly meta: ReadonlyMap<string, MetaFile>;
}

/** A role that another one trusts with some targets, given as path patterns or as prefixes of the paths' digests. */
export interface DelegatedRole extends Role {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths: readonly string[] | null;
  readonly prefixes: readonly string[] | null;
}

export interface Targets extends Signed {
  readonly targets: ReadonlyMap<string, TargetEntry>;
  readonly keys: ReadonlyMap<string, Key>;
  readonly roles: readonly DelegatedRole[];
}

interface TargetEntry {
  readonly length: number;
  readonly sha256: string;
  readonly custom: Json;
}

/** A parsed metadata file: as received, its content, the bytes that its signatures cover, and signatures by key id. */
export interface Document<T extends Signed> {
  readonly raw: Bytes;
  readonly signed: T;
  readonly message: Bytes;
  readonly signatures: ReadonlyMap<string, string>;
}

const VERSION: Range = { min: 1, max: Number.MAX_SAFE_INTEGER };
const LENGTH: Range = { min: 0, max: Number.MAX_SAFE_INTEGER };
const SOME: Range = { min: 1, max: Number.POSITIVE_INFINITY };
const ANY = { min: 0, max: Number.POSITIVE_INFINITY, key: { min: 0, max: Number.POSITIVE_INFINITY } };
const DIGEST = /^[0-9a-f]{64}$/;
const SIGNATURE = /^[0-9a-f]{128}$/;
export const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/;
const SPEC_VERSION = /^1\.[0-9]+(?:\.[0-9]+)?$/;

export const readers = { root: readRoot, timestamp: readTimestamp, snapshot: readSnapshot, targets: readTargets };

/**
 * Parse a metadata file, whose length the caller has checked.
 *
 * @param read reads the content.
 * @param name its role, for errors.
 * @throws UpdateRefusedError it is not a metadata file of this type.
 */
export function parse<T extends Signed>(raw: Bytes, read: (signed: Fields) => T, name: string): Document<T> {
  try {
    const document = parseJson(raw, name);
    checkIntegers(document);
    const envelope = Fields.of(document, name);
    const listed = envelope.objects("signatures", ANY).map((one) => [one.text("keyid"), one.text("sig")] as const);
    const signatures = new Map(listed);
    if (signatures.size !== listed.length) throw new BundleError("a key id has two signatures");
    const message = canonicalJson(envelope.raw("signed") ?? null);
    return { raw, signed: read(envelope.nested("signed")), message, signatures };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw refusal(`its ${name} file is not valid metadata: ${messageOf(error)}`);
  }
}

/**
 * Check that enough distinct keys of a role signed a file.
 *
 * @throws UpdateRefusedError they did not.
 */
export async function checkSignatures<T extends Signed>(
  document: Document<T>,
  delegation: Delegation,
  crypto: SignatureCrypto,
  name: string,
): Promise<void> {
  const { size } = await signersOf(document, delegation, crypto);
  if (size < delegation.role.threshold) {
    throw refusal(
      `its ${name} file ${document.signed.version} is signed by ${size} of the keys that this device trusts ` +
        `with it, expected ${delegation.role.threshold}`,
    );
  }
}

/** The keys of a role that signed a file, as their public keys and their ids: two ids of one key count once. */
export async function signersOf<T extends Signed>(
  document: Document<T>,
  { keys, role }: Delegation,
  crypto: SignatureCrypto,
): Promise<ReadonlyMap<string, string>> {
  const signers = new Map<string, string>();
  for (const keyid of role.keyids) {
    const [key, signature] = [keys.get(keyid), document.signatures.get(keyid)];
    if (key && signature && (await isSignedBy(key, signature, document.message, crypto)))
      signers.set(key.public, keyid);
  }
  return signers;
}

/** Whether a file has the length and the digest that another one states, as far as they are given. */
export async function matches(raw: Bytes, stated: MetaFile, crypto: SignatureCrypto): Promise<boolean> {
  if (stated.length !== null && stated.length !== raw.length) return false;
  return stated.sha256 === null || (await crypto.sha256(raw)) === stated.sha256;
}

/** The error for metadata that cannot be trusted. */
export function refusal(reason: string): UpdateRefusedError {
  return new UpdateRefusedError(
    `the server's signed metadata is refused: ${reason}. Nothing was changed. If the address is right, the server, or ` +
      "something between it and this device, is damaged, outdated or hostile.",
  );
}

async function isSignedBy(key: Key, signature: string, message: Bytes, crypto: SignatureCrypto): Promise<boolean> {
  if (key.keytype !== "ed25519" || key.scheme !== "ed25519") return false;
  if (!DIGEST.test(key.public) || !SIGNATURE.test(signature)) return false;
  return crypto.verifyEd25519(fromHex(key.public), fromHex(signature), message);
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

function readSigned(fields: Fields, kind: string): Signed {
  if (fields.text("_type") !== kind) throw new BundleError(`it is of another type than ${kind}`);
  fields.matching("spec_version", SPEC_VERSION);
  return { version: fields.integer("version", VERSION), expires: readTime(fields.matching("expires", TIME)) };
}

/** Seconds since 1970. */
export function readTime(text: string): number {
  const milliseconds = Date.parse(text);
  // Not every parser refuses a 30th of February.
  if (Number.isNaN(milliseconds) || !new Date(milliseconds).toISOString().startsWith(text.slice(0, -1))) {
    throw new BundleError(`there is no such time as ${text}`);
  }
  if (text.startsWith("0000")) throw new BundleError("there is no year 0");
  return milliseconds / 1000;
}

function readRoot(fields: Fields): Root {
  const signed = readSigned(fields, "root");
  if (fields.raw("consistent_snapshot") !== true) throw new BundleError("consistent_snapshot is not true");
  const roles = fields.nested("roles");
  if (roles.names().length !== TOP_LEVEL.length) throw new BundleError("there are other roles");
  const [root, timestamp, snapshot, targets] = TOP_LEVEL.map((name) => readRole(roles.nested(name)));
  if (!root || !timestamp || !snapshot || !targets) throw new BundleError("a role is missing");
  return { ...signed, keys: readKeys(fields), roles: { root, timestamp, snapshot, targets } };
}

function readTimestamp(fields: Fields): Timestamp {
  const meta = fields.nested("meta");
  if (meta.names().length !== 1) throw new BundleError("a timestamp is about other files");
  return { ...readSigned(fields, "timestamp"), snapshot: readMetaFile(meta.nested("snapshot.json")) };
}

function readSnapshot(fields: Fields): Snapshot {
  return { ...readSigned(fields, "snapshot"), meta: mapOf(fields, "meta", readMetaFile) };
}

function readTargets(fields: Fields): Targets {
  const delegations = fields.optional("delegations", (one) => ({
    keys: readKeys(one),
    roles: one.objects("roles", ANY).map(readDelegatedRole),
  }));
  const roles = delegations?.roles ?? [];
  if (new Set(roles.map(({ name }) => name)).size !== roles.length)
    throw new BundleError("a role is delegated to twice");
  const targets = mapOf(fields, "targets", (one) => ({
    length: one.integer("length", LENGTH),
    sha256: readHashes(one.nested("hashes")),
    custom: one.raw("custom") ?? null,
  }));
  return { ...readSigned(fields, "targets"), targets, keys: delegations?.keys ?? new Map(), roles };
}

function readKeys(fields: Fields): ReadonlyMap<string, Key> {
  return mapOf(fields, "keys", (key) => ({
    keytype: key.text("keytype"),
    scheme: key.text("scheme"),
    public: key.nested("keyval").text("public"),
  }));
}

function mapOf<T>(fields: Fields, name: string, read: (one: Fields) => T): ReadonlyMap<string, T> {
  return fields.map(name, ANY, (values, key) => read(values.nested(key)));
}

function readRole(fields: Fields): Role {
  const keyids = fields.texts("keyids");
  if (new Set(keyids).size !== keyids.length) throw new BundleError("a role lists a key id twice");
  return { keyids, threshold: fields.integer("threshold", VERSION) };
}

function readDelegatedRole(fields: Fields): DelegatedRole {
  const name = fields.text("name", SOME);
  if ((TOP_LEVEL as readonly string[]).includes(name)) throw new BundleError(`a delegated role has the name ${name}`);
  const terminating = fields.raw("terminating");
  if (typeof terminating !== "boolean") throw new BundleError("terminating is neither true nor false");
  const [paths, prefixes] = [optionalTexts(fields, "paths"), optionalTexts(fields, "path_hash_prefixes")];
  if ((paths === null) === (prefixes === null)) {
    throw new BundleError("a delegated role has no paths");
  }
  if (paths?.some((pattern) => pattern.includes("["))) {
    throw new BundleError("a path pattern has a bracket");
  }
  return { ...readRole(fields), name, terminating, paths, prefixes };
}

function optionalTexts(fields: Fields, name: string): readonly string[] | null {
  return (fields.raw(name) ?? null) === null ? null : fields.texts(name);
}

function readMetaFile(fields: Fields): MetaFile {
  return {
    version: fields.integer("version", VERSION),
    length: (fields.raw("length") ?? null) === null ? null : fields.integer("length", LENGTH),
    sha256: fields.optional("hashes", readHashes),
  };
}

function readHashes(fields: Fields): string {
  if (fields.names().length !== 1) throw new BundleError("a file has other digests than SHA-256");
  return fields.matching("sha256", DIGEST);
}
