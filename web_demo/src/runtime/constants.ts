// Generated from edge_runtime by `python -m export.page_definitions`. Do not edit.

export const CLICK = "click";
export const LIKE = "like";
export const PURCHASE = "purchase";
export const WATCH = "watch";
export const READ = "read";
export const DISLIKE = "dislike";
export const SCHEMA = 1;
export const MANIFEST_NAME = "manifest.json";
export const KNOWN_FEATURES = ["item-log", "item-table", "narrow-attention", "shared-codebooks", "transitions"];
export const REQUIRED_ROLES = ["codes", "prompts", "adapter", "items", "popularity", "golden"];
export const OPTIONAL_ROLES = ["pictures", "language_model", "transitions", "similarity", "retired"];
export const TRANSITIONS = "transitions";
export const RETIRED = "retired";
export const LANGUAGE_ADAPTER = "language_adapter";
export const SHOP = "shop";
export const VIDEO = "video";
export const ARTICLES = "articles";
export const MAX_FOLLOWERS = 255;
export const MIN_LENGTH = 0.000001;
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
export const ITEM_TABLE = "item-table";
export const ITEM_LOG = "item-log";
export const MAX_STREAMS = 64;
export const DELTA_MAGIC = "PRDELTA1";
export const MAX_DELTA_FILE_BYTES = 67108864;
export const MAX_DELTA_RESULT_BYTES = 268435456;
export const MAX_NUMBER_BYTES = 7;
export const MAX_EDITS = 1048576;
export const MAX_FACTS = 256;
export const MAX_ID = 256;
export const MAX_FACT = 1000;
export const MAX_TITLE = 1000;
export const MAX_INFLATED_BYTES = 67108864;
export const INFLATED_BYTES = 1048576;
export const INFLATED_BYTES_PER_ITEM = 4096;
export const MAX_VALUES = 65536;
export const MAX_VALUES_PER_ITEM = 256;
export const MAX_PICTURE_SIDE = 1024;
export const MAX_PICTURE_BYTES = 262144;
export const MAX_GOLDEN_SEQUENCES = 1024;
export const GOLDEN_TOP = 10;
export const MIN_TRANSITIONS_OVERLAP = 0.98;
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
export const N_DISLIKES = 8;
export const N_DISLIKE_EVENTS = 256;
export const DISLIKE_STRENGTH = 0.75;
export const DIVERSITY_POOL = 100;
export const KNOWLEDGE_MIN_EVENTS = 2;
export const KNOWLEDGE_MAX_EVENTS = 4;
export const MAX_TERMS = 16777216;
export const MAX_EXPONENT = 300;
export const EXCLUDED = -1000000000;
export const MAX_OPTIMIZER_BYTES = 65536;
export const MAX_STEPS = 4294967295;
export const LEARNING_MIN_EVENTS = 20;
export const LEARNING_MAX_EVENTS = 4096;
export const MIN_HELD_OUT = 4;
export const MAX_HELD_OUT = 30;
export const HELD_OUT_SHARE = 5;
export const LEARNING_CHUNK = 32;
export const EVIDENCE = 10;
export const LEARNING_SEED = 0;
export const MIN_GAIN = 0.01;
export const DECISION_TOP = 10;
export const NEW_EVENTS = 10;
export const STEPS_A_DAY = 200;
export const LEARNING_SETTING = "learning";
export const LEARNING_SWITCH = "learning_switch";
export const MAX_RECORD_BYTES = 262144;
export const FOLLOWS_PER_MILLE = 90;
export const FOLLOWS_LEVEL = 150;
export const MAX_CITABLE = 16;
export const DROP_STEPS = 1000;
export const ENOUGH_PERCENT = 40;
export const FOLLOWS_COST = 1;
export const BECAUSE_COST = 4;
export const WORDING_AGAIN = 100;
export const CITED_OFTEN = 12;
export const OPENING_AGAIN = 2;
export const FACT_AGAIN = 2;
export const GROUP_AGAIN = 1;
export const FREE_CITATIONS = 2;
export const N_NATURAL = 5;
export const REASON_CHOICES = "reasons.choices";
export const N_REASON_CHOICES = 10;
export const PROMPT_LAYOUT = "facts-v3";
export const PROMPT_INSTRUCTION = "Give one true reason for the item, using only these facts.\n";
export const LIST_LAYOUT = "list-v1";
export const LIST_INSTRUCTION = "Write the list, with one true reason for each item.\n";
export const LIST_TITLE_LENGTH = 40;
export const MAX_HISTORY_BYTES = 67108864;
export const MAX_HISTORY_EVENTS = 500000;
export const ITERATIONS = 600000;
export const MIN_ITERATIONS = 100000;
export const MAX_ITERATIONS = 10000000;
export const MIN_PASSPHRASE = 8;
export const MAX_QUERY_CHARACTERS = 200;
export const MAX_QUERY_WORDS = 16;
export const IMPORTANT_FIELDS = ["brand", "categories", "category", "genre", "genres"];
export const N_ITEMS_OF_A_RARE_WORD = 1000;
export const TITLE_WEIGHT = 4;
export const IMPORTANT_WEIGHT = 2;
export const WHOLE = 4;
export const FORM = 3;
export const BEGINNING = 2;
export const TYPO = 1;
export const MIN_TYPO_LETTERS = 4;
export const MIN_TYPO_BEGINNING = 6;
export const MIN_PART = 3;

/** A plain name (SPEC section 1). */
export const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Bytes of one element of each dtype. */
export const DTYPE_BYTES = { F32: 4, I32: 4, U32: 4, I8: 1, U8: 1 } as const;

export type EventName = typeof CLICK | typeof LIKE | typeof PURCHASE | typeof DISLIKE;
