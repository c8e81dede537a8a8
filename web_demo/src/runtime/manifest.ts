/** `manifest.json`: the contents of a bundle (SPEC sections 1 and 2), parsed into typed values and checked. */

import { version } from "../../package.json";
import { type Catalogue, type FileEntry, type Manifest, readManifest, readPreface } from "./bundleJson";
import {
  CHUNK_BYTES,
  ITEM_LOG,
  ITEM_TABLE,
  KNOWN_FEATURES,
  LANGUAGE_ADAPTER,
  MANIFEST_NAME,
  MAX_FOLLOWERS,
  MAX_MANIFEST_BYTES,
  MAX_TOTAL_BYTES,
  OPTIONAL_ROLES,
  PLAIN_NAME,
  REQUIRED_ROLES,
  SCHEMA,
  TRANSITIONS,
} from "./constants";
import { BundleError, BundleVersionError } from "./errors";
import { Fields } from "./fields";
import { parseJson } from "./json";

/**
 * Parse and check a manifest.
 *
 * @throws BundleVersionError it needs a newer reader.
 * @throws BundleError it violates SPEC section 2.
 */
export function parseManifest(data: Uint8Array): Manifest {
  if (data.length > MAX_MANIFEST_BYTES) {
    throw new BundleError(`${MANIFEST_NAME}: ${data.length} bytes, at most ${MAX_MANIFEST_BYTES} are allowed`);
  }
  const fields = Fields.of(parseJson(data, MANIFEST_NAME), MANIFEST_NAME);
  checkVersion(fields);
  const manifest = readManifest(fields);
  if ([ITEM_LOG, ITEM_TABLE].every((feature) => manifest.requiredFeatures.includes(feature))) {
    throw new BundleError(`${MANIFEST_NAME}: needs both ${ITEM_LOG} and ${ITEM_TABLE}, expected one of them`);
  }
  checkFiles(manifest);
  checkRoles(manifest);
  checkSizes(manifest);
  checkTransitions(manifest);
  return manifest;
}

/** The first file with the given role. */
export function fileOfRole(manifest: Manifest, role: string): FileEntry {
  const entry = manifest.files.find((file) => file.role === role);
  if (entry === undefined) throw new BundleError(`${MANIFEST_NAME}: no file has the role ${role}`);
  return entry;
}

/** The file with a name. */
export function fileNamed(manifest: Manifest, name: string): FileEntry {
  const entry = manifest.files.find((file) => file.name === name);
  if (entry === undefined) throw new BundleError(`${MANIFEST_NAME}: no file is called ${name}`);
  return entry;
}

/** @throws BundleVersionError the bundle needs a newer version of this page. */
function checkVersion(fields: Fields): void {
  const advice = "Reload the page to get its newest version.";
  const { schema, requiredFeatures, minimumRuntime } = readPreface(fields);
  if (schema !== SCHEMA) {
    throw new BundleVersionError(`${MANIFEST_NAME}: schema ${schema}, this page reads ${SCHEMA}. ${advice}`);
  }
  const unknown = requiredFeatures.filter((feature) => !KNOWN_FEATURES.includes(feature));
  if (unknown.length > 0) {
    throw new BundleVersionError(
      `${MANIFEST_NAME}: the bundle needs ${unknown.join(", ")}, which this page does not support. ${advice}`,
    );
  }
  if (compareVersions(minimumRuntime, version) > 0) {
    throw new BundleVersionError(
      `${MANIFEST_NAME}: the bundle needs runtime ${minimumRuntime}, this is ${version}. ${advice}`,
    );
  }
}

