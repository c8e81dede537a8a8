/**
 * The client workflow of The Update Framework (section 5 of its specification, version 1.0) as generators; twin of
 * `edge_runtime/sync/tuf/client.py`.
 *
 * A generator yields a {@link Wanted} for each file that it needs; the caller sends the file, or null if there is no such
 * file, and gets the result as the generator's return value.
 */

import type { Bytes } from "../bytes";
import type { Json } from "../json";
import type { SignatureCrypto } from "./crypto";
import {
  checkSignatures,
  type DelegatedRole,
  type Delegation,
  type Document,
  type MetaFile,
  matches,
  parse,
  readers,
  refusal,
  type Snapshot,
  type Targets,
  type Timestamp,
} from "./metadata";
import { isCovered } from "./paths";
import {
  checkFloor,
  checkFresh,
  isSigned,
  raised,
  type TrustedMetadata,
  topLevel,
  withRoot,
  withSnapshot,
  withTargets,
  withTimestamp,
} from "./trusted";

const MAX_ROOTS = 256;
const MAX_DELEGATIONS = 32;
const MAX_ROOT_BYTES = 512_000;
const MAX_TIMESTAMP_BYTES = 16_384;
const MAX_SNAPSHOT_BYTES = 2_000_000;
const MAX_TARGETS_BYTES = 5_000_000;
/** The time bound is raised by at least this much, so that most checks without news have nothing to save. */
const CLOCK_STEP_S = 3600;

/** A file that is needed next. */
export interface Wanted {
  /** Its name in the repository's metadata folder, percent-encoded. */
  readonly name: string;
  /** The caller need not read more than this; a longer file is refused. */
  readonly maxBytes: number;
  /** What is verified so far. The caller saves it if the update ends here, for whatever reason. */
  readonly trusted: TrustedMetadata;
}

/** What is signed of a target. */
export interface TargetFile {
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
  readonly custom: Json;
  readonly role: string;
}

/** What is verified after a search, and the target, or null if no trusted role has it. */
export interface Found {
  readonly trusted: TrustedMetadata;
  readonly file: TargetFile | null;
}

export type Steps<T> = AsyncGenerator<Wanted, T, Bytes | null>;

/**
 * Update the top-level metadata.
 *
 * @param now the clock, in seconds since 1970; a time before the trusted bound counts as that.
 * @throws UpdateRefusedError a file is missing, too long, malformed, not signed as it must be, or older than before.
 * @throws ExpiredMetadataError a file has expired.
 */
export async function* update(trusted: TrustedMetadata, now: number, crypto: SignatureCrypto): Steps<TrustedMetadata> {
  const rooted = yield* newestRoot(trusted, crypto);
  const time = Math.max(now, rooted.floors.time); // not before the roots, which may end the bound
  checkFresh(rooted.root.signed, "root", time);
  const [stamped, timestamp] = yield* newestTimestamp(rooted, time, crypto);
  const [listed, snapshot] = yield* currentSnapshot(stamped, timestamp.snapshot, time, crypto);
  const targets = topLevel(listed.root.signed, "targets");
  const [updated] = yield* currentTargets(listed, snapshot, "targets", targets, time, crypto);
  // Nothing has expired at this time, so that raising the bound to it cannot rule out newer metadata.
  return time >= updated.floors.time + CLOCK_STEP_S ? raised(updated, time) : updated;
}

/**
 * Find what is signed of a target, in pre-order through the delegations (5.6.7).
 *
 * @param trusted the result of {@link update}.
 * @throws RangeError there has been no update.
 * @throws UpdateRefusedError a delegated file on the way is missing, malformed or not signed as it must be.
 * @throws ExpiredMetadataError it has expired.
 */
