/** What rewords reasons, and whether this browser can run it; `language.ts` is loaded only where it can. */

import { hasSimd } from "./capabilities";

/** The language model is not available, too slow, or failed. */
export class WriterError extends Error {
  override name = "WriterError";
}

export interface Writer {
  /**
   * Continue a prompt with one of `choices`; `seed` seeds the sampling.
   *
   * @param isList writes with the adapter of list texts, which fails where there is none.
   */
  write(prompt: string, choices: readonly string[], seed: number, stop: AbortSignal, isList?: boolean): Promise<string>;
  /** Free its memory. */
  close(): Promise<void>;
}

/** The feature that llama.cpp's build needs and this browser lacks, or null; checked before any download. */
export function lacksForLanguage(): string | null {
  if (typeof WebAssembly !== "object") return "this browser has no WebAssembly";
  if (!hasSimd()) return "this browser has no WebAssembly SIMD";
  if (!("Suspending" in WebAssembly)) return "this browser has no WebAssembly promise integration";
  try {
    // By reflection, because TypeScript's library does not have 64-bit memories yet.
    Reflect.construct(WebAssembly.Memory, [{ address: "i64", initial: 1n }]);
    return null;
  } catch {
    return "this browser has no 64-bit WebAssembly memory";
  }
}
