/**
 * What a device trusts: the metadata that it has verified, and lower bounds on versions and on the time; twin of
 * `edge_runtime/sync/tuf/trusted.py`.
 */

import type { Bytes } from "../bytes";
import { ExpiredMetadataError, UpdateRefusedError } from "../errors";
import type { Fields } from "../fields";
import type { SignatureCrypto } from "./crypto";
import {
  checkSignatures,
  type Delegation,
  type Document,
  parse,
  type Root,
  readers,
  refusal,
  type Snapshot,
  type Targets,
  type Timestamp,
  TOP_LEVEL,
  type TopLevel,
} from "./metadata";

type Versions = Readonly<Record<string, number>>;

/**
 * Lower bounds that survive the metadata that they came from: the highest versions that a timestamp and a snapshot stated,
 * by file, and a time that has certainly passed, in seconds since 1970. The bounds of a role end when the root takes its
 * keys away, because its statements may then have been an attacker's; the time ends with the keys of the timestamp, whose
 * expiry is what limits it.
 */
export interface Floors {
  readonly timestamp: Versions;
  readonly snapshot: Versions;
  readonly time: number;
}

/** Verified metadata; immutable. */
export interface TrustedMetadata {
  readonly root: Document<Root>;
  readonly timestamp: Document<Timestamp> | null;
  readonly snapshot: Document<Snapshot> | null;
  readonly targets: Document<Targets> | null;
  readonly delegated: ReadonlyMap<string, Document<Targets>>;
  readonly floors: Floors;
}

/**
 * Start from a root file that came with the page or the bundle, and is trusted as it is.
 *
 * @param notBefore a time that has passed, such as when the page was built, in seconds since 1970.
 * @throws UpdateRefusedError it is not a root file signed by its own keys.
 */
export async function pinned(root: Bytes, crypto: SignatureCrypto, notBefore = 0): Promise<TrustedMetadata> {
  const document = parse(root, readers.root, "root");
  await checkSignatures(document, topLevel(document.signed, "root"), crypto, "root");
  const floors = { timestamp: {}, snapshot: {}, time: notBefore };
  return { root: document, timestamp: null, snapshot: null, targets: null, delegated: new Map(), floors };
}

/**
 * What {@link filesOf} and the bounds were saved from. A file that no longer verifies is left out.
 *
 * @throws UpdateRefusedError the root is missing or not valid.
 */
export async function restored(
  files: ReadonlyMap<string, Bytes>,
  floors: Floors,
  crypto: SignatureCrypto,
): Promise<TrustedMetadata> {
  const root = files.get("root");
  if (root === undefined) throw refusal("the saved root is missing");
  const trusted = { ...(await pinned(root, crypto)), floors };
  const delegated = new Map<string, Document<Targets>>();
  for (const [role, raw] of files) {
    const document = (TOP_LEVEL as readonly string[]).includes(role) ? null : parsed(raw, readers.targets);
    if (document !== null) delegated.set(role, document);
  }
  return {
    ...trusted,
    timestamp: await verified(trusted, parsed(files.get("timestamp"), readers.timestamp), "timestamp", crypto),
    snapshot: await verified(trusted, parsed(files.get("snapshot"), readers.snapshot), "snapshot", crypto),
    targets: parsed(files.get("targets"), readers.targets),
    delegated,
  };
}

/** All files, by role, for saving. */
export function filesOf(trusted: TrustedMetadata): ReadonlyMap<string, Bytes> {
  const { root, timestamp, snapshot, targets, delegated } = trusted;
  const files = new Map<string, Bytes>();
  for (const [name, document] of Object.entries({ root, timestamp, snapshot, targets })) {
    if (document !== null) files.set(name, document.raw);
  }
  for (const [role, document] of delegated) files.set(role, document.raw);
  return files;
}

/** The same with a bound on the time, cut off just before the trusted timestamp expires. */
export function raised(trusted: TrustedMetadata, time: number): TrustedMetadata {
  const last = trusted.timestamp === null ? time : trusted.timestamp.signed.expires - 1;
  const { floors } = trusted;
  return { ...trusted, floors: { ...floors, time: Math.max(floors.time, Math.min(time, last)) } };
}

/** The same under the next root: what its keys did not sign is dropped (5.3.11). */
export async function withRoot(
  trusted: TrustedMetadata,
  root: Document<Root>,
  crypto: SignatureCrypto,
): Promise<TrustedMetadata> {
  const [old, now] = [trusted.root.signed, root.signed];
  const isReplaced = { timestamp: areReplaced(old, now, "timestamp"), snapshot: areReplaced(old, now, "snapshot") };
  const floors = {
    ...trusted.floors,
    ...(isReplaced.timestamp ? { timestamp: {}, time: 0 } : {}),
    ...(isReplaced.snapshot ? { snapshot: {} } : {}),
  };
  const under = { ...trusted, root, floors };
  if (isReplaced.timestamp || isReplaced.snapshot) return { ...under, timestamp: null, snapshot: null };
  return {
    ...under,
    timestamp: await verified(under, trusted.timestamp, "timestamp", crypto),
    snapshot: await verified(under, trusted.snapshot, "snapshot", crypto),
  };
}

