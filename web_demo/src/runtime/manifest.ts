/** `manifest.json`: what a bundle holds (SPEC sections 1 and 2). Bytes become typed values once, here. */

import { version } from "../../package.json";
import { BundleError, BundleVersionError } from "./errors";
import { Fields, parseJson } from "./json";

export const SCHEMA = 1;
export const MAX_MANIFEST_BYTES = 1 << 20;
export const MAX_TOTAL_BYTES = 4 * 2 ** 30;
export const CHUNK_BYTES = 4 << 20;

const NAME = "manifest.json";
const KNOWN_FEATURES: ReadonlySet<string> = new Set(["shared-codebooks"]);
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const WORD = FILE_NAME;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const VERSION = /^\d{1,6}\.\d{1,6}\.\d{1,6}$/;
const ONE_EACH = ["codes", "prompts", "adapter", "items", "popularity", "golden"] as const;
const AT_MOST_ONE = ["pictures", "language_model"] as const;

export interface FileEntry {
  readonly name: string;
  readonly role: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Digests of the successive 4 MiB of a file larger than that; else empty. */
  readonly chunkSha256: readonly string[];
}

export interface Tier {
  readonly nItems: number;
  readonly nCodes: number;
  /** Codebooks; parts share them evenly. */
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

/** One rung of the ladder. */
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
 * Check all rules of a manifest.
 *
 * @throws BundleVersionError a newer exporter wrote it.
 * @throws BundleError anything else that SPEC section 2 forbids.
 */
export function parseManifest(data: Uint8Array): Manifest {
  if (data.length > MAX_MANIFEST_BYTES) {
    throw new BundleError(`${NAME}: ${data.length} bytes, at most ${MAX_MANIFEST_BYTES} are allowed`);
  }
  const fields = Fields.of(parseJson(data, NAME), NAME);
  checkVersion(fields);
  const manifest: Manifest = {
    name: fields.text("name", 1, 100),
    release: fields.integer("release", 1, Number.MAX_SAFE_INTEGER),
    created: fields.matching("created", MOMENT),
    target: fields.matching("target", WORD),
    files: fields.objects("files", 1, 256).map(readFile),
    catalogue: readCatalogue(fields.object("catalogue")),
    encoder: readEncoder(fields.object("encoder")),
    engines: fields.objects("engines", 1, 16).map(readEngine),
    languageModel: readLanguageModel(fields),
    licences: fields.has("licences") ? fields.texts("licences", 64, 0, 1000) : [],
  };
  checkNotes(fields);
  checkFiles(manifest);
  checkRoles(manifest);
  checkSizes(manifest);
  return manifest;
}

/** The entry with a role that every bundle has. */
export function fileOfRole(manifest: Manifest, role: string): FileEntry {
  const entry = manifest.files.find((file) => file.role === role);
  if (entry === undefined) throw new BundleError(`${NAME}: no file has the role ${role}`);
  return entry;
}

/** The entry of that name. */
export function fileNamed(manifest: Manifest, name: string): FileEntry {
  const entry = manifest.files.find((file) => file.name === name);
  if (entry === undefined) throw new BundleError(`${NAME}: no file is called ${name}`);
  return entry;
}

function readFile(fields: Fields): FileEntry {
  const chunks = fields.has("chunk_sha256") ? fields.texts("chunk_sha256") : [];
  if (!chunks.every((digest) => DIGEST.test(digest)))
    throw new BundleError(`${fields.where}: chunk_sha256 holds no digest`);
  return {
    name: fields.text("name"),
    role: fields.matching("role", WORD),
    bytes: fields.integer("bytes", 0, MAX_TOTAL_BYTES),
    sha256: fields.matching("sha256", DIGEST),
    chunkSha256: chunks,
  };
}

function readCatalogue(fields: Fields): CatalogueSizes {
  return {
    nItems: fields.integer("n_items", 1, 1 << 24),
    dim: fields.integer("dim", 1, 1024),
    nCodewords: fields.integer("n_codewords", 2, 256),
    tiers: fields.objects("tiers", 1, 4).map((tier) => ({
      nItems: tier.integer("n_items", 0, 1 << 24),
      nCodes: tier.integer("n_codes", 1, 1024),
      nBooks: tier.has("n_books") ? tier.integer("n_books", 1, 1024) : 1,
    })),
  };
}

function readEncoder(fields: Fields): EncoderSizes {
  return {
    dim: fields.integer("dim", 1, 1024),
    maxLength: fields.integer("max_length", 1, 1024),
    nBlocks: fields.integer("n_blocks", 1, 32),
    nHeads: fields.integer("n_heads", 1, 1024),
    nPrompts: fields.integer("n_prompts", 1, 1024),
    adapterRank: fields.integer("adapter_rank", 1, 64),
    inputScale: fields.number("input_scale", (value) => value > 0, "a finite number above 0"),
  };
}

function readEngine(fields: Fields): EngineVariant {
  return {
    engine: fields.matching("engine", WORD),
    precision: fields.matching("precision", WORD),
    file: fields.text("file", 1, 100),
    maxStateError: fields.number("max_state_error", (value) => value > 0, "a number above 0"),
    minOverlap: fields.number("min_overlap", (value) => value >= 0 && value <= 1, "a share from 0 to 1"),
  };
}

function readLanguageModel(fields: Fields): LanguageModel | null {
  if (!fields.has("language_model") || fields.raw("language_model") === null) return null;
  const model = fields.object("language_model");
  return {
    file: model.text("file", 1, 100),
    context: model.integer("context", 32, 1 << 20),
    prompt: model.matching("prompt", WORD),
  };
}

function checkVersion(fields: Fields): void {
  const advice = "Reload the page when the shop has been updated.";
  const schema = fields.integer("schema", 0, Number.MAX_SAFE_INTEGER);
  if (schema !== SCHEMA)
    throw new BundleVersionError(`${NAME}: schema ${schema}, this page reads ${SCHEMA}. ${advice}`);
  const unknown = fields.texts("required_features", 64, 1, 100).filter((feature) => !KNOWN_FEATURES.has(feature));
  if (unknown.length > 0) {
    throw new BundleVersionError(`${NAME}: the bundle needs ${unknown.join(", ")}, unknown to this page. ${advice}`);
  }
  const minimum = fields.matching("minimum_runtime", VERSION);
  if (compareVersions(minimum, version) > 0) {
    throw new BundleVersionError(`${NAME}: the bundle needs runtime ${minimum}, this is ${version}. ${advice}`);
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

/** What a page has no use for is checked all the same: a bundle is good for every reader or for none. */
function checkNotes(fields: Fields): void {
  if (fields.has("budgets")) {
    const budgets = fields.object("budgets");
    for (const name of named(budgets, 64)) budgets.integer(name, 0, Number.MAX_SAFE_INTEGER);
  }
  if (fields.has("provenance")) {
    const provenance = fields.object("provenance");
    for (const name of named(provenance, 256)) provenance.text(name, 0, 1000);
  }
}

function named(fields: Fields, max: number): string[] {
  const names = fields.names(max, 100);
  if (names.includes("")) throw new BundleError(`${fields.where}: a name is empty`);
  return names;
}

function checkFiles(manifest: Manifest): void {
  const names = new Set<string>();
  let total = 0;
  for (const file of manifest.files) {
    if (!FILE_NAME.test(file.name) || file.name === NAME) {
      throw new BundleError(`${NAME}: ${JSON.stringify(file.name.slice(0, 120))} is not a plain file name`);
    }
    names.add(file.name.toLowerCase());
    total += file.bytes;
    const nChunks = file.bytes > CHUNK_BYTES ? Math.ceil(file.bytes / CHUNK_BYTES) : 0;
    if (file.chunkSha256.length !== nChunks) {
      throw new BundleError(`${NAME}: ${file.name} has ${file.chunkSha256.length} chunk digests, expected ${nChunks}`);
    }
  }
  if (names.size !== manifest.files.length) throw new BundleError(`${NAME}: two files share a name (capitals aside)`);
  if (total > MAX_TOTAL_BYTES) throw new BundleError(`${NAME}: ${total} bytes in all, at most ${MAX_TOTAL_BYTES}`);
}

function checkRoles(manifest: Manifest): void {
  const count = (role: string) => manifest.files.filter((file) => file.role === role).length;
  for (const role of ONE_EACH) {
    if (count(role) !== 1) throw new BundleError(`${NAME}: ${count(role)} files have the role ${role}, expected 1`);
  }
  for (const role of AT_MOST_ONE) {
    if (count(role) > 1) throw new BundleError(`${NAME}: ${count(role)} files have the role ${role}, at most 1`);
  }
  const used: [string, string][] = manifest.engines.map((variant) => [variant.file, "encoder"]);
  if (manifest.languageModel !== null) used.push([manifest.languageModel.file, "language_model"]);
  for (const [name, role] of used) {
    const found = fileNamed(manifest, name).role;
    if (found !== role) throw new BundleError(`${NAME}: ${name} has the role ${found}, expected ${role}`);
  }
}

function checkSizes({ catalogue, encoder }: Manifest): void {
  const sum = catalogue.tiers.reduce((total, tier) => total + tier.nItems, 0);
  if (sum !== catalogue.nItems) throw new BundleError(`${NAME}: the tiers hold ${sum} items, not ${catalogue.nItems}`);
  if (catalogue.tiers.some((tier) => catalogue.dim % tier.nCodes !== 0)) {
    throw new BundleError(`${NAME}: a tier's n_codes does not divide dim ${catalogue.dim}`);
  }
  if (catalogue.tiers.some((tier) => tier.nCodes % tier.nBooks !== 0)) {
    throw new BundleError(`${NAME}: a tier's n_books does not divide its n_codes`);
  }
  if (encoder.dim !== catalogue.dim || encoder.dim % encoder.nHeads !== 0) {
    throw new BundleError(
      `${NAME}: encoder dim ${encoder.dim} with ${encoder.nHeads} heads does not fit dim ${catalogue.dim}`,
    );
  }
}
