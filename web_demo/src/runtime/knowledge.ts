/**
 * Whether a bundle's knowledge helps one person, estimated on that person's own past: the twin of
 * `edge_runtime/learning`, where formula and source stand. Knows no engines and no files.
 */

import type { ProductCodes } from "./codes";
import type { Engine, SmallMatrices } from "./encoder";

const FEWEST_EVENTS = 2;
const MOST_EVENTS = 4;
const TIE = 1e-6;

interface Pair {
  readonly without: Float32Array;
  readonly withKnowledge: Float32Array;
}

/** Encodes histories, with the bundle's knowledge or without. A bundle whose knowledge is all zero costs nothing. */
export class KnowledgeSwitch {
  private readonly without: SmallMatrices;
  private readonly knows: boolean;
  /** States of the last history that was judged; one more event costs two encodes. */
  private pairs = new Map<string, Pair>();
  private engine: Engine | null = null;

  constructor(
    private readonly codes: ProductCodes,
    private readonly small: SmallMatrices,
  ) {
    this.knows = small.knowledge.some((value) => value !== 0);
    this.without = { ...small, knowledge: new Float32Array(small.knowledge.length) };
  }

  /** The state after `sequence`, rows, oldest first, at most as many as the encoder holds. May throw as the engine. */
  async encode(engine: Engine, sequence: readonly number[], embeddings: Float32Array<ArrayBuffer>) {
    const helps = await this.helps(engine, sequence);
    return engine.encode(embeddings, helps ? this.small : this.without);
  }

  /** Whether knowledge is used after `sequence`; where the past is too short to judge, it is. */
  private async helps(engine: Engine, sequence: readonly number[]): Promise<boolean> {
    if (!this.knows || sequence.length <= FEWEST_EVENTS) return true;
    // States of another engine differ by rounding, and must not be mixed.
    if (engine !== this.engine) this.pairs.clear();
    this.engine = engine;
    const kept = new Map<string, Pair>();
    const gains: number[] = [];
    for (let end = Math.max(1, sequence.length - MOST_EVENTS); end < sequence.length; end++) {
      const before = sequence.slice(0, end);
      const key = before.join();
      const pair = this.pairs.get(key) ?? (await this.pair(engine, before));
      kept.set(key, pair);
      const vector = this.codes.decode([sequence[end] as number]);
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

/** The cosine of two vectors of one length; 0 where one has no direction. */
function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const lengths = Math.sqrt(squareA) * Math.sqrt(squareB);
  return lengths === 0 ? 0 : product / lengths;
}
