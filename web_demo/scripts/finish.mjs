/**
 * The last step of a build: writes Brotli copies, prints the sizes, and fails if the page exceeds its budget.
 */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url).pathname;
/** For the scripts that every visit loads, and for those that a click, an update or an old browser loads. */
const BUDGET_BYTES = 60 * 1024;
/**
 * A fifth of it learns on this device, which only a release with settings for that loads; another fifth takes part in rounds,
 * which only opening their part of the page loads.
 */
const ON_DEMAND_BUDGET_BYTES = 35_000;
/** For the scripts of what is below the list, loaded after it, with its texts in one language. */
const BELOW_BUDGET_BYTES = 8_500;
const BELOW = /^(Below|parts)-/;
/** For the scripts that give the reasons of a list once it is shown, with the phrases of one language. */
const REASONS_BUDGET_BYTES = 11_000;
const REASONS = /^(phrases|reasons|rolldown-runtime)-/;
/**
 * For the scripts that answer what is said, which the first focus of that field loads, with the words of one language: of
 * English 10 kB, a sixth of them everyday words, by which chat is not taken for wishes. Joined they would be a quarter of a
 * kilobyte less, which is not worth a second form of them.
 */
const CONVERSATION_BUDGET_BYTES = 33_600;
const CONVERSATION = /^(conversation|words)-/;
/** For the scripts that write the list as one text, which come with the language model. */
const LIST_TEXT_BUDGET_BYTES = 4_500;
const LIST_TEXT = /^(listText|ListText)-/;
const ON_DEMAND = /^(CarryHistory|finder|historyFile|learning|pack|profile|rounds|Rounds|software)-/;
const EVERY = /./;
const COMPRESSED = /\.(js|css|html|svg|wasm|webmanifest)$/;

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

/** Compress WebAssembly with a lower quality: the best one would take half a minute for a few percent. */
function compress(path) {
  const data = readFileSync(path);
  const quality = path.endsWith(".wasm") ? 9 : 11;
  const small = brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
  writeFileSync(`${path}.br`, small);
  return { path, name: basename(path), raw: data.length, small: small.length };
}

const files = filesIn(DIST)
  .filter((path) => COMPRESSED.test(path))
  .map(compress);
const isEngine = ({ name }) => name.startsWith("engine-") || name.endsWith(".wasm");
const isScript = ({ name }) => name.endsWith(".js") && !name.startsWith("engine-");
const isLater = ({ name }) => [ON_DEMAND, BELOW, REASONS, CONVERSATION, LIST_TEXT].some((names) => names.test(name));
const [onDemand, listText] = [ON_DEMAND, LIST_TEXT].map((names) =>
  files.filter((file) => isScript(file) && names.test(file.name)),
);
/** Scripts of some names, with one language only, the longest. */
const inOneLanguage = (names, ofLanguage) => {
  const scripts = files.filter((file) => isScript(file) && names.test(file.name));
  const languages = scripts.filter(({ name }) => name.startsWith(ofLanguage)).sort((a, b) => b.small - a.small);
  return scripts.filter((script) => !languages.includes(script) || script === languages[0]);
};
/** With the texts of one language besides English, which come with the page. */
const page = inOneLanguage(EVERY, "texts-").filter((file) => !isLater(file));
const below = inOneLanguage(BELOW, "parts-");
const reasons = inOneLanguage(REASONS, "phrases-");
const conversation = inOneLanguage(CONVERSATION, "words-");
if (page.length < 3)
  throw new Error(`${DIST} has ${page.length} scripts, expected those of page, worker and service worker`);

const kB = (n) => `${(n / 1000).toFixed(1).padStart(9)} kB`;
for (const file of [...files].sort((a, b) => a.small - b.small))
  console.log(`${kB(file.small)} of ${kB(file.raw)}  ${file.name}`);
const total = (list) => list.reduce((sum, { small }) => sum + small, 0);
const budgets = [
  ["JavaScript of the page without engines", page, BUDGET_BYTES],
  ["JavaScript on demand", onDemand, ON_DEMAND_BUDGET_BYTES],
  ["JavaScript below the list, after it", below, BELOW_BUDGET_BYTES],
  ["JavaScript of reasons, after the first list", reasons, REASONS_BUDGET_BYTES],
  ["JavaScript of what is said, after the field's first focus", conversation, CONVERSATION_BUDGET_BYTES],
  ["JavaScript of list texts, with the language model", listText, LIST_TEXT_BUDGET_BYTES],
];
for (const [what, scripts, budget] of budgets)
  console.log(`${kB(total(scripts))}  ${what}, budget ${kB(budget).trim()}`);
const first = [...page, ...files.filter((file) => !isEngine(file) && !isScript(file))];
console.log(`${kB(total(first))}  to the first recommendation, plus the bundle`);
console.log(`${kB(files.reduce((sum, { path }) => sum + statSync(path).size, 0))}  on disk, uncompressed`);
const exceeded = budgets.filter(([, scripts, budget]) => total(scripts) > budget);
for (const [what, , budget] of exceeded) console.error(`${what} exceeds its budget of ${budget} bytes.`);
if (exceeded.length > 0) process.exit(1);
