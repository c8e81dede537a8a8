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
/** For the scripts that give the reasons of a list once it is shown, with the phrases of one language. */
const REASONS_BUDGET_BYTES = 11_000;
const REASONS = /^(phrases|reasons)-/;
const ON_DEMAND = /^(CarryHistory|finder|historyFile|learning|pack|profile|rounds|Rounds|software)-/;
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
const page = files.filter((file) => isScript(file) && !ON_DEMAND.test(file.name) && !REASONS.test(file.name));
const onDemand = files.filter((file) => isScript(file) && ON_DEMAND.test(file.name));
const [phrases, reasons] = [true, false].map((isPhrases) =>
  files.filter(({ name }) => REASONS.test(name) && name.endsWith(".js") && name.startsWith("phrases-") === isPhrases),
);
const longest = phrases.toSorted((a, b) => b.small - a.small).slice(0, 1);
if (page.length < 3)
  throw new Error(`${DIST} has ${page.length} scripts, expected those of page, worker and service worker`);

const kB = (n) => `${(n / 1000).toFixed(1).padStart(9)} kB`;
for (const file of [...files].sort((a, b) => a.small - b.small))
  console.log(`${kB(file.small)} of ${kB(file.raw)}  ${file.name}`);
const total = (list) => list.reduce((sum, { small }) => sum + small, 0);
console.log(`${kB(total(page))}  JavaScript of the page without engines, budget ${kB(BUDGET_BYTES).trim()}`);
console.log(`${kB(total(onDemand))}  JavaScript on demand, budget ${kB(ON_DEMAND_BUDGET_BYTES).trim()}`);
console.log(
  `${kB(total([...reasons, ...longest]))}  JavaScript of reasons, after the first list, budget ${kB(REASONS_BUDGET_BYTES).trim()}`,
);
const later = [...onDemand, ...reasons, ...phrases];
console.log(
  `${kB(total(files.filter((file) => !isEngine(file) && !later.includes(file))))}  to the first recommendation, plus the bundle`,
);
console.log(`${kB(files.reduce((sum, { path }) => sum + statSync(path).size, 0))}  on disk, uncompressed`);
if (
  total(page) > BUDGET_BYTES ||
  total(onDemand) > ON_DEMAND_BUDGET_BYTES ||
  total([...reasons, ...longest]) > REASONS_BUDGET_BYTES
) {
  console.error(
    `The page's JavaScript exceeds its budget of ${BUDGET_BYTES} bytes, ${ON_DEMAND_BUDGET_BYTES} on demand, or ${REASONS_BUDGET_BYTES} for reasons.`,
  );
  process.exit(1);
}