/** The same with a verified timestamp. */
export function withTimestamp(trusted: TrustedMetadata, timestamp: Document<Timestamp>): TrustedMetadata {
  const { version, snapshot } = timestamp.signed;
  const stated = { "timestamp.json": version, "snapshot.json": snapshot.version };
  return { ...trusted, timestamp, floors: { ...trusted.floors, timestamp: stated } };
}

/** The same with a verified snapshot, without the files that it does not list. */
export function withSnapshot(trusted: TrustedMetadata, snapshot: Document<Snapshot>): TrustedMetadata {
  const { version, meta } = snapshot.signed;
  const stated = Object.fromEntries([...meta].map(([name, file]) => [name, file.version]));
  return {
    ...trusted,
    snapshot,
    delegated: new Map([...trusted.delegated].filter(([role]) => meta.has(`${role}.json`))),
    floors: { ...trusted.floors, snapshot: { ...stated, "snapshot.json": version } },
  };
}

/** The same with a verified file of targets. */
export function withTargets(trusted: TrustedMetadata, role: string, targets: Document<Targets>): TrustedMetadata {
  if (role === "targets") return { ...trusted, targets };
  return { ...trusted, delegated: new Map([...trusted.delegated, [role, targets]]) };
}

/** Who signs a top-level role. */
export function topLevel(root: Root, name: TopLevel): Delegation {
  return { keys: root.keys, role: root.roles[name] };
}

/** Whether a role signed a file. */
export async function isSigned<T extends Timestamp | Snapshot | Targets>(
  document: Document<T>,
  delegation: Delegation,
  crypto: SignatureCrypto,
): Promise<boolean> {
  try {
    await checkSignatures(document, delegation, crypto, "saved");
    return true;
  } catch (error) {
    if (error instanceof UpdateRefusedError) return false;
    throw error;
  }
}

/**
 * Check that a file has not expired.
 *
 * @throws ExpiredMetadataError it has.
 */
export function checkFresh(signed: { readonly expires: number }, name: string, now: number): void {
  if (now < signed.expires) return;
  const [until, today] = [signed.expires, Math.min(now, 8.64e12)].map((time) =>
    new Date(time * 1000).toISOString().slice(0, 16).replace("T", " "),
  );
  throw new ExpiredMetadataError(
    `the server's signed metadata expired: its ${name} file was valid until ${until} UTC, and here it is ${today} UTC. ` +
      "The release in use goes on working. If the date is right, the server has not signed anew, or an old copy was " +
      "served; try again later.",
    signed.expires,
  );
}

/**
 * Check that a version is not below one that was trusted before.
 *
 * @throws UpdateRefusedError it is.
 */
export function checkFloor(version: number, floor: number | undefined, what: string): void {
  if (floor !== undefined && version < floor) {
    throw refusal(`it offers version ${version} of its ${what} file, but this device has seen version ${floor}`);
  }
}

async function verified<T extends Timestamp | Snapshot>(
  trusted: TrustedMetadata,
  document: Document<T> | null,
  name: "timestamp" | "snapshot",
  crypto: SignatureCrypto,
): Promise<Document<T> | null> {
  if (document === null) return null;
  return (await isSigned(document, topLevel(trusted.root.signed, name), crypto)) ? document : null;
}

/** Whether the keys that could sign a role, as many as its threshold, are no longer trusted with it. */
function areReplaced(old: Root, now: Root, name: TopLevel): boolean {
  const [before, after] = [publicKeys(old, name), publicKeys(now, name)];
  const kept = [...before].filter((key) => after.has(key));
  return kept.length < Math.min(old.roles[name].threshold, before.size);
}

function publicKeys(root: Root, name: TopLevel): ReadonlySet<string> {
  return new Set(root.roles[name].keyids.flatMap((keyid) => root.keys.get(keyid)?.public ?? []));
}

function parsed<T extends Root | Timestamp | Snapshot | Targets>(
  raw: Bytes | undefined,
  read: (signed: Fields) => T,
): Document<T> | null {
  try {
    return raw === undefined ? null : parse(raw, read, "saved");
  } catch (error) {
    if (error instanceof UpdateRefusedError) return null;
    throw error;
  }
}
