/**
 * The documents that a release channel signs: releases, releases of one component, and rollouts; twin of
 * `edge_runtime/bundle/release.py` (SPEC, "Signed releases"). They are parsed after their digests were checked.
 */

import type { Manifest } from "../bundleJson";
import type { Bytes } from "../bytes";
import { MAX_MANIFEST_BYTES, MAX_TOTAL_BYTES, PLAIN_NAME } from "../constants";
import { BundleError, BundleVersionError } from "../errors";
import { Fields } from "../fields";
import { Float, type Json, parseJson } from "../json";
import { readTime, TIME } from "./metadata";

const SCHEMA = 1;
export const MAX_DOCUMENT_BYTES = 1 << 14;
/** What can be released on its own, in the order in which it is applied to the release of the whole bundle. */
export const COMPONENTS = ["codebook", "transitions", "prompts", "adapter"] as const;
export type Component = (typeof COMPONENTS)[number];
/** Length of the random number that a device draws once, for its place in all rollouts. */
export const DRAW_BYTES = 16;

/** The roles of the files that a release of a component may change, add or remove. */
const OWNED_ROLES: Readonly<Record<Component, readonly string[]>> = {
  codebook: ["codes", "items", "popularity", "pictures", "similarity", "retired", "transitions", "golden"],
  transitions: ["transitions", "similarity", "golden"],
  prompts: ["prompts", "golden"],
  adapter: ["adapter", "golden"],
};
const ALWAYS_OWNED = ["release", "created", "provenance", "files"];
/** The fields of the manifest that a release of a component may change; its files are compared one by one. */
const OWNED_FIELDS: Readonly<Record<Component, readonly string[]>> = {
  codebook: [...ALWAYS_OWNED, "catalogue", "transitions"],
  transitions: [...ALWAYS_OWNED, "transitions"],
  prompts: ALWAYS_OWNED,
  adapter: [...ALWAYS_OWNED, "learning"],
};

/** A file, by its length and digest. */
export interface Digested {
  readonly bytes: number;
  readonly sha256: string;
}

/** A delta pack, which leads from the files of the manifest with the digest `from` to those of another one. */
export interface DeltaEntry extends Digested {
  readonly from: string;
}

/** The schedule of a staged rollout: each ring is a share of the devices and opens `hours` after the last one. */
export interface Wave {
  /** Seconds since 1970. */
  readonly start: number;
  readonly hours: number;
  readonly rings: readonly number[];
  /** Hexadecimal. */
  readonly salt: string;
}

/** A release of the whole bundle for one target. */
export interface ReleaseDocument {
  readonly name: string;
  readonly target: string;
  readonly release: number;
  readonly manifest: Digested;
  readonly deltas: readonly DeltaEntry[];
  readonly wave: Wave | null;
}

/** A release of one component: a complete manifest that differs from its base only in what the component owns. */
export interface ComponentDocument extends ReleaseDocument {
  readonly base: string;
}

/** What holds the rollout of one final manifest back. */
export interface RolloutDocument {
  readonly manifest: string;
  readonly share: number;
  readonly halted: boolean;
}

const DIGEST = /^[0-9a-f]{64}$/;
const SALT = /^[0-9a-f]{32}$/;
const SHARE = { min: 0, max: 1 };
const RELEASE_FIELDS = ["schema", "name", "target", "release", "manifest", "deltas", "wave"];

/** The path of the document of a target in the signed metadata. */
export function documentPath(folder: "bundle" | "rollout" | Component, target: string): string {
  return `${folder}/${target}.json`;
}

/**
 * Parse the release of a target.
 *
 * @throws BundleVersionError it needs a newer version of this page.
 * @throws BundleError it violates the format, or is of another target.
 */
export function parseRelease(data: Bytes, target: string): ReleaseDocument {
  return readRelease(opened(data, documentPath("bundle", target), target, RELEASE_FIELDS));
}

