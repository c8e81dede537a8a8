import { createHash } from "node:crypto";
import { defineConfig, type Plugin, type Rolldown } from "vite";

const SERVICE_WORKER = "sw.js";
/** Public files that the page needs offline; Vite copies them without a hash in their names. */
const PUBLIC_FILES = ["icon.svg", "app.webmanifest"];

/** The `pocketrec serve` that the development server loads bundles from. */
const BUNDLES = "http://127.0.0.1:8000";

/** One chunk, though list texts need a part of it only. */
const REASONS = {
  name: "reasons",
  test: /\/(runtime\/(languages|reasons\/(?!grammar)[a-zA-Z]+)\.ts|worker\/reasons\.ts|reasons\/(quoting|rules)\.json)$/,
};

export default defineConfig({
  base: "./",
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: "index.html", sw: "src/sw/main.ts" },
      output: { entryFileNames: entryName, chunkFileNames: chunkName },
    },
  },
  worker: {
    format: "es",
    rolldownOptions: {
      output: {
        chunkFileNames: chunkName,
        codeSplitting: { includeDependenciesRecursively: false, groups: [REASONS] },
      },
    },
  },
  plugins: [plainImports(), serviceWorkerFiles()],
  server: { proxy: { "/v1": BUNDLES } },
});

function entryName(chunk: { name: string }): string {
  return chunk.name === "sw" ? SERVICE_WORKER : "assets/[name]-[hash].js";
}

/** The names of chunks by what is in them, so that the size budgets can tell them apart; the first one that fits. */
const CHUNK_NAMES: readonly (readonly [RegExp, string])[] = [
  [/\/ort\.webgpu\./, "engine-webgpu"],
  [/\/onnxruntime-web\//, "engine-onnxruntime"],
  [/\/runtime\/onnxGraph\.ts$/, "engine-graph"],
  [/\/runtime\/reference\.ts$/, "engine-reference"],
  [/\/runtime\/language\.ts$/, "engine-writer"],
  [/\/@wllama\//, "engine-language"],
  [/\/(runtime\/listText\/|worker\/listText)/, "listText"],
  [/\/app\/texts\/parts\/(\w+)\.json$/, "parts-$1"],
  [/\/app\/texts\/(\w+)\.json$/, "texts-$1"],
  [/\/reasons\/phrases\/(\w+)\.json$/, "phrases-$1"],
  [/\/(runtime\/reasons\/|worker\/reasons)/, "reasons"],
  [/\/conversation\/words\/(\w+)\.json$/, "words-$1"],
  [/\/(runtime\/conversation\/|worker\/talk)/, "conversation"],
  [/\/runtime\/search\//, "finder"],
  [/\/runtime\/rounds\//, "rounds"],
  [/\/runtime\/learning\//, "learning"],
];

function chunkName(chunk: { moduleIds: readonly string[] }): string {
  for (const [of, name] of CHUNK_NAMES) {
    const found = chunk.moduleIds.map((id) => of.exec(id)).find((match) => match !== null);
    if (found) return `assets/${name.replace("$1", found[1] ?? "")}-[hash].js`;
  }
  return "assets/[name]-[hash].js";
}

/** Load chunks by `import` alone: Vite's helper, a kilobyte of every visit, preloads what these chunks do not have. */
function plainImports(): Plugin {
  return {
    name: "plain-imports",
    apply: "build",
    enforce: "pre",
    load: (id) => (id.includes("vite/preload-helper") ? "export const __vitePreload = (load) => load();" : null),
  };
}

/**
 * Insert the list of the page's files into the service worker. WebAssembly is stored by the worker that uses it, and
 * `software` is for browsers that have no service worker there, or need it only with a connection.
 */
function serviceWorkerFiles(): Plugin {
  return {
    name: "service-worker-files",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[SERVICE_WORKER];
        if (worker?.type !== "chunk") return;
        const outputs = Object.values(bundle).filter(
          ({ fileName }) =>
            fileName !== SERVICE_WORKER && !fileName.endsWith(".wasm") && !fileName.includes("software"),
        );
        const files = [
          "./",
          ...PUBLIC_FILES,
          ...outputs.map(({ fileName }) => fileName).filter((name) => name !== "index.html"),
        ];
        worker.code = worker.code
          .replace("__FILES__", JSON.stringify(files).replaceAll('"', '\\"'))
          .replace("__VERSION__", digest(outputs));
      },
    },
  };
}

function digest(outputs: readonly (Rolldown.OutputAsset | Rolldown.OutputChunk)[]): string {
  const hash = createHash("sha256");
  for (const output of outputs)
    hash.update(output.fileName).update(output.type === "chunk" ? output.code : output.source);
  return hash.digest("hex").slice(0, 16);
}