export async function* target(
  trusted: TrustedMetadata,
  path: string,
  now: number,
  crypto: SignatureCrypto,
): Steps<Found> {
  if (trusted.snapshot === null) throw new RangeError("there is no snapshot yet: run `update` first");
  const [snapshot, time] = [trusted.snapshot.signed, Math.max(now, trusted.floors.time)];
  const toVisit: [string, Delegation][] = [["targets", topLevel(trusted.root.signed, "targets")]];
  const visited = new Set<string>();
  let verified = trusted;
  for (let next = toVisit.pop(); next !== undefined && visited.size <= MAX_DELEGATIONS; next = toVisit.pop()) {
    const [role, delegation] = next;
    if (visited.has(role)) continue;
    visited.add(role);
    const [after, targets] = yield* currentTargets(verified, snapshot, role, delegation, time, crypto);
    verified = after;
    const entry = targets.targets.get(path);
    if (entry !== undefined) return { trusted: verified, file: { path, role, ...entry } };
    const children = await delegated(targets, path, crypto);
    if (children.at(-1)?.terminating) toVisit.length = 0;
    for (const child of children.reverse()) toVisit.push([child.name, { keys: targets.keys, role: child }]);
  }
  return { trusted: verified, file: null };
}

/** Run a generator, and save what was verified before a failure; not the result. */
export async function drive<T>(
  steps: Steps<T>,
  fetch: (name: string, maxBytes: number) => Promise<Bytes | null>,
  save: (trusted: TrustedMetadata) => Promise<void>,
): Promise<T> {
  let verified: TrustedMetadata | null = null;
  try {
    let step = await steps.next(null);
    while (!step.done) {
      verified = step.value.trusted;
      step = await steps.next(await fetch(step.value.name, step.value.maxBytes));
    }
    return step.value;
  } catch (error) {
    if (verified !== null) await save(verified);
    throw error;
  }
}

/** The roles that are trusted with a path, in order, up to the first terminating one. */
async function delegated(targets: Targets, path: string, crypto: SignatureCrypto): Promise<DelegatedRole[]> {
  const roles: DelegatedRole[] = [];
  for (const role of targets.roles) {
    if (!(await isCovered(path, role, crypto))) continue;
    roles.push(role);
    if (role.terminating) break;
  }
  return roles;
}

/** Follow the chain of roots, of which each is signed by its own keys and by those of the one before (5.3). */
async function* newestRoot(trusted: TrustedMetadata, crypto: SignatureCrypto): Steps<TrustedMetadata> {
  let newest = trusted;
  for (let step = 0; step < MAX_ROOTS; step += 1) {
    const version = newest.root.signed.version + 1;
    const raw = yield { name: `${version}.root.json`, maxBytes: MAX_ROOT_BYTES, trusted: newest };
    if (raw === null) break;
    const root = parse(bounded(raw, MAX_ROOT_BYTES, "root"), readers.root, "root");
    await checkSignatures(root, topLevel(newest.root.signed, "root"), crypto, "root");
    await checkSignatures(root, topLevel(root.signed, "root"), crypto, "root");
    checkVersion(root, version, "root");
    newest = await withRoot(newest, root, crypto);
  }
  return newest;
}

/** Fetch the timestamp (5.4). One with the known version is ignored, whatever it says. */
async function* newestTimestamp(
  trusted: TrustedMetadata,
  time: number,
  crypto: SignatureCrypto,
): Steps<[TrustedMetadata, Timestamp]> {
  const raw = yield { name: "timestamp.json", maxBytes: MAX_TIMESTAMP_BYTES, trusted };
  const timestamp = parse(present(raw, MAX_TIMESTAMP_BYTES, "timestamp"), readers.timestamp, "timestamp");
  await checkSignatures(timestamp, topLevel(trusted.root.signed, "timestamp"), crypto, "timestamp");
  const [{ signed }, { floors, timestamp: here }] = [timestamp, trusted];
  checkFloor(signed.version, floors.timestamp["timestamp.json"], "timestamp");
  if (here !== null && here.signed.version === signed.version) {
    checkFresh(here.signed, "timestamp", time);
    return [trusted, here.signed];
  }
  for (const stated of [floors.timestamp, floors.snapshot]) {
    checkFloor(signed.snapshot.version, stated["snapshot.json"], "snapshot");
  }
  checkFresh(signed, "timestamp", time);
  return [withTimestamp(trusted, timestamp), signed];
}

