/** `manifest.json`: the contents of a bundle (SPEC sections 1 and 2), parsed into typed values and checked. */

import { version } from "../../package.json";
import { BundleError, BundleVersionError } from "./errors";
import { Fields } from "./fields";
import { parseJson } from "./json";
import {
  CHUNK_BYTES,
  KNOWN_FEATURES,
  MANIFEST as LIMITS,
  MANIFEST_NAME,
  MAX_MANIFEST_BYTES,
  MAX_TOTAL_BYTES,
  OPTIONAL_ROLES,
  REQUIRED_ROLES,
  SCHEMA,
} from "./limits";

export interface FileEntry {
  readonly name: string;
  readonly role: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Digests of the consecutive 4 MiB chunks of a larger file; empty for smaller files. */
  readonly chunkSha256: readonly string[];
}

export interface Tier {
  readonly nItems: number;
  readonly nCodes: number;
  /** Number of codebooks, which the `nCodes` subvectors share evenly. */
  readonly nBooks: number;
}

export interface CatalogueSizes {
  readonly nItems: number;
  readonly dim: number;
  readonly nCodewords: number;
  readonly tiers: readonly Tier[];
}

export interface EncoderSizes {
  readonly dim: number;
  readonly maxLength: number;
  readonly nBlocks: number;
  readonly nHeads: number;
  readonly nPrompts: number;
  readonly adapterRank: number;
  readonly inputScale: number;
}

export interface EngineVariant {
  readonly engine: string;
  readonly precision: string;
  readonly file: string;
  readonly maxStateError: number;
  readonly minOverlap: number;
}

export interface LanguageModel {
  readonly file: string;
  readonly context: number;
  readonly prompt: string;
}

export interface Manifest {
  readonly name: string;
  readonly release: number;
  readonly created: string;
  readonly target: string;
  readonly files: readonly FileEntry[];
  readonly catalogue: CatalogueSizes;
  readonly encoder: EncoderSizes;
  readonly engines: readonly EngineVariant[];
  readonly languageModel: LanguageModel | null;
  readonly licences: readonly string[];
}

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
  const limits = LIMITS.Manifest;
  const manifest: Manifest = {
    name: fields.text("name", limits.name),
    release: fields.integer("release", limits.release),
    created: fields.matching("created", limits.created),
    target: fields.matching("target", limits.target),
    files: fields.objects("files", limits.files).map(readFile),
    catalogue: readCatalogue(fields.nested("catalogue")),
    encoder: readEncoder(fields.nested("encoder")),
    engines: fields.objects("engines", limits.engines).map(readEngine),
    languageModel: readLanguageModel(fields),
    licences: fields.has("licences") ? fields.texts("licences", limits.licences) : [],
  };
  checkUnusedFields(fields);
  checkFiles(manifest);
  checkRoles(manifest);
  checkSizes(manifest);
  return manifest;
}

/** The first file with a role. */
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

function readFile(fields: Fields): FileEntry {
  const limits = LIMITS.File;
  const chunks = fields.has("chunk_sha256") ? fields.texts("chunk_sha256") : [];
  if (!chunks.every((digest) => limits.chunk_sha256.each.test(digest))) {
    throw new BundleError(`${fields.where}: an entry of chunk_sha256 is not a SHA-256 digest`);
  }
  return {
    name: fields.text("name"),
    role: fields.matching("role", limits.role),
    bytes: fields.integer("bytes", limits.bytes),
    sha256: fields.matching("sha256", limits.sha256),
    chunkSha256: chunks,
  };
}

function readCatalogue(fields: Fields): CatalogueSizes {
  const limits = LIMITS.Catalogue;
  return {
    nItems: fields.integer("n_items", limits.n_items),
    dim: fields.integer("dim", limits.dim),
    nCodewords: fields.integer("n_codewords", limits.n_codewords),
    tiers: fields.objects("tiers", limits.tiers).map((tier) => ({
      nItems: tier.integer("n_items", LIMITS.Tier.n_items),
      nCodes: tier.integer("n_codes", LIMITS.Tier.n_codes),
      nBooks: tier.has("n_books") ? tier.integer("n_books", LIMITS.Tier.n_books) : 1,
    })),
  };
}

