/** Adapters of the language model: the page reads and checks them, and fetches none for its lists. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BundleError } from "../src/runtime/errors";
import { parseManifest } from "../src/runtime/manifest";
import { required } from "../src/worker/releases";

const golden = JSON.parse(readFileSync("../tests/golden/releases.json", "utf8")) as {
  readonly contents: Readonly<Record<string, string>>;
};
const plain = JSON.parse(Object.values(golden.contents)[0] ?? "") as { readonly files: readonly object[] };
const SHOP = { name: "shop", file: "shop.gguf", prompt: "list-v1" };

function manifestWith(...adapters: readonly object[]) {
  const entry = (name: string, role: string) => ({ name, role, bytes: 1, sha256: "0".repeat(64) });
  const files = [...plain.files, entry("writer.gguf", "language_model"), entry("shop.gguf", "language_adapter")];
  const language_model = { file: "writer.gguf", context: 512, prompt: "facts-v2", adapters };
  return parseManifest(new TextEncoder().encode(JSON.stringify({ ...plain, files, language_model })));
}

test("adapters are read, and fetched with the language model only", () => {
  const manifest = manifestWith(SHOP);

  expect(manifest.languageModel?.adapters).toEqual([SHOP]);
  expect(required(manifest).map(({ name }) => name)).not.toContain("shop.gguf");
});

test.each([
  [[{ ...SHOP, file: "writer.gguf" }]],
  [[{ ...SHOP, file: "nothing.gguf" }]],
  [[SHOP, SHOP]],
  [[{ ...SHOP, name: "../shop" }]],
])("adapters that do not fit are refused", (adapters) => {
  expect(() => manifestWith(...adapters)).toThrow(BundleError);
});
