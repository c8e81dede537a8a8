// Generated from edge_runtime by `python -m export.page_limits`. Do not edit.

export const SCHEMA = 1;
export const MANIFEST_NAME = "manifest.json";
export const KNOWN_FEATURES = ["shared-codebooks"];
export const REQUIRED_ROLES = ["codes", "prompts", "adapter", "items", "popularity", "golden"];
export const OPTIONAL_ROLES = ["pictures", "language_model"];
export const MAX_MANIFEST_BYTES = 1048576;
export const MAX_TOTAL_BYTES = 4294967296;
export const CHUNK_BYTES = 4194304;
export const MAX_JSON_DEPTH = 32;
export const MAX_HEADER_BYTES = 1048576;
export const MAX_DIMENSION = 2147483648;
export const MAX_RANK = 8;
export const MAX_EXTENT = 4294967296;
export const MAX_CODE_SCALE = 1000000;
export const MAX_FEED = 16384;
export const MAX_WEIGHT_SCALE = 1000000;
export const MAX_INFLATED_BYTES = 67108864;
export const INFLATED_BYTES = 1048576;
export const INFLATED_BYTES_PER_ITEM = 4096;
export const MAX_VALUES = 65536;
export const MAX_VALUES_PER_ITEM = 256;
export const MAX_PICTURE_SIDE = 1024;
export const MAX_PICTURE_BYTES = 262144;
export const MAX_GOLDEN_SEQUENCES = 1024;
export const GOLDEN_TOP = 10;
export const MAX_SELF_TEST_MS = 30000;
export const ONNX_OPERATORS = [
  "Add",
  "Cast",
  "Concat",
  "Div",
  "Expand",
  "Gather",
  "Gelu",
  "LayerNormalization",
  "MatMul",
  "Mul",
  "Reshape",
  "Shape",
  "Slice",
  "Softmax",
  "Sub",
  "Transpose",
  "Trilu",
  "Unsqueeze",
];
export const ONNX_DOMAINS = ["", "ai.onnx"];
export const MAX_ONNX_FIELDS = 100000;
export const MAX_ONNX_RANK = 8;
export const MAX_ONNX_JOINED = 4;
export const ONNX_MOVES = ["Gather", "Reshape", "Slice", "Transpose", "Trilu", "Unsqueeze"];

/** Limits of the fields of each object, by its name in Python. */
export const MANIFEST = {
  File: {
    role: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    bytes: { min: 0, max: 4294967296 },
    sha256: /^[0-9a-f]{64}$/,
    chunk_sha256: { min: 0, max: Number.POSITIVE_INFINITY, each: /^[0-9a-f]{64}$/ },
  },
  Tier: {
    n_items: { min: 0, max: 16777216 },
    n_codes: { min: 1, max: 1024 },
    n_books: { min: 1, max: 1024 },
  },
  Catalogue: {
    n_items: { min: 1, max: 16777216 },
    dim: { min: 1, max: 1024 },
    n_codewords: { min: 2, max: 256 },
    tiers: { min: 1, max: 4 },
  },
  Encoder: {
    dim: { min: 1, max: 1024 },
    max_length: { min: 1, max: 1024 },
    n_blocks: { min: 1, max: 32 },
    n_heads: { min: 1, max: 1024 },
    n_prompts: { min: 1, max: 1024 },
    adapter_rank: { min: 1, max: 64 },
    input_scale: { above: 0 },
  },
  EngineVariant: {
    engine: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    precision: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    file: { min: 1, max: 100 },
    max_state_error: { above: 0 },
    min_overlap: { min: 0, max: 1 },
  },
  LanguageModel: {
    file: { min: 1, max: 100 },
    context: { min: 32, max: 1048576 },
    prompt: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
  },
  Manifest: {
    schema: { min: 0, max: 9007199254740991 },
    required_features: { min: 0, max: 64, each: { min: 1, max: 100 } },
    minimum_runtime: /^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$/,
    name: { min: 1, max: 100 },
    release: { min: 1, max: 9007199254740991 },
    created: /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/,
    target: /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    files: { min: 1, max: 256 },
    engines: { min: 1, max: 16 },
    budgets: { min: 0, max: 64, key: { min: 1, max: 100 }, each: { min: 0, max: 9007199254740991 } },
    provenance: { min: 0, max: 256, key: { min: 1, max: 100 }, each: { min: 0, max: 1000 } },
    licences: { min: 0, max: 64, each: { min: 0, max: 1000 } },
  },
};

/** Limits of the fields of each object, by its name in Python. */
export const ITEMS = {
  Field: {
    values: { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 0, max: 1000 } },
    rows: { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 0, max: Number.POSITIVE_INFINITY } },
  },
  Items: {
    item_id: { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 1, max: 256 } },
    title: { min: 0, max: Number.POSITIVE_INFINITY, each: { min: 1, max: 1000 } },
    fields: { min: 0, max: Number.POSITIVE_INFINITY, key: { min: 0, max: 1000 } },
  },
};
