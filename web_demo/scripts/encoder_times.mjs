/**
 * Times two encoders of the page's own engine in pairs, for `python -m benchmarks.pruning`.
 *
 * Usage: node encoder_times.mjs FOLDER, with the engine as `reference.mjs`, `about.json` and two `.safetensors` in it;
 * prints the milliseconds of each history, as pairs in JSON.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2] ?? "";
const { ReferenceEngine } = await import(pathToFileURL(join(folder, "reference.mjs")).href);
const { sizes, inputs, small } = JSON.parse(readFileSync(join(folder, "about.json"), "utf8"));
const [prompts, knowledge, adapterA, adapterB] = small.map((values) => Float32Array.from(values));
const engines = ["whole", "pruned"].map((name, which) => {
  const data = new Uint8Array(readFileSync(join(folder, `${name}.safetensors`)));
  return ReferenceEngine.open(data, sizes[which], "int8", name);
});
const times = [];
for (const [index, input] of inputs.entries()) {
  const events = Float32Array.from(input);
  const pair = [0, 0];
  const order = index % 2 === 0 ? [0, 1] : [1, 0];
  for (const which of order) {
    const started = performance.now();
    await engines[which].encode(events, { prompts, knowledge, adapterA, adapterB });
    pair[which] = performance.now() - started;
  }
  times.push(pair);
}
console.log(JSON.stringify(times));
