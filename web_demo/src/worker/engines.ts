/** Loads the engines' code and WebAssembly from this site, and stores them for offline visits. */

import gpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import ortWasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import wllamaWasm from "../../node_modules/@wllama/wllama/esm/wasm/wllama.wasm?url";
import type { Bundle } from "../runtime/bundle";
import type { Bytes } from "../runtime/bytes";
import { BoundedCache } from "../runtime/cache";
import type { OpenEngine } from "../runtime/candidates";
import { hasSimd, hasWebGpu } from "../runtime/capabilities";
import { FetchError } from "../runtime/errors";
import type { OnnxEngine, OrtModule } from "../runtime/onnx";

const CACHE = "pocketrec-engines";
/** Loaded at once: the first list is made by it. */
const reference = import("../runtime/reference");

/** How this page opens the engines of a bundle. */
export function engineOpener(bundle: Bundle): OpenEngine {
  const { encoder } = bundle.manifest;
  return async (variant) => {
    const { engine, precision, file } = variant;
    switch (engine) {
      case "reference":
        return (await reference).openReference(bundle, variant);
      case "webgpu":
      case "onnxruntime": {
        if (!hasSimd()) return "this browser has no WebAssembly SIMD";
        if (engine === "webgpu" && !(await hasWebGpu())) return "this browser offers no WebGPU adapter";
        const library = import("../runtime/onnx");
        const [onnx, ort, graph] = await Promise.all([library, loadOrt(engine), bundle.file(file)]);
        return onnx.OnnxEngine.open(engine, ort, graph.data, encoder, precision).catch(async (error: unknown) => {
          // The graph has been verified, but the WebAssembly may be truncated: the next visit downloads it again.
          await (await BoundedCache.open(CACHE)).remove(new URL(WASM[engine], self.location.href).href);
          throw error;
        });
      }
      default:
        return "pages do not support this engine";
    }
  };
}

/** Whether `engineOpener` supports an engine, so that its file is worth storing. */
export function canOpen(engine: string): boolean {
  return engine === "reference" || ((engine === "onnxruntime" || engine === "webgpu") && hasSimd());
}

/** The WebAssembly of llama.cpp. */
export function languageWasm(): Promise<Bytes> {
  return asset(wllamaWasm);
}

type OnnxName = OnnxEngine["name"];

/** The WebAssembly of ONNX Runtime by the engine that it runs; with WebGPU it is almost twice as large. */
const WASM: Readonly<Record<OnnxName, string>> = { onnxruntime: ortWasm, webgpu: gpuWasm };

const loaded = new Map<OnnxName, Promise<OrtModule>>();

function loadOrt(name: OnnxName): Promise<OrtModule> {
  const before = loaded.get(name);
  if (before !== undefined) return before;
  const module = prepareOrt(name).catch((error: unknown) => {
    loaded.delete(name);
    throw error;
  });
  loaded.set(name, module);
  return module;
}

async function prepareOrt(name: OnnxName): Promise<OrtModule> {
  const library = name === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");
  const [module, wasm] = await Promise.all([library, asset(WASM[name])]);
  module.env.wasm.numThreads = 1;
  module.env.wasm.wasmBinary = wasm;
  module.env.logLevel = "error";
  return module;
}

/**
 * Read an engine's file from the cache, or download it. The service worker cannot do this, because it does not see the
 * requests of a page's first visit.
 */
async function asset(path: string): Promise<Bytes> {
  const url = new URL(path, self.location.href).href;
  const cache = await BoundedCache.open(CACHE);
  const kept = await cache.read(url);
  if (kept !== null) return kept;
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new FetchError(`The server responded with status ${response.status} for ${path}.`);
  const data = new Uint8Array(await response.arrayBuffer());
  void store(cache, url, data);
  return data;
}

/** Store a file, and delete those that an older build of the page stored. */
async function store(cache: BoundedCache, url: string, data: Bytes): Promise<void> {
  await cache.write(url, data);
  await cache.keepOnly(
    new Set([...Object.values(WASM), wllamaWasm].map((path) => new URL(path, self.location.href).href)),
  );
}
