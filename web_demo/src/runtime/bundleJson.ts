// Generated from edge_runtime by `python -m export.page_definitions`. Do not edit.

import type { Fields } from "./fields";

/** One file of the bundle. */
export interface FileEntry {
  readonly name: string;
  readonly role: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly chunkSha256: readonly string[];
}

export function readFileEntry(fields: Fields): FileEntry {
  return {
    name: fields.text("name"),
    role: fields.matching("role", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    bytes: fields.integer("bytes", { min: 0, max: 4294967296 }),
    sha256: fields.matching("sha256", /^[0-9a-f]{64}$/),
    chunkSha256: fields.has("chunk_sha256") ? fields.texts("chunk_sha256", { min: 0, max: Number.POSITIVE_INFINITY, each: /^[0-9a-f]{64}$/ }) : [],
  };
}

/** Items with the same code length. */
export interface Tier {
  readonly nItems: number;
  readonly nCodes: number;
  readonly nBooks: number;
}

export function readTier(fields: Fields): Tier {
  return {
    nItems: fields.integer("n_items", { min: 0, max: 16777216 }),
    nCodes: fields.integer("n_codes", { min: 1, max: 1024 }),
    nBooks: fields.has("n_books") ? fields.integer("n_books", { min: 1, max: 1024 }) : 1,
  };
}

/** Sizes of the item table. */
export interface Catalogue {
  readonly nItems: number;
  readonly dim: number;
  readonly nCodewords: number;
  readonly tiers: readonly Tier[];
}

export function readCatalogue(fields: Fields): Catalogue {
  return {
    nItems: fields.integer("n_items", { min: 1, max: 16777216 }),
    dim: fields.integer("dim", { min: 1, max: 1024 }),
    nCodewords: fields.integer("n_codewords", { min: 2, max: 256 }),
    tiers: fields.objects("tiers", { min: 1, max: 4 }).map(readTier),
  };
}

/** Settings and sizes of the transitions. */
export interface TransitionSettings {
  readonly newest: number;
  readonly recency: number;
  readonly secondHop: number;
  readonly smoothing: number;
  readonly similarity: number;
  readonly weight: number;
  readonly ratio: number;
  readonly nEntries: number;
  readonly vectors: Catalogue | null;
}

export function readTransitionSettings(fields: Fields): TransitionSettings {
  return {
    newest: fields.integer("newest", { min: 1, max: 1024 }),
    recency: fields.number("recency", { min: 0.001, max: 1 }),
    secondHop: fields.number("second_hop", { min: 0, max: 100 }),
    smoothing: fields.number("smoothing", { min: 0.000000001, max: 1 }),
    similarity: fields.number("similarity", { min: 0, max: 100 }),
    weight: fields.number("weight", { min: 0.001, max: 100 }),
    ratio: fields.number("ratio", { min: 0.001, max: 0.999 }),
    nEntries: fields.integer("n_entries", { min: 0, max: 4278190080 }),
    vectors: fields.optional("vectors", readCatalogue),
  };
}

/** Settings of learning on the device (SPEC section 5). */
export interface LearningSettings {
  readonly temperature: number;
  readonly learningRate: number;
  readonly factorRate: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly updates: number;
  readonly examples: number;
  readonly candidates: number;
}

export function readLearningSettings(fields: Fields): LearningSettings {
  return {
    temperature: fields.number("temperature", { min: 0.001, max: 1000 }),
    learningRate: fields.number("learning_rate", { min: 0, max: 1 }),
    factorRate: fields.number("factor_rate", { min: 0, max: 1 }),
    epsilon: fields.number("epsilon", { min: 0.000000001, max: 1000 }),
    weightDecay: fields.number("weight_decay", { min: 0, max: 1 }),
    beta1: fields.number("beta1", { min: 0, max: 0.9999 }),
    beta2: fields.number("beta2", { min: 0, max: 0.9999 }),
    updates: fields.integer("updates", { min: 1, max: 1000 }),
    examples: fields.integer("examples", { min: 4, max: 1024 }),
    candidates: fields.integer("candidates", { min: 2, max: 4096 }),
  };
}

/** Sizes of the encoder. */
export interface Encoder {
  readonly dim: number;
  readonly maxLength: number;
  readonly nBlocks: number;
  readonly nHeads: number;
  readonly nPrompts: number;
  readonly adapterRank: number;
  readonly inputScale: number;
}

export function readEncoder(fields: Fields): Encoder {
  return {
    dim: fields.integer("dim", { min: 1, max: 1024 }),
    maxLength: fields.integer("max_length", { min: 1, max: 1024 }),
    nBlocks: fields.integer("n_blocks", { min: 1, max: 32 }),
    nHeads: fields.integer("n_heads", { min: 1, max: 1024 }),
    nPrompts: fields.integer("n_prompts", { min: 1, max: 1024 }),
    adapterRank: fields.integer("adapter_rank", { min: 1, max: 64 }),
    inputScale: fields.number("input_scale", { above: 0 }),
  };
}

/** An engine candidate: its name, its file, and its tolerance against the golden vectors. */
export interface EngineVariant {
  readonly engine: string;
  readonly precision: string;
  readonly file: string;
  readonly maxStateError: number;
  readonly minOverlap: number;
}

export function readEngineVariant(fields: Fields): EngineVariant {
  return {
    engine: fields.matching("engine", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    precision: fields.matching("precision", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    file: fields.text("file", { min: 1, max: 100 }),
    maxStateError: fields.number("max_state_error", { above: 0 }),
    minOverlap: fields.number("min_overlap", { min: 0, max: 1 }),
  };
}

/** A LoRA adapter of the language model, for the texts of one prompt layout. */
export interface LanguageAdapter {
  readonly name: string;
  readonly file: string;
  readonly prompt: string;
}

export function readLanguageAdapter(fields: Fields): LanguageAdapter {
  return {
    name: fields.matching("name", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    file: fields.text("file", { min: 1, max: 100 }),
    prompt: fields.matching("prompt", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
  };
}

/** What a language model costs, so that a device can be judged before the file is there. */
export interface ModelSizes {
  readonly architecture: string;
  readonly blockParameters: number;
  readonly headParameters: number;
  readonly tokenBytes: number;
  readonly cacheBytes: number;
}

export function readModelSizes(fields: Fields): ModelSizes {
  return {
    architecture: fields.matching("architecture", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    blockParameters: fields.integer("block_parameters", { min: 0, max: 9007199254740991 }),
    headParameters: fields.integer("head_parameters", { min: 0, max: 9007199254740991 }),
    tokenBytes: fields.integer("token_bytes", { min: 0, max: 4294967296 }),
    cacheBytes: fields.integer("cache_bytes", { min: 0, max: 9007199254740991 }),
  };
}

/** The model that writes reasons. */
export interface LanguageModelEntry {
  readonly file: string;
  readonly context: number;
  readonly prompt: string;
  readonly adapters: readonly LanguageAdapter[];
  readonly sizes: ModelSizes | null;
}

export function readLanguageModelEntry(fields: Fields): LanguageModelEntry {
  return {
    file: fields.text("file", { min: 1, max: 100 }),
    context: fields.integer("context", { min: 32, max: 1048576 }),
    prompt: fields.matching("prompt", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    adapters: fields.has("adapters") ? fields.objects("adapters", { min: 0, max: 16 }).map(readLanguageAdapter) : [],
    sizes: fields.optional("sizes", readModelSizes),
  };
}

/** The fields that decide whether this runtime can read the manifest. */
export interface Preface {
  readonly schema: number;
  readonly requiredFeatures: readonly string[];
  readonly minimumRuntime: string;
}

export function readPreface(fields: Fields): Preface {
  return {
    schema: fields.integer("schema", { min: 0, max: 9007199254740991 }),
    requiredFeatures: fields.texts("required_features", { min: 0, max: 64, each: { min: 1, max: 100 } }),
    minimumRuntime: fields.matching("minimum_runtime", /^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$/),
  };
}

/** The contents of ``manifest.json``; SPEC section 2 describes the fields. */
export interface Manifest {
  readonly schema: number;
  readonly requiredFeatures: readonly string[];
  readonly minimumRuntime: string;
  readonly name: string;
  readonly release: number;
  readonly created: string;
  readonly target: string;
  readonly files: readonly FileEntry[];
  readonly catalogue: Catalogue;
  readonly encoder: Encoder;
  readonly engines: readonly EngineVariant[];
  readonly transitions: TransitionSettings | null;
  readonly languageModel: LanguageModelEntry | null;
  readonly learning: LearningSettings | null;
  readonly budgets: ReadonlyMap<string, number>;
  readonly kind: string;
  readonly provenance: ReadonlyMap<string, string>;
  readonly licences: readonly string[];
  readonly machines: readonly string[];
}

export function readManifest(fields: Fields): Manifest {
  return {
    schema: fields.integer("schema", { min: 0, max: 9007199254740991 }),
    requiredFeatures: fields.texts("required_features", { min: 0, max: 64, each: { min: 1, max: 100 } }),
    minimumRuntime: fields.matching("minimum_runtime", /^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$/),
    name: fields.text("name", { min: 1, max: 100 }),
    release: fields.integer("release", { min: 1, max: 9007199254740991 }),
    created: fields.matching("created", /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/),
    target: fields.matching("target", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    files: fields.objects("files", { min: 1, max: 256 }).map(readFileEntry),
    catalogue: readCatalogue(fields.nested("catalogue")),
    encoder: readEncoder(fields.nested("encoder")),
    engines: fields.objects("engines", { min: 0, max: 16 }).map(readEngineVariant),
    transitions: fields.optional("transitions", readTransitionSettings),
    languageModel: fields.optional("language_model", readLanguageModelEntry),
    learning: fields.optional("learning", readLearningSettings),
    budgets: fields.has("budgets") ? fields.map("budgets", { min: 0, max: 64, key: { min: 1, max: 100 } }, (values, key) => values.integer(key, { min: 0, max: 9007199254740991 })) : new Map(),
    kind: fields.has("kind") ? fields.matching("kind", /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/) : "shop",
    provenance: fields.has("provenance") ? fields.map("provenance", { min: 0, max: 256, key: { min: 1, max: 100 } }, (values, key) => values.text(key, { min: 0, max: 1000 })) : new Map(),
    licences: fields.has("licences") ? fields.texts("licences", { min: 0, max: 64, each: { min: 0, max: 1000 } }) : [],
    machines: fields.has("machines") ? fields.texts("machines", { min: 0, max: 64, each: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/ }) : [],
  };
}

/** One fact field: its distinct values, and for each item the indices of its values. */
export interface FactField {
  readonly values: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

export function readFactField(fields: Fields): FactField {
  return {
    values: fields.texts("values", { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 0, max: 1000 } }),
    rows: fields.integerLists("rows"),
  };
}

/** Ids, titles and facts as columns; index ``i`` is catalogue row ``i``. */
export interface ItemColumns {
  readonly itemId: readonly string[];
  readonly title: readonly string[];
  readonly fields: ReadonlyMap<string, FactField>;
}

export function readItemColumns(fields: Fields): ItemColumns {
  return {
    itemId: fields.texts("item_id", { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 1, max: 256 } }),
    title: fields.texts("title", { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 1, max: 1000 } }),
    fields: fields.map("fields", { min: 0, max: Number.POSITIVE_INFINITY, key: { min: 0, max: 1000 } }, (values, key) => readFactField(values.nested(key))),
  };
}

/** One event of the file; ``time`` is in milliseconds since 1970. */
export interface StoredEvent {
  readonly itemId: string;
  readonly event: string;
  readonly time: number;
}

export function readStoredEvent(fields: Fields): StoredEvent {
  return {
    itemId: fields.text("item_id", { min: 1, max: 256 }),
    event: fields.matching("event", /^[a-z_]{1,32}$/),
    time: fields.integer("time", { min: 0, max: 9007199254740991 }),
  };
}
