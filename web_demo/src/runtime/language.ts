/**
 * The language model that words the reasons: llama.cpp in WebAssembly, bound by a grammar to true sentences.
 *
 * Whatever goes wrong here is a `WriterError`, and the template's sentence stays.
 */

import type { Wllama } from "@wllama/wllama/esm/index.js";
import { within } from "./deadline";
import { messageOf } from "./errors";
import type { Bytes } from "./json";
import { hasSimd } from "./onnx";
import { grammar } from "./reasons/grammar";

/** The language model is absent, slow or refused; the message says why. */
export class WriterError extends Error {
  override name = "WriterError";
}

export interface Writer {
  /** Continue a prompt with one of `choices`; `seed` picks among likely ones. */
  write(prompt: string, choices: readonly string[], seed: number, stop: AbortSignal): Promise<string>;
  /** Give its memory back. */
  close(): Promise<void>;
}

const LOAD_TIMEOUT_MS = 60_000;
const WRITE_TIMEOUT_MS = 20_000;
const MAX_TOKENS = 160;
const TEMPERATURE = 0.8;

/** What llama.cpp's build needs and this browser lacks, or null; asked before anything is downloaded. */
export function lacksForLanguage(): string | null {
  if (typeof WebAssembly !== "object") return "this browser has no WebAssembly";
  if (!hasSimd()) return "this browser has no WebAssembly SIMD";
  if (!("Suspending" in WebAssembly)) return "this browser has no WebAssembly promise integration";
  try {
    // TypeScript's library does not know 64-bit memories yet.
    const wide: unknown = { address: "i64", initial: 1n };
    new WebAssembly.Memory(wide as WebAssembly.MemoryDescriptor);
    return null;
  } catch {
    return "this browser has no 64-bit WebAssembly memory";
  }
}

/** The part of wllama that is used. */
export type Llama = Pick<Wllama, "loadModel" | "createCompletion" | "exit">;

/**
 * llama.cpp without a model.
 *
 * @param wasm its WebAssembly, so that nothing is fetched behind our back.
 * @param log takes its error texts.
 */
export type OpenLlama = (wasm: Bytes, log: (text: string) => void) => Promise<Llama>;

/** llama.cpp in a worker of its own, by wllama. */
export const openWllama: OpenLlama = async (wasm, log) => {
  const { Wllama } = await import("@wllama/wllama/esm/index.js");
  const keep = (...parts: unknown[]) => log(parts.map(String).join(" ").slice(0, 300));
  const url = URL.createObjectURL(new Blob([wasm], { type: "application/wasm" }));
  // The error texts of llama.cpp reach only the logger, hence kept.
  const logger = { debug: () => undefined, log: () => undefined, warn: keep, error: keep };
  const wllama = new Wllama({ default: url }, { logger });
  // Without this line the library would take its second build from a CDN.
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
  ) {}

  /**
   * Load a GGUF whose digest has been checked. It cannot be stopped on the way: wllama's `exit` overlooks a worker that is
   * just being made, and would leave it running. Whoever no longer wants the model closes it when it is there.
   *
   * @throws WriterError it cannot be loaded, or not within a minute; nothing of it is left.
   */
  static async load(gguf: Bytes, context: number, wasm: Bytes, open: OpenLlama): Promise<LanguageModel> {
    const log: string[] = [];
    const llama = await open(wasm, (text) => void log.push(text));
    try {
      const loading = llama.loadModel([new Blob([gguf])], {
        n_ctx: context,
        n_threads: 1,
        n_gpu_layers: 0,
        n_parallel: 1,
        warmup: false,
      });
      await within(loading, LOAD_TIMEOUT_MS, "the language model did not load within a minute");
    } catch (error) {
      await llama.exit();
      throw new WriterError([messageOf(error), ...log.slice(-2)].join(" · "));
    }
    return new LanguageModel(llama, log);
  }

  async write(prompt: string, choices: readonly string[], seed: number, stop: AbortSignal): Promise<string> {
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
        stream: true,
        abortSignal: signal,
        onData: (chunk) => {
          text += chunk.choices[0]?.text ?? "";
          // As soon as a single sentence is left, the rest of it is certain.
          if (choices.filter((choice) => choice.startsWith(text)).length <= 1) enough.abort();
        },
      });
      // A worker that hangs never looks at the signal.
      await within(writing, 2 * WRITE_TIMEOUT_MS, "the language model does not answer");
    } catch (error) {
      if (!enough.signal.aborted) throw new WriterError([messageOf(error), ...this.log.slice(-1)].join(" · "));
    }
    const left = choices.filter((choice) => choice.startsWith(text));
    if (left.length === 1 && left[0] !== undefined) return left[0];
    if (choices.includes(text)) return text;
    throw new WriterError("the language model wrote something else than the facts allow");
  }

  async close(): Promise<void> {
    await this.llama.exit();
  }
}
