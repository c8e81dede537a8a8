import { createHash } from "node:crypto";
import { defineConfig, type Plugin, type Rolldown } from "vite";

const SERVICE_WORKER = "sw.js";
/** Public files that the page needs without network; Vite copies them unnamed. */
const PUBLIC_FILES = ["icon.svg", "app.webmanifest"];

/** A `pocketrec serve` for the development server to take bundles from. */
const BUNDLES = "http://127.0.0.1:8000";

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
  worker: { format: "es", rolldownOptions: { output: { chunkFileNames: chunkName } } },
  plugins: [serviceWorkerFiles()],
  server: { proxy: { "/v1": BUNDLES } },
});

function entryName(chunk: { name: string }): string {
  return chunk.name === "sw" ? SERVICE_WORKER : "assets/[name]-[hash].js";
}

/** Engines get names of their own, so that the size budget can tell them from the page. */
function chunkName(chunk: { moduleIds: readonly string[] }): string {
  if (chunk.moduleIds.some((id) => id.includes("/onnxruntime-web/"))) return "assets/engine-onnxruntime-[hash].js";
  if (chunk.moduleIds.some((id) => id.includes("/@wllama/"))) return "assets/engine-language-[hash].js";
  return "assets/[name]-[hash].js";
}

/** Tell the service worker which files the page consists of; WebAssembly is kept by the worker that uses it. */
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
          ({ fileName }) => fileName !== SERVICE_WORKER && !fileName.endsWith(".wasm"),
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
