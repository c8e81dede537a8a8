/**
 * The encoder in plain TypeScript: the formula of SPEC section 3, without a library.
 *
 * It computes the first list before WebAssembly has loaded. The last block computes only the last position, because the
 * others are not used.
 */

import { loadArrays } from "./arrays";
import type { Bundle } from "./bundle";
import type { Encoder, EngineVariant } from "./bundleJson";
import type { Bytes } from "./bytes";
import type { Engine, SmallMatrices } from "./encoder";
import { type Block, type EncoderWeights, type Linear, type Norm, readWeights } from "./weights";

const EPSILON = 1e-5;
const GELU_SLOPE = Math.sqrt(2 / Math.PI);

/** Open the reference engine over a bundle's `encoder.safetensors`. */
export async function openReference(bundle: Bundle, { file, precision }: EngineVariant): Promise<ReferenceEngine> {
  const { data, name } = await bundle.file(file);
  return ReferenceEngine.open(data, bundle.manifest.encoder, precision, name);
}

export class ReferenceEngine implements Engine {
  readonly name = "reference";

  private constructor(
    private readonly sizes: Encoder,
    private readonly weights: EncoderWeights,
    readonly precision: string,
  ) {}

  /** @throws BundleError the bytes do not match the encoder of the manifest. */
  static open(file: Bytes, sizes: Encoder, precision: string, source: string): ReferenceEngine {
    return new ReferenceEngine(sizes, readWeights(loadArrays(file, source), sizes, source), precision);
  }

  async encode(embeddings: Float32Array, small: SmallMatrices): Promise<Float32Array> {
    let h = this.embed(embeddings);
    const { blocks, norm } = this.weights;
    for (const [index, block] of blocks.entries()) h = this.block(h, block, index === blocks.length - 1);
    const s = layerNorm(h.subarray(h.length - this.sizes.dim), norm);
    return withKnowledge(s, small, this.sizes);
  }

  /** Scale the newest `L` events and add their position embeddings, counted from the end. */
  private embed(embeddings: Float32Array): Float32Array {
    const { dim, maxLength, inputScale } = this.sizes;
    const kept = embeddings.subarray(Math.max(0, embeddings.length - maxLength * dim));
    const n = kept.length / dim;
    return Float32Array.from(kept, (value, at) => {
      const fromEnd = n - 1 - Math.floor(at / dim);
      return inputScale * value + (this.weights.position[fromEnd * dim + (at % dim)] ?? 0);
    });
  }

  /** One transformer block: `[n, d]` to `[n, d]`, or to `[1, d]` if it is the last. */
  private block(h: Float32Array, block: Block, isLast: boolean): Float32Array {
    const d = this.sizes.dim;
    const y = layerNorm(h, block.attentionNorm);
    const from = isLast ? h.length - d : 0;
    const mixed = apply(this.attend(y, y.subarray(from), block), block.output);
    const kept = h.subarray(from).map((value, at) => value + (mixed[at] ?? 0));
    const inner = apply(layerNorm(kept, block.feedNorm), block.feedIn).map(gelu);
    const fed = apply(inner, block.feedOut);
    return kept.map((value, at) => value + (fed[at] ?? 0));
  }

  /** Causal self-attention of the last `w` positions, `queries` `[w, d]`, over all positions; `[w, joined heads]`. */
  private attend(y: Float32Array, queries: Float32Array, block: Block): Float32Array {
    const { dim, nHeads } = this.sizes;
    const [query, key, value] = [apply(queries, block.query), apply(y, block.key), apply(y, block.value)];
    const [n, nQueries, width] = [y.length / dim, queries.length / dim, dim / nHeads];
    const joined = block.query.bias.length;
    const gathered = new Float32Array(nQueries * joined);
    for (let position = 0; position < nQueries; position++) {
      const visible = n - nQueries + position + 1;
      for (let head = 0; head < joined / width; head++) {
        const at = position * joined + head * width;
        const scores = new Float64Array(visible);
        for (let other = 0; other < visible; other++) {
          scores[other] = dot(query, at, key, other * joined + head * width, width) / Math.sqrt(width);
        }
        softmax(scores);
        for (let i = 0; i < width; i++) {
          let sum = 0;
          for (let other = 0; other < visible; other++) {
            sum += (scores[other] ?? 0) * (value[other * joined + head * width + i] ?? 0);
          }
          gathered[at + i] = sum;
        }
      }
    }
    return gathered;
  }
}

/** Add the knowledge that the prompts select, then the adapter; `[d]`. */
function withKnowledge(s: Float32Array, small: SmallMatrices, sizes: Encoder): Float32Array {
  const { dim, nPrompts, adapterRank } = sizes;
  const shares = Float64Array.from(
    { length: nPrompts },
    (_, p) => dot(small.prompts, p * dim, s, 0, dim) / Math.sqrt(dim),
  );
  softmax(shares);
  const known = s.map((value, i) => {
    let sum = value;
    for (let p = 0; p < nPrompts; p++) sum += (shares[p] ?? 0) * (small.knowledge[p * dim + i] ?? 0);
    return sum;
  });
  const low = Float64Array.from({ length: adapterRank }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += (known[i] ?? 0) * (small.adapterA[i * adapterRank + j] ?? 0);
    return sum;
  });
  return known.map((value, i) => {
    let sum = value;
    for (let j = 0; j < adapterRank; j++) sum += (low[j] ?? 0) * (small.adapterB[j * dim + i] ?? 0);
    return sum;
  });
}

/** `y = W x + b` for each of the `n` rows of `x`. */
function apply(x: Float32Array, { weight, bias }: Linear): Float32Array {
  const nOut = bias.length;
  const nIn = weight.length / nOut;
  const n = x.length / nIn;
  const y = new Float32Array(n * nOut);
  for (let row = 0; row < n; row++) {
    for (let out = 0; out < nOut; out++) {
      y[row * nOut + out] = dot(weight, out * nIn, x, row * nIn, nIn) + (bias[out] ?? 0);
    }
  }
  return y;
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (a[atA + i] ?? 0) * (b[atB + i] ?? 0);
  return sum;
}

function layerNorm(x: Float32Array, { weight, bias }: Norm): Float32Array {
  const d = weight.length;
  const result = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += d) {
    let mean = 0;
    for (let i = 0; i < d; i++) mean += x[start + i] ?? 0;
    mean /= d;
    let variance = 0;
    for (let i = 0; i < d; i++) variance += ((x[start + i] ?? 0) - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / d + EPSILON);
    for (let i = 0; i < d; i++) {
      result[start + i] = ((x[start + i] ?? 0) - mean) * scale * (weight[i] ?? 0) + (bias[i] ?? 0);
    }
  }
  return result;
}

/** Softmax in place. */
function softmax(scores: Float64Array): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const score of scores) largest = Math.max(largest, score);
  let total = 0;
  for (const [i, score] of scores.entries()) {
    const power = Math.exp(score - largest);
    scores[i] = power;
    total += power;
  }
  for (const [i, power] of scores.entries()) scores[i] = power / total;
}

function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(GELU_SLOPE * (x + 0.044715 * x * x * x)));
}
