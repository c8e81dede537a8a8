/** What an engine is: one method. ONNX Runtime, the reference and a test's fake are peers. */

import { loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";

/** The matrices that change between releases of one encoder (SPEC section 5), all row-major. */
export interface SmallMatrices {
  /** `[P, d]`. */
  readonly prompts: Float32Array;
  /** `[P, d]`. */
  readonly knowledge: Float32Array;
  /** `[d, r]`. */
  readonly adapterA: Float32Array;
  /** `[r, d]`. */
  readonly adapterB: Float32Array;
}

/** Turns the vectors of a person's events into the state that items are scored with. */
export interface Engine {
  readonly name: string;
  readonly precision: string;
  /**
   * The state `[d]` after `embeddings`, `[l, d]`, oldest first, `1 <= l <= L`.
   * May throw anything: the caller treats every exception as the end of this engine.
   */
  encode(embeddings: Float32Array<ArrayBuffer>, small: SmallMatrices): Promise<Float32Array>;
  /** Give back what it holds outside JavaScript's memory, if anything. Called once, and nothing is called after it. */
  close?(): Promise<void>;
}

/** Read prompts and adapter of a bundle. */
export async function readSmall(bundle: Bundle): Promise<SmallMatrices> {
  const { nPrompts, dim, adapterRank } = bundle.manifest.encoder;
  const [prompts, adapter] = await Promise.all([bundle.role("prompts"), bundle.role("adapter")]);
  const ofPrompts = loadArrays(prompts.data, prompts.name);
  const ofAdapter = loadArrays(adapter.data, adapter.name);
  return {
    prompts: take(ofPrompts, "prompts", "F32", [nPrompts, dim], prompts.name),
    knowledge: take(ofPrompts, "knowledge", "F32", [nPrompts, dim], prompts.name),
    adapterA: take(ofAdapter, "a", "F32", [dim, adapterRank], adapter.name),
    adapterB: take(ofAdapter, "b", "F32", [adapterRank, dim], adapter.name),
  };
}
