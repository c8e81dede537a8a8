/** `encoder.safetensors`: the weights of the encoder, checked and dequantized (SPEC section 3). */

import { type Arrays, take } from "./arrays";
import type { Encoder } from "./bundleJson";
import { MAX_FEED, MAX_WEIGHT_SCALE } from "./constants";
import { BundleError } from "./errors";

export interface Norm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** `y = W x + b`, `weight` is `[out, in]` as in the file. */
export interface Linear {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface Block {
  readonly attentionNorm: Norm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedNorm: Norm;
  readonly feedIn: Linear;
  readonly feedOut: Linear;
}

export interface EncoderWeights {
  /** `[L, d]`, row 0 belongs to the newest event. */
  readonly position: Float32Array;
  readonly blocks: readonly Block[];
  readonly norm: Norm;
}

/**
 * Check every shape against the manifest and dequantize once.
 *
 * @throws BundleError a tensor is missing, or has another shape or dtype than SPEC section 3 says.
 */
export function readWeights(arrays: Arrays, sizes: Encoder, source: string): EncoderWeights {
  const d = sizes.dim;
  const quantized = (name: string, rows: number, columns: number): Float32Array => {
    const weight = take(arrays, name, "I8", [rows, columns], source);
    const scale = take(arrays, `${name}.scale`, "F32", [rows], source);
    if (!scale.every((value) => Math.abs(value) < MAX_WEIGHT_SCALE)) {
      throw new BundleError(`${source}: a scale of ${name} is not below ${MAX_WEIGHT_SCALE} in absolute value`);
    }
    return Float32Array.from(weight, (value, at) => value * (scale[Math.floor(at / columns)] ?? 0));
  };
  const linear = (name: string, nIn: number, nOut: number): Linear => ({
    weight: quantized(`${name}.weight`, nOut, nIn),
    bias: take(arrays, `${name}.bias`, "F32", [nOut], source),
  });
  const norm = (name: string): Norm => ({
    weight: take(arrays, `${name}.weight`, "F32", [d], source),
    bias: take(arrays, `${name}.bias`, "F32", [d], source),
  });
  const head = d / sizes.nHeads;
  const block = (name: string): Block => {
    // A pruned block has fewer heads than the manifest states.
    const joined = arrays.get(`${name}.query.weight`)?.shape[0] ?? 0;
    if (joined < 1 || joined > d || joined % head !== 0) {
      throw new BundleError(
        `${source}: ${name}.query.weight has ${joined} rows, expected those of 1 to ${sizes.nHeads} heads of ${head}`,
      );
    }
    const feed = arrays.get(`${name}.feed_in.weight`)?.shape[0] ?? 0;
    if (feed < 1 || feed > MAX_FEED) throw new BundleError(`${source}: ${name}.feed_in.weight has ${feed} rows`);
    return {
      attentionNorm: norm(`${name}.attention_norm`),
      query: linear(`${name}.query`, d, joined),
      key: linear(`${name}.key`, d, joined),
      value: linear(`${name}.value`, d, joined),
      output: linear(`${name}.output`, joined, d),
      feedNorm: norm(`${name}.feed_norm`),
      feedIn: linear(`${name}.feed_in`, d, feed),
      feedOut: linear(`${name}.feed_out`, feed, d),
    };
  };
  return {
    position: quantized("position", sizes.maxLength, d),
    blocks: Array.from({ length: sizes.nBlocks }, (_, index) => block(`block.${index}`)),
    norm: norm("norm"),
  };
}
