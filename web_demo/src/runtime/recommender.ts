/** An open release: its data, its engines, and the lists and reasons computed with them. */

import { loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";
import type { Manifest } from "./bundleJson";
import { type Candidate, EngineCandidates, type OpenEngine } from "./candidates";
import { TRANSITIONS } from "./constants";
import { DislikePenalty } from "./dislikes";
import { diversifiedRows } from "./diversity";
import { type Engine, readSmall } from "./encoder";
import { readGolden, type SelfTest, selfTest, selfTestTransitions } from "./golden";
import { Items } from "./items";
import { KnowledgeSwitch } from "./knowledge";
import { fileOfRole } from "./manifest";
import { type Fact, FactFinder } from "./reasons/facts";
import { type Sentence, sentences, template } from "./reasons/sentences";
import { Scorer } from "./scorer";
import { Finder } from "./search/finder";
import type { TransitionScores } from "./transitionScores";

/** Milliseconds of each phase of one list. */
export interface Phases {
  readonly decode: number;
  readonly encode: number;
  readonly score: number;
  readonly rank: number;
}

/** `model`: an engine, with the bundle's transitions if it has some; `transitions`: those alone. */
export type RankedBy = "model" | "transitions" | "popularity";

export interface Ranking {
  readonly rows: readonly number[];
  /** How the items were ranked. */
  readonly by: RankedBy;
  readonly engine: string;
  readonly phases: Phases;
}

/** A recommended item. */
export interface Recommendation {
  readonly row: number;
  readonly itemId: string;
  readonly title: string;
  /** One true sentence about the item and the history. */
  readonly reason: string;
}

export interface RecommendOptions {
  /** Ids of the items that the user chose, oldest first; unknown ids are skipped. */
  readonly history?: readonly string[];
  /** Ids of the items that the user dislikes, newest first: they are left out, and similar items are ranked lower. */
  readonly disliked?: readonly string[];
  /** Share of the most precise list that is replaced by different items, 0 to 1. */
  readonly diversity?: number;
}

export class Recommender {
  private finder: Finder | null = null;
  private readonly dislikePenalty: DislikePenalty;

  private constructor(
    readonly manifest: Manifest,
    readonly items: Items,
    readonly popularity: Uint8Array,
    private readonly factFinder: FactFinder,
    private readonly scorer: Scorer,
    private readonly knowledge: KnowledgeSwitch,
    readonly engines: EngineCandidates,
    /** Ranks if no engine is usable; null if the bundle has none, or they have failed their self-test. */
    readonly fallback: TransitionScores | null,
  ) {
    this.dislikePenalty = new DislikePenalty(scorer.codes);
  }

  /**
   * Read and check everything that lists need except the engines, which the caller starts.
   *
   * @throws BundleError a file is damaged or violates the format.
   * @throws FetchError a file cannot be downloaded.
   */
  static async open(
    bundle: Bundle,
    open: OpenEngine,
    changed: (candidates: readonly Candidate[]) => void = () => undefined,
  ): Promise<Recommender> {
    const { manifest } = bundle;
    const nItems = manifest.catalogue.nItems;
    const arraysOf = async (role: string) => {
      const file = await bundle.role(role);
      return loadArrays(file.data, file.name);
    };
    const [small, scorer, golden, popular, items] = await Promise.all([
      readSmall(bundle),
      Scorer.open(bundle),
      arraysOf("golden").then((arrays) => readGolden(arrays, manifest)),
      arraysOf("popularity"),
      bundle.role("items").then((file) => Items.read(file.data, nItems)),
    ]);
    const popularity = take(popular, "popularity", "U8", [nItems], fileOfRole(manifest, "popularity").name);
    const test = (engine: Engine, variant: Manifest["engines"][number]) =>
      selfTest(engine, variant, golden, scorer, small);
    const { transitions } = scorer;
    // With an engine, the golden lists are the engine's: only those of a bundle without engines are of transitions alone.
    const ofTransitions =
      transitions === null || manifest.engines.length > 0 ? null : selfTestTransitions(transitions, golden);
    const last = transitions === null ? null : candidateOf(ofTransitions);
    const engines = new EngineCandidates(manifest.engines, open, test, changed, last);
    return new Recommender(
      manifest,
      items,
      popularity,
      new FactFinder(items, popularity),
      scorer,
      new KnowledgeSwitch(scorer.codes, small),
      engines,
      ofTransitions?.passed === false ? null : transitions,
    );
  }

  /**
   * The `k` best rows that are neither in the history nor hidden, best first.
   *
   * @param sequence rows of the history, oldest first; if it is empty, items are ranked by popularity. If no engine works,
   *   they are ranked by transitions, and by popularity if the bundle has none.
   * @param diversity the share of the list that gives way to different items, from 0 to 1.
   * @param disliked rows, newest first; items that resemble them are ranked lower.
   */
  async rank(
    sequence: readonly number[],
    hidden: ReadonlySet<number>,
    k: number,
    diversity: number = 0,
    disliked: readonly number[] = [],
  ): Promise<Ranking> {
    const excluded = new Set([...sequence, ...hidden]);
    const engine = this.engines.current;
    const newest = sequence.slice(-this.manifest.encoder.maxLength);
    if (newest.length === 0 || engine === null) return this.rankWithoutEngine(newest, excluded, k, diversity, disliked);
    const times = [performance.now()];
    const embeddings = this.scorer.codes.decode(newest);
    times.push(performance.now());
    let state: Float32Array;
    try {
      state = await this.knowledge.encode(engine, newest, embeddings);
    } catch (error) {
      await this.engines.fail(engine, error);
      return this.rank(sequence, hidden, k, diversity, disliked);
    }
    times.push(performance.now());
    const scores = this.dislikePenalty.apply(this.scorer.scores(state, newest), disliked);
    times.push(performance.now());
    const rows = diversifiedRows(this.scorer.codes, scores, k, excluded, diversity);
    times.push(performance.now());
    const [decode = 0, encode = 0, score = 0, rank = 0] = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    return { rows, by: "model", engine: `${engine.name} ${engine.precision}`, phases: { decode, encode, score, rank } };
  }

  /** The `k` best items for a history, best first, without the items of the history itself. */
  async recommend(k: number, options: RecommendOptions = {}): Promise<readonly Recommendation[]> {
    const { history = [], disliked = [], diversity = 0 } = options;
    const [sequence, dislikes] = [this.items.rowsOf(history), this.items.rowsOf(disliked)];
    const { rows } = await this.rank(sequence, new Set(dislikes), k, diversity, dislikes);
    return rows.map((row) => ({
      row,
      itemId: this.items.ids[row] ?? "",
      title: this.items.titles[row] ?? "",
      reason: this.template(row, sequence).text,
    }));
  }

  /** The rows that match a query, best first; the first call builds the index. */
  search(text: string, limit: number): number[] {
    if (text.trim() === "") return [];
    this.finder ??= new Finder(this.items, this.popularity);
    return this.finder.find(text, limit);
  }

  /** The facts of an item, and every sentence that can be formed from them. */
  sentences(row: number, sequence: readonly number[]): { facts: readonly Fact[]; allowed: readonly Sentence[] } {
    const facts = this.facts(row, sequence);
    return { facts, allowed: sentences(this.items, row, facts, "short") };
  }

  /** The reason of an item, without a language model. */
  template(row: number, sequence: readonly number[]): Sentence {
    return template(this.items, row, this.facts(row, sequence));
  }

  /** Only events that the encoder has processed are cited. */
  private facts(row: number, sequence: readonly number[]): readonly Fact[] {
    return this.factFinder.facts(row, sequence.slice(-this.manifest.encoder.maxLength));
  }

  private rankWithoutEngine(
    sequence: readonly number[],
    excluded: ReadonlySet<number>,
    k: number,
    diversity: number,
    disliked: readonly number[],
  ): Ranking {
    const begun = performance.now();
    const transitions = sequence.length === 0 ? null : this.fallback;
    // Popularity is scaled to 0 to 1 in float32, as in the Python runtime.
    const before = transitions?.scores(sequence) ?? Float32Array.from(this.popularity, (level) => level / 255);
    const scores = this.dislikePenalty.apply(before, disliked);
    const scored = performance.now();
    const rows = diversifiedRows(this.scorer.codes, scores, k, excluded, diversity);
    const phases = { decode: 0, encode: 0, score: scored - begun, rank: performance.now() - scored };
    const by = transitions === null ? "popularity" : "transitions";
    return { rows, by, engine: by, phases };
  }
}

/** The entry of transitions in the list of engines. */
function candidateOf(test: SelfTest | null): Candidate {
  const inUse = test?.passed !== false;
  const state = inUse ? "passed" : "failed";
  return { engine: TRANSITIONS, precision: "uint4", state, inUse, why: test?.why ?? "", test, ms: null };
}