/** Fetch the snapshot that the timestamp states, unless it is here (5.5). */
async function* currentSnapshot(
  trusted: TrustedMetadata,
  stated: MetaFile,
  time: number,
  crypto: SignatureCrypto,
): Steps<[TrustedMetadata, Snapshot]> {
  const here = trusted.snapshot;
  if (here !== null && (await isStated(here, stated, crypto))) {
    checkFresh(here.signed, "snapshot", time);
    return [trusted, here.signed];
  }
  const maxBytes = limit(stated, MAX_SNAPSHOT_BYTES, "snapshot");
  const raw = yield { name: `${stated.version}.snapshot.json`, maxBytes, trusted };
  const snapshot = parse(await asStated(raw, stated, maxBytes, "snapshot", crypto), readers.snapshot, "snapshot");
  await checkSignatures(snapshot, topLevel(trusted.root.signed, "snapshot"), crypto, "snapshot");
  checkVersion(snapshot, stated.version, "snapshot");
  for (const [name, floor] of Object.entries(trusted.floors.snapshot)) {
    if (name === "snapshot.json") continue;
    const file = snapshot.signed.meta.get(name);
    if (file === undefined) throw refusal(`its snapshot file ${stated.version} no longer lists ${name}`);
    checkFloor(file.version, floor, name.replace(/\.json$/, ""));
  }
  checkFresh(snapshot.signed, "snapshot", time);
  return [withSnapshot(trusted, snapshot), snapshot.signed];
}

/** Fetch the file of a role with targets that the snapshot states, unless it is here (5.6). */
async function* currentTargets(
  trusted: TrustedMetadata,
  snapshot: Snapshot,
  role: string,
  delegation: Delegation,
  time: number,
  crypto: SignatureCrypto,
): Steps<[TrustedMetadata, Targets]> {
  const stated = snapshot.meta.get(`${role}.json`);
  if (stated === undefined) throw refusal(`its snapshot file does not list ${role}.json`);
  const here = role === "targets" ? trusted.targets : (trusted.delegated.get(role) ?? null);
  if (here !== null && (await isStated(here, stated, crypto)) && (await isSigned(here, delegation, crypto))) {
    checkFresh(here.signed, role, time);
    return [trusted, here.signed];
  }
  const maxBytes = limit(stated, MAX_TARGETS_BYTES, role);
  const raw = yield { name: `${stated.version}.${quoted(role)}.json`, maxBytes, trusted };
  const targets = parse(await asStated(raw, stated, maxBytes, role, crypto), readers.targets, role);
  await checkSignatures(targets, delegation, crypto, role);
  checkVersion(targets, stated.version, role);
  checkFresh(targets.signed, role, time);
  return [withTargets(trusted, role, targets), targets.signed];
}

async function isStated(
  document: Document<Snapshot | Targets>,
  stated: MetaFile,
  crypto: SignatureCrypto,
): Promise<boolean> {
  return document.signed.version === stated.version && (await matches(document.raw, stated, crypto));
}

function limit(stated: MetaFile, maxBytes: number, name: string): number {
  if (stated.length !== null && stated.length > maxBytes) {
    throw refusal(`its ${name} file has ${stated.length} bytes, expected at most ${maxBytes}`);
  }
  return stated.length ?? maxBytes;
}

function bounded(raw: Bytes, maxBytes: number, name: string): Bytes {
  if (raw.length > maxBytes) throw refusal(`its file ${name} has more than ${maxBytes} bytes`);
  return raw;
}

function present(raw: Bytes | null, maxBytes: number, name: string): Bytes {
  if (raw === null) throw refusal(`it has no file ${name}`);
  return bounded(raw, maxBytes, name);
}

/** A file if it is the one that another file states, before anything parses it. */
async function asStated(
  raw: Bytes | null,
  stated: MetaFile,
  maxBytes: number,
  name: string,
  crypto: SignatureCrypto,
): Promise<Bytes> {
  const here = present(raw, maxBytes, `${name} ${stated.version}`);
  if (await matches(here, stated, crypto)) return here;
  throw refusal(`its ${name} file ${stated.version} has another length or digest than its other files say`);
}

function checkVersion(document: Document<{ version: number; expires: number }>, version: number, name: string): void {
  if (document.signed.version !== version) {
    throw refusal(`its ${name} file ${version} says that it is version ${document.signed.version}`);
  }
}

/** Percent-encode a role as Python's `quote` does. */
function quoted(role: string): string {
  return encodeURIComponent(role).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
