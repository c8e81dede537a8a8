/** The interface of engines, which ONNX Runtime, the reference engine and the fakes of tests implement. */

import { loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";

/** The small matrices that may change between releases of one encoder (SPEC section 5), all row-major. */
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

/** What a person's device has learned (`learning/`), in place of what the bundle has. */
export interface Adapted {
  /** `[r, d]`. */
  readonly adapterB: Float32Array;
  /** What the scores of transitions are multiplied with. */
  readonly factor: number;
}

/** Encodes the item vectors of a user's events into the state that items are scored with. */
export interface Engine {
  readonly name: string;
  readonly precision: string;
  /**
   * The state `[d]` after `embeddings`, `[l, d]`, oldest first, `1 <= l <= L`.
   * May throw anything: after an exception, the caller no longer uses this engine.
   */
  encode(embeddings: Float32Array<ArrayBuffer>, small: SmallMatrices): Promise<Float32Array>;
  /** Release resources outside JavaScript's heap. Called at most once, as the last call. */
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