function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split(".").map(Number), right.split(".").map(Number)];
  for (const [index, part] of a.entries()) {
    const difference = part - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function checkFiles(manifest: Manifest): void {
  const names = new Set<string>();
  let total = 0;
  for (const file of manifest.files) {
    if (!PLAIN_NAME.test(file.name) || file.name === MANIFEST_NAME) {
      throw new BundleError(`${MANIFEST_NAME}: ${JSON.stringify(file.name.slice(0, 120))} is not a valid file name`);
    }
    names.add(file.name.toLowerCase());
    total += file.bytes;
    const nChunks = file.bytes > CHUNK_BYTES ? Math.ceil(file.bytes / CHUNK_BYTES) : 0;
    if (file.chunkSha256.length !== nChunks) {
      throw new BundleError(
        `${MANIFEST_NAME}: ${file.name} has ${file.chunkSha256.length} chunk digests, expected ${nChunks}`,
      );
    }
  }
  if (names.size !== manifest.files.length)
    throw new BundleError(`${MANIFEST_NAME}: two file names differ only in case, or not at all`);
  if (total > MAX_TOTAL_BYTES)
    throw new BundleError(`${MANIFEST_NAME}: ${total} bytes in total, at most ${MAX_TOTAL_BYTES} are allowed`);
}

function checkRoles(manifest: Manifest): void {
  const count = (role: string) => manifest.files.filter((file) => file.role === role).length;
  for (const role of REQUIRED_ROLES) {
    if (count(role) !== 1)
      throw new BundleError(`${MANIFEST_NAME}: ${count(role)} files have the role ${role}, expected 1`);
  }
  for (const role of OPTIONAL_ROLES) {
    if (count(role) > 1)
      throw new BundleError(`${MANIFEST_NAME}: ${count(role)} files have the role ${role}, at most 1`);
  }
  const used: [string, string][] = manifest.engines.map((variant) => [variant.file, "encoder"]);
  if (manifest.languageModel !== null) {
    const { file, adapters } = manifest.languageModel;
    used.push([file, "language_model"], ...adapters.map((each): [string, string] => [each.file, LANGUAGE_ADAPTER]));
    if (new Set(adapters.map(({ name }) => name)).size !== adapters.length)
      throw new BundleError(`${MANIFEST_NAME}: two adapters of the language model have the same name`);
  }
  for (const [name, role] of used) {
    const found = fileNamed(manifest, name).role;
    if (found !== role) throw new BundleError(`${MANIFEST_NAME}: ${name} has the role ${found}, expected ${role}`);
  }
}

function checkSizes({ catalogue, encoder }: Manifest): void {
  checkTiers(catalogue);
  if (encoder.dim !== catalogue.dim || encoder.dim % encoder.nHeads !== 0) {
    throw new BundleError(
      `${MANIFEST_NAME}: encoder dim ${encoder.dim} with ${encoder.nHeads} heads does not fit dim ${catalogue.dim}`,
    );
  }
}

function checkTiers({ dim, nItems, tiers }: Catalogue): void {
  const sum = tiers.reduce((total, tier) => total + tier.nItems, 0);
  if (sum !== nItems) throw new BundleError(`${MANIFEST_NAME}: the tiers hold ${sum} items, not ${nItems}`);
  if (tiers.some((tier) => dim % tier.nCodes !== 0)) {
    throw new BundleError(`${MANIFEST_NAME}: a tier's n_codes does not divide dim ${dim}`);
  }
  if (tiers.some((tier) => tier.nCodes % tier.nBooks !== 0)) {
    throw new BundleError(`${MANIFEST_NAME}: a tier's n_books does not divide its n_codes`);
  }
}

function checkTransitions({ catalogue, engines, files, requiredFeatures, transitions }: Manifest): void {
  const vectors = transitions?.vectors ?? null;
  for (const [role, value] of [[TRANSITIONS, transitions] as const, ["similarity", vectors] as const]) {
    if (files.some((file) => file.role === role) !== (value !== null)) {
      throw new BundleError(
        `${MANIFEST_NAME}: a file of the role ${role} and its sizes must both be there, or neither`,
      );
    }
  }
  if (transitions === null) {
    if (engines.length === 0) throw new BundleError(`${MANIFEST_NAME}: there is neither an engine nor transitions`);
    return;
  }
  if (!requiredFeatures.includes(TRANSITIONS)) {
    throw new BundleError(`${MANIFEST_NAME}: a bundle with transitions must require the feature ${TRANSITIONS}`);
  }
  const most = MAX_FOLLOWERS * catalogue.nItems;
  if (transitions.nEntries > most) {
    throw new BundleError(`${MANIFEST_NAME}: ${transitions.nEntries} transitions, at most ${most} are allowed`);
  }
  if (vectors === null) return;
  checkTiers(vectors);
  if (vectors.nItems !== catalogue.nItems) {
    throw new BundleError(
      `${MANIFEST_NAME}: similarity vectors of ${vectors.nItems} items, expected ${catalogue.nItems}`,
    );
  }
}