/** Parse the document of a component; see {@link parseRelease}. */
export function parseComponent(data: Bytes, component: Component, target: string): ComponentDocument {
  const path = documentPath(component, target);
  const fields = opened(data, path, target, [...RELEASE_FIELDS, "component", "base"]);
  if (fields.text("component") !== component) throw new BundleError(`${path}: it is of another component`);
  return { ...readRelease(fields), base: fields.matching("base", DIGEST) };
}

/** Parse the rollout document of a target; see {@link parseRelease}. */
export function parseRollout(data: Bytes, target: string): RolloutDocument {
  const path = documentPath("rollout", target);
  const fields = opened(data, path, target, ["schema", "target", "manifest", "share", "halted"]);
  const halted = fields.raw("halted");
  if (typeof halted !== "boolean") throw new BundleError(`${path}: halted is neither true nor false`);
  return { manifest: fields.matching("manifest", DIGEST), share: fields.number("share", SHARE), halted };
}

/**
 * Check that a manifest is what its document says that it is.
 *
 * @throws BundleError the name, the target or the release number differs.
 */
export function checkManifest(document: ReleaseDocument, manifest: Manifest): void {
  for (const what of ["name", "target", "release"] as const) {
    if (manifest[what] !== document[what]) {
      throw new BundleError(`manifest.json: found the ${what} ${manifest[what]}, expected ${document[what]}`);
    }
  }
}

/**
 * Check that a manifest differs from its base only in what a component owns, whose key signs nothing else.
 *
 * @throws BundleError something else differs.
 */
export function checkDerived(base: Manifest, derived: Manifest, component: Component): void {
  const change = foreignChange(base, derived, component);
  if (change === null) return;
  throw new BundleError(`${component}: found another ${change}, which its key may not change`);
}

/** What differs between two manifests although a component does not own it: a file's name, or a field; else null. */
export function foreignChange(base: Manifest, derived: Manifest, component: Component): string | null {
  const [before, after] = [foreignFiles(base, component), foreignFiles(derived, component)];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    if (before.get(name) !== after.get(name)) return name;
  }
  for (const name of Object.keys(base) as (keyof Manifest)[]) {
    if (!OWNED_FIELDS[component].includes(name) && textOf(base[name]) !== textOf(derived[name])) return name;
  }
  return null;
}

/** The place of a device in a rollout, in [0, 1): evenly spread, and independent between rollouts. */
export async function position(
  salt: string,
  draw: Uint8Array,
  sha256: (data: Bytes) => Promise<string>,
): Promise<number> {
  const salted = Uint8Array.from({ length: salt.length / 2 }, (_, at) =>
    Number.parseInt(salt.slice(2 * at, 2 * at + 2), 16),
  );
  const digest = await sha256(new Uint8Array([...salted, ...draw]));
  // The upper 53 bits, which a double holds exactly.
  return Number(BigInt(`0x${digest.slice(0, 16)}`) >> 11n) / 2 ** 53;
}

/** The share of the devices that a schedule has opened by `now`, in seconds since 1970. */
export function scheduledShare(wave: Wave | null, now: number): number {
  if (wave === null) return 1;
  const elapsed = now - wave.start;
  if (elapsed < 0) return 0;
  const step = wave.hours * 3600;
  // Exact where `Math.floor(elapsed / step)` would round up to the next ring.
  const nOpened = Math.round((elapsed - (elapsed % step)) / step);
  return wave.rings[Math.min(nOpened, wave.rings.length - 1)] ?? 0;
}

/**
 * The share of the devices that may install a release: the schedule's, unless the rollout holds it back.
 *
 * @param final SHA-256 of the final manifest; a rollout of another one does not count.
 */
export function openShare(
  { wave }: ReleaseDocument,
  final: string | null | undefined,
  rollout: RolloutDocument | null,
  now: number,
): number {
  const share = scheduledShare(wave, now);
  if (rollout === null || rollout.manifest !== final) return share;
  return rollout.halted ? 0 : Math.min(share, rollout.share);
}

