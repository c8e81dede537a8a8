/** One release, opened: its small parts read and checked, the ladder of engines, lists and reasons. */

import { loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";
import { ProductCodes } from "./codes";
import { Resemblance } from "./dislikes";
import { type Engine, readSmall } from "./encoder";
import { readGolden, selfTest } from "./golden";
import { Items } from "./items";
import { KnowledgeSwitch } from "./knowledge";
import { Ladder, type OpenEngine, type Rung } from "./ladder";
import { fileOfRole, type Manifest } from "./manifest";
import { type Fact, FactFinder } from "./reasons/facts";
import { type Sentence, sentences, template } from "./reasons/sentences";
import { Finder } from "./search/finder";
import { variedRows } from "./variety";

/** Milliseconds of the parts of one list. */
export interface Phases {
  readonly decode: number;
  readonly encode: number;
  readonly score: number;
  readonly rank: number;
}

export interface Ranking {
  readonly rows: readonly number[];
  /** What the order comes from. */
  readonly by: "model" | "popularity";
  readonly engine: string;
  readonly phases: Phases;
}

export class Recommender {
  private finder: Finder | null = null;
  private readonly resemblance: Resemblance;

  private constructor(
    readonly manifest: Manifest,
    readonly items: Items,
    readonly popularity: Uint8Array,
    private readonly factFinder: FactFinder,
    private readonly codes: ProductCodes,
    private readonly knowledge: KnowledgeSwitch,
    readonly ladder: Ladder,
  ) {
    this.resemblance = new Resemblance(codes);
  }

  /**
   * Read everything that a list needs but the engines; the caller starts the ladder.
   *
   * @throws BundleError a file is damaged or breaks the format.
   * @throws FetchError a file cannot be fetched.
   */
  static async open(bundle: Bundle, open: OpenEngine, changed: (rungs: readonly Rung[]) => void): Promise<Recommender> {
    const { manifest } = bundle;
    const nItems = manifest.catalogue.nItems;
    const arraysOf = async (role: string) => {
      const file = await bundle.role(role);
      return loadArrays(file.data, file.name);
    };
    const [small, codes, golden, popular, items] = await Promise.all([
      readSmall(bundle),
      arraysOf("codes").then((arrays) => ProductCodes.read(arrays, manifest.catalogue)),
      arraysOf("golden").then((arrays) => readGolden(arrays, manifest)),
      arraysOf("popularity"),
      bundle.role("items").then((file) => Items.read(file.data, nItems)),
    ]);
    const popularity = take(popular, "popularity", "U8", [nItems], fileOfRole(manifest, "popularity").name);
    const test = (engine: Engine, variant: Manifest["engines"][number]) =>
      selfTest(engine, variant, golden, codes, small);
    const ladder = new Ladder(manifest.engines, open, test, changed);
    const factFinder = new FactFinder(items, popularity);
    return new Recommender(manifest, items, popularity, factFinder, codes, new KnowledgeSwitch(codes, small), ladder);
  }

  /**
   * The `k` best rows that a person has neither marked nor hidden, best first.
   *
   * @param sequence rows, oldest first; with none of them, or without an engine, the popularity order is given.
   * @param variety the share of the precise list that gives way, from 0 to 1.
   * @param disliked rows, the newest first: what resembles them falls.
   */
  async rank(
    sequence: readonly number[],
    hidden: ReadonlySet<number>,
    k: number,
    variety: number = 0,
    disliked: readonly number[] = [],
  ): Promise<Ranking> {
    const excluded = new Set([...sequence, ...hidden]);
    const engine = this.ladder.current;
    if (sequence.length === 0 || engine === null) return this.rankByPopularity(excluded, k, variety, disliked);
    const newest = sequence.slice(-this.manifest.encoder.maxLength);
    const times = [performance.now()];
    const embeddings = this.codes.decode(newest);
    times.push(performance.now());
    let state: Float32Array;
    try {
      state = await this.knowledge.encode(engine, newest, embeddings);
    } catch (error) {
      await this.ladder.fail(engine, error);
      return this.rank(sequence, hidden, k, variety, disliked);
    }
    times.push(performance.now());
    const scores = this.resemblance.lowered(this.codes.scores(state), disliked);
    times.push(performance.now());
    const rows = variedRows(this.codes, scores, k, excluded, variety);
    times.push(performance.now());
    const [decode = 0, encode = 0, score = 0, rank = 0] = times.slice(1).map((time, i) => time - (times[i] as number));
    return { rows, by: "model", engine: `${engine.name} ${engine.precision}`, phases: { decode, encode, score, rank } };
  }

  /** The rows that a text finds, the best first; the first call builds the index of words. */
  search(text: string, limit: number): number[] {
    if (text.trim() === "") return [];
    this.finder ??= new Finder(this.items, this.popularity);
    return this.finder.find(text, limit);
  }

  /** The facts of an item, and every sentence that they allow. */
  sentences(row: number, sequence: readonly number[]): { facts: readonly Fact[]; allowed: readonly Sentence[] } {
    const facts = this.facts(row, sequence);
    return { facts, allowed: sentences(this.items, row, facts, "short") };
  }

  /** The reason that needs no language model. */
  template(row: number, sequence: readonly number[]): Sentence {
    return template(this.items, row, this.facts(row, sequence));
  }

  /** Only events that the encoder has seen are cited. */
  private facts(row: number, sequence: readonly number[]): readonly Fact[] {
    return this.factFinder.facts(row, sequence.slice(-this.manifest.encoder.maxLength));
  }

  private rankByPopularity(
    excluded: ReadonlySet<number>,
    k: number,
    variety: number,
    disliked: readonly number[],
  ): Ranking {
    const begun = performance.now();
    // In 0 to 1, as float32, as the Python runtime has them.
    const levels = Float32Array.from(this.popularity, (level) => level / 255);
    const scores = this.resemblance.lowered(levels, disliked);
    const rows = variedRows(this.codes, scores, k, excluded, variety);
    const phases = { decode: 0, encode: 0, score: 0, rank: performance.now() - begun };
    return { rows, by: "popularity", engine: "popularity", phases };
  }
}
