/**
 * Decides whether a bundle's knowledge helps this user, estimated on the user's own past events. The same as
 * `edge_runtime/learning`, which states the formula and its source.
 */

import type { ProductCodes } from "./codes";
import { KNOWLEDGE_MAX_EVENTS, KNOWLEDGE_MIN_EVENTS } from "./constants";
import type { Engine, SmallMatrices } from "./encoder";

const TIE = 1e-6;

interface Pair {
  readonly without: Float32Array;
  readonly withKnowledge: Float32Array;
}

/** Encodes histories with or without the bundle's knowledge. Knowledge that is all zero costs no extra encoding. */
export class KnowledgeSwitch {
  private readonly without: SmallMatrices;
  private readonly hasKnowledge: boolean;
  /** States of the last history that was evaluated, so that one more event costs two encodes. */
  private pairs = new Map<string, Pair>();
  private engine: Engine | null = null;

  constructor(
    private readonly codes: ProductCodes,
    private readonly small: SmallMatrices,
  ) {
    this.hasKnowledge = small.knowledge.some((value) => value !== 0);
    this.without = { ...small, knowledge: new Float32Array(small.knowledge.length) };
  }

  /**
   * The state after at most `maxLength` rows, oldest first, of which `embeddings` are the vectors. Throws whatever the engine
   * throws.
   *
   * @param history rows by which it is decided whether knowledge is used.
   */
  async encode(engine: Engine, history: readonly number[], embeddings: Float32Array<ArrayBuffer>) {
    const helps = await this.helps(engine, history);
    return engine.encode(embeddings, helps ? this.small : this.without);
  }

  /** Whether to use knowledge after `sequence`; true if there are too few events to decide. */
  async helps(engine: Engine, sequence: readonly number[]): Promise<boolean> {
    if (!this.hasKnowledge || sequence.length <= KNOWLEDGE_MIN_EVENTS) return true;
    // States of different engines differ by rounding, and must not be compared.
    if (engine !== this.engine) this.pairs.clear();
    this.engine = engine;
    const kept = new Map<string, Pair>();
    const gains: number[] = [];
    for (let end = Math.max(1, sequence.length - KNOWLEDGE_MAX_EVENTS); end < sequence.length; end++) {
      const before = sequence.slice(0, end);
      const key = before.join();
      const pair = this.pairs.get(key) ?? (await this.pair(engine, before));
      kept.set(key, pair);
      const vector = this.codes.decode([sequence[end] ?? 0]);
      gains.push(cosine(pair.withKnowledge, vector) - cosine(pair.without, vector));
    }
    this.pairs = kept;
    return gains.reduce((sum, gain) => sum + gain, 0) / gains.length > TIE;
  }

  private async pair(engine: Engine, before: readonly number[]): Promise<Pair> {
    const vectors = this.codes.decode(before);
    const withKnowledge = await engine.encode(vectors, this.small);
    return { withKnowledge, without: await engine.encode(vectors, this.without) };
  }
}

/** The cosine similarity of two vectors; 0 if one of them is zero. */
function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const lengths = Math.sqrt(squareA) * Math.sqrt(squareB);
  return lengths === 0 ? 0 : product / lengths;
}