/** The fields of a document whose schema this page reads, which has no others, and which is of the target. */
function opened(data: Bytes, path: string, target: string, names: readonly string[]): Fields {
  if (data.length > MAX_DOCUMENT_BYTES) {
    throw new BundleError(`${path}: ${data.length} bytes, at most ${MAX_DOCUMENT_BYTES} are allowed`);
  }
  const fields = Fields.of(parseJson(data, path), path);
  const schema = fields.integer("schema", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (schema !== SCHEMA) {
    throw new BundleVersionError(
      `${path}: schema ${schema}, this page reads ${SCHEMA}. Reload the page to get its newest version.`,
    );
  }
  checkNames(fields, names);
  if (fields.matching("target", PLAIN_NAME) !== target) throw new BundleError(`${path}: it is of another target`);
  return fields;
}

function readRelease(fields: Fields): ReleaseDocument {
  const deltas = fields.has("deltas") ? fields.objects("deltas", { min: 0, max: 16 }).map(readDelta) : [];
  if (new Set(deltas.map(({ from }) => from)).size !== deltas.length) {
    throw new BundleError(`${fields.where}: two deltas lead from the same manifest`);
  }
  const manifest = fields.nested("manifest");
  checkNames(manifest, ["bytes", "sha256"]);
  return {
    name: fields.text("name", { min: 1, max: 100 }),
    target: fields.text("target"),
    release: fields.integer("release", { min: 1, max: Number.MAX_SAFE_INTEGER }),
    manifest: readDigested(manifest, MAX_MANIFEST_BYTES),
    deltas,
    wave: fields.optional("wave", readWave),
  };
}

function readDelta(fields: Fields): DeltaEntry {
  checkNames(fields, ["from", "bytes", "sha256"]);
  return { from: fields.matching("from", DIGEST), ...readDigested(fields, MAX_TOTAL_BYTES) };
}

function readDigested(fields: Fields, maxBytes: number): Digested {
  return { bytes: fields.integer("bytes", { min: 1, max: maxBytes }), sha256: fields.matching("sha256", DIGEST) };
}

function readWave(fields: Fields): Wave {
  checkNames(fields, ["start", "hours", "rings", "salt", "max_refused"]);
  const rings = fields.list("rings", { min: 1, max: 16 }).map((ring) => readRing(ring, fields.where));
  if (rings.some((ring, at) => at > 0 && ring <= (rings[at - 1] ?? 0))) {
    throw new BundleError(`${fields.where}: a ring is not wider than the one before`);
  }
  const hours = fields.number("hours", { min: 0, max: 8760 });
  if (hours === 0) throw new BundleError(`${fields.where}: hours must be above 0`);
  fields.number("max_refused", SHARE); // of concern to the server alone
  return { start: readTime(fields.matching("start", TIME)), hours, rings, salt: fields.matching("salt", SALT) };
}

function readRing(found: Json, where: string): number {
  const ring = found instanceof Float ? found.value : found;
  if (typeof ring !== "number" || !(ring > 0 && ring <= 1)) throw new BundleError(`${where}: a ring is not a share`);
  return ring;
}

function checkNames(fields: Fields, allowed: readonly string[]): void {
  const unknown = fields.names().find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw new BundleError(`${fields.where}: unknown field ${JSON.stringify(unknown.slice(0, 60))}`);
  }
}

/** The entries of the files that a component does not own, as texts by name. */
function foreignFiles({ files }: Manifest, component: Component): ReadonlyMap<string, string> {
  const foreign = files.filter(({ role }) => !OWNED_ROLES[component].includes(role));
  return new Map(foreign.map((entry) => [entry.name, textOf(entry)]));
}

/** The same text for values that are equal; entries of maps have no order. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Map ? [...part].sort(([one], [other]) => (one < other ? -1 : 1)) : part,
  );
}
