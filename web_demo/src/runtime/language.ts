/**
 * The language model that rewords reasons and writes list texts: llama.cpp in WebAssembly, restricted by a grammar to true
 * sentences.
 *
 * Every failure is a `WriterError`, after which the sentence of the template stays.
 */

import type { Wllama } from "@wllama/wllama/esm/index.js";
import type { Bundle } from "./bundle";
import type { Bytes } from "./bytes";
import { LIST_LAYOUT } from "./constants";
import { within } from "./deadline";
import { messageOf } from "./errors";
import { grammar } from "./reasons/grammar";
import { type Writer, WriterError } from "./writer";

const LOAD_TIMEOUT_MS = 60_000;
const WRITE_TIMEOUT_MS = 20_000;
const MAX_TOKENS = 160;
const TEMPERATURE = 0.8;
/**
 * Where wllama puts an adapter that it gets as the second file of a model: it calls all of them parts of one, and llama.cpp
 * reads only the first, which states no further part.
 */
const ADAPTER_PATH = "models/model-00002-of-00002.gguf";
/** The adapter as llama.cpp knows it, for the requests that want it; it drops its cache whenever that changes. */
const WITH_ADAPTER = { lora: [{ id: 0, scale: 1 }] };

/** The part of wllama that is used. */
export type Llama = Pick<Wllama, "loadModel" | "createCompletion" | "exit">;

/**
 * llama.cpp without a model.
 *
 * @param wasm its WebAssembly, so that the library downloads nothing itself.
 * @param log receives its error messages.
 */
export type OpenLlama = (wasm: Bytes, log: (text: string) => void) => Promise<Llama>;

/** llama.cpp in its own worker, through wllama. */
export const openWllama: OpenLlama = async (wasm, log) => {
  const { Wllama } = await import("@wllama/wllama/esm/index.js");
  const keep = (...parts: unknown[]) => log(parts.map(String).join(" ").slice(0, 300));
  const url = URL.createObjectURL(new Blob([wasm], { type: "application/wasm" }));
  // llama.cpp reports errors only to the logger.
  const logger = { debug: () => undefined, log: () => undefined, warn: keep, error: keep };
  const wllama = new Wllama({ default: url }, { logger });
  // Otherwise the library would download its compatibility build from a CDN.
  wllama.setCompat(null);
  return {
    loadModel: (model, options) => wllama.loadModel(model, options).finally(() => URL.revokeObjectURL(url)),
    createCompletion: wllama.createCompletion.bind(wllama),
    exit: () => wllama.exit(),
  };
};

export class LanguageModel implements Writer {
  private constructor(
    private readonly llama: Llama,
    private readonly log: readonly string[],
    private readonly hasAdapter: boolean,
  ) {}

  /**
   * Load a GGUF whose digest has been verified, with the bundle's adapter for list texts, if that can be read: now, so that
   * a text needs no connection. Loading cannot be aborted: wllama's `exit` misses a worker that is being created, and would
   * leave it running. Close the model after it has loaded instead.
   *
   * @param stop aborts the download of the adapter.
   * @throws WriterError it cannot be loaded within a minute; its memory has been freed.
   */
  static async load(
    bundle: Pick<Bundle, "manifest" | "file">,
    gguf: Bytes,
    wasm: Bytes,
    stop: AbortSignal,
    open: OpenLlama = openWllama,
  ): Promise<LanguageModel> {
    const entry = bundle.manifest.languageModel;
    const load = (files: readonly Bytes[]) => LanguageModel.loadFiles(files, entry?.context ?? 0, wasm, open);
    const adapter = entry?.adapters.find(({ prompt }) => prompt === LIST_LAYOUT);
    if (adapter === undefined) return load([gguf]);
    try {
      const { data } = await bundle.file(adapter.file, stop);
      return await load([gguf, data]);
    } catch (error) {
      if (stop.aborted) throw error;
      return load([gguf]);
    }
  }

  private static async loadFiles(files: readonly Bytes[], context: number, wasm: Bytes, open: OpenLlama) {
    const log: string[] = [];
    const llama = await open(wasm, (text) => void log.push(text));
    const hasAdapter = files.length > 1;
    try {
      const loading = llama.loadModel(
        files.map((file) => new Blob([file])),
        {
          n_ctx: context,
          n_threads: 1,
          n_gpu_layers: 0,
          n_parallel: 1,
          warmup: false,
          // Without effect but for requests that ask for it.
          ...(hasAdapter ? { lora_adapters: [{ path: ADAPTER_PATH, scale: 0 }] } : {}),
        },
      );
      await within(loading, LOAD_TIMEOUT_MS, "the language model did not load within a minute");
    } catch (error) {
      await llama.exit();
      throw new WriterError([messageOf(error), ...log.slice(-2)].join(" · "));
    }
    return new LanguageModel(llama, log, hasAdapter);
  }

  async write(
    prompt: string,
    choices: readonly string[],
    seed: number,
    stop: AbortSignal,
    isList = false,
  ): Promise<string> {
    if (isList && !this.hasAdapter) throw new WriterError("it has no adapter for list texts");
    const enough = new AbortController();
    const signal = AbortSignal.any([stop, enough.signal, AbortSignal.timeout(WRITE_TIMEOUT_MS)]);
    let text = "";
    try {
      const writing = this.llama.createCompletion({
        prompt,
        max_tokens: MAX_TOKENS,
        temperature: TEMPERATURE,
        seed,
        grammar: grammar(choices),
        ...(isList ? WITH_ADAPTER : {}),
        stream: true,
        abortSignal: signal,
        onData: (chunk) => {
          text += chunk.choices[0]?.text ?? "";
          // If only one sentence still matches, the rest of it is certain.
          if (choices.filter((choice) => choice.startsWith(text)).length <= 1) enough.abort();
        },
      });
      // A worker that hangs ignores the signal.
      await within(writing, 2 * WRITE_TIMEOUT_MS, "the language model does not respond");
    } catch (error) {
      if (!enough.signal.aborted) throw new WriterError([messageOf(error), ...this.log.slice(-1)].join(" · "));
    }
    const left = choices.filter((choice) => choice.startsWith(text));
    if (left.length === 1 && left[0] !== undefined) return left[0];
    if (choices.includes(text)) return text;
    throw new WriterError("the language model wrote a sentence that is not allowed");
  }

  async close(): Promise<void> {
    await this.llama.exit();
  }
}