function readEncoder(fields: Fields): EncoderSizes {
  const limits = LIMITS.Encoder;
  return {
    dim: fields.integer("dim", limits.dim),
    maxLength: fields.integer("max_length", limits.max_length),
    nBlocks: fields.integer("n_blocks", limits.n_blocks),
    nHeads: fields.integer("n_heads", limits.n_heads),
    nPrompts: fields.integer("n_prompts", limits.n_prompts),
    adapterRank: fields.integer("adapter_rank", limits.adapter_rank),
    inputScale: fields.number("input_scale", limits.input_scale),
  };
}

function readEngine(fields: Fields): EngineVariant {
  const limits = LIMITS.EngineVariant;
  return {
    engine: fields.matching("engine", limits.engine),
    precision: fields.matching("precision", limits.precision),
    file: fields.text("file", limits.file),
    maxStateError: fields.number("max_state_error", limits.max_state_error),
    minOverlap: fields.number("min_overlap", limits.min_overlap),
  };
}

function readLanguageModel(fields: Fields): LanguageModel | null {
  if (!fields.has("language_model") || fields.raw("language_model") === null) return null;
  const model = fields.nested("language_model");
  const limits = LIMITS.LanguageModel;
  return {
    file: model.text("file", limits.file),
    context: model.integer("context", limits.context),
    prompt: model.matching("prompt", limits.prompt),
  };
}

/** @throws BundleVersionError the bundle needs a newer version of this page. */
function checkVersion(fields: Fields): void {
  const advice = "Reload the page to get its newest version.";
  const limits = LIMITS.Manifest;
  const schema = fields.integer("schema", limits.schema);
  if (schema !== SCHEMA) {
    throw new BundleVersionError(`${MANIFEST_NAME}: schema ${schema}, this page reads ${SCHEMA}. ${advice}`);
  }
  const features = fields.texts("required_features", limits.required_features);
  const unknown = features.filter((feature) => !KNOWN_FEATURES.includes(feature));
  if (unknown.length > 0) {
    throw new BundleVersionError(
      `${MANIFEST_NAME}: the bundle needs ${unknown.join(", ")}, which this page does not support. ${advice}`,
    );
  }
  const minimum = fields.matching("minimum_runtime", limits.minimum_runtime);
  if (compareVersions(minimum, version) > 0) {
    throw new BundleVersionError(
      `${MANIFEST_NAME}: the bundle needs runtime ${minimum}, this is ${version}. ${advice}`,
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

/** Check fields that the page does not use, so that a bundle is valid for every reader or for none. */
function checkUnusedFields(fields: Fields): void {
  const limits = LIMITS.Manifest;
  if (fields.has("budgets")) {
    const budgets = fields.nested("budgets");
    for (const name of budgets.names(limits.budgets)) budgets.integer(name, limits.budgets.each);
  }
  if (fields.has("provenance")) {
    const provenance = fields.nested("provenance");
    for (const name of provenance.names(limits.provenance)) provenance.text(name, limits.provenance.each);
  }
}

function checkFiles(manifest: Manifest): void {
  const names = new Set<string>();
  let total = 0;
  for (const file of manifest.files) {
    if (!LIMITS.File.role.test(file.name) || file.name === MANIFEST_NAME) {
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
  if (manifest.languageModel !== null) used.push([manifest.languageModel.file, "language_model"]);
  for (const [name, role] of used) {
    const found = fileNamed(manifest, name).role;
    if (found !== role) throw new BundleError(`${MANIFEST_NAME}: ${name} has the role ${found}, expected ${role}`);
  }
}

function checkSizes({ catalogue, encoder }: Manifest): void {
  const sum = catalogue.tiers.reduce((total, tier) => total + tier.nItems, 0);
  if (sum !== catalogue.nItems)
    throw new BundleError(`${MANIFEST_NAME}: the tiers hold ${sum} items, not ${catalogue.nItems}`);
  if (catalogue.tiers.some((tier) => catalogue.dim % tier.nCodes !== 0)) {
    throw new BundleError(`${MANIFEST_NAME}: a tier's n_codes does not divide dim ${catalogue.dim}`);
  }
  if (catalogue.tiers.some((tier) => tier.nCodes % tier.nBooks !== 0)) {
    throw new BundleError(`${MANIFEST_NAME}: a tier's n_books does not divide its n_codes`);
  }
  if (encoder.dim !== catalogue.dim || encoder.dim % encoder.nHeads !== 0) {
    throw new BundleError(
      `${MANIFEST_NAME}: encoder dim ${encoder.dim} with ${encoder.nHeads} heads does not fit dim ${catalogue.dim}`,
    );
  }
}
