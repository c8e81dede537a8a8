/** An open release: its data, its engines, and the lists computed with them. */

import { loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";
import type { EngineVariant, Manifest } from "./bundleJson";
import { type Candidate, EngineCandidates, type OpenEngine } from "./candidates";
import { bestRows } from "./codes";
import { ITEM_LOG, ITEM_TABLE, RETIRED, TRANSITIONS } from "./constants";
import type { Hearing } from "./conversation/hearing";
import { Cosines } from "./cosines";
import { DislikePenalty } from "./dislikes";
import { diversified, diversifiedRows } from "./diversity";
import { type Adapted, type Engine, readSmall, type SmallMatrices } from "./encoder";
import { checkedWhere, type Where } from "./filters/conditions";
import { LiveFacts } from "./filters/live";
import { FactTable } from "./filters/table";
import { type Golden, readGolden, type SelfTest, selfTest, selfTestTransitions } from "./golden";
import { checkedIds, type Rows } from "./itemIds";
import { type ItemFacts, Items } from "./items";
import type { KeptTimes } from "./keptTimes";
import { KnowledgeSwitch } from "./knowledge";
import { fileOfRole } from "./manifest";
import { Pictures } from "./pictures";
import type { Explainer } from "./reasons/explainer";
import { readRetired } from "./retired";
import { Scorer } from "./scorer";
import type { Finder } from "./search/finder";
import { LONG, preferring, timerOf } from "./timing";
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

const NONE: ReadonlySet<number> = new Set();

/** The rows to leave out, and those to choose from. */
export interface Selection {
  readonly candidates?: Iterable<string> | undefined;
  readonly exclude?: Iterable<string> | undefined;
  readonly where?: Where | undefined;
}

export class OpenRelease {
  private finder: Promise<Finder> | null = null;
  private pictures: Promise<Pictures | null> | null = null;
  private explaining: Promise<Explainer> | null = null;
  private understanding: Promise<Hearing> | null = null;
  private readonly cosines: Cosines;
  private readonly dislikePenalty: DislikePenalty;
  private readonly factTable: FactTable;
  private knowledge: KnowledgeSwitch;
  private adapted: Adapted | null = null;

  private constructor(
    private readonly bundle: Bundle,
    readonly items: Items,
    readonly popularity: Uint8Array,
    readonly scorer: Scorer,
    /** Prompts and adapter of the bundle. */
    readonly small: SmallMatrices,
    readonly engines: EngineCandidates,
    /** Ranks if no engine is usable; null if the bundle has none, or they have failed their self-test. */
    readonly fallback: TransitionScores | null,
    private readonly live: LiveFacts,
    readonly retired: ReadonlySet<number>,
  ) {
    this.knowledge = new KnowledgeSwitch(scorer.codes, small);
    this.cosines = new Cosines(scorer.codes);
    this.dislikePenalty = new DislikePenalty(this.cosines);
    this.factTable = new FactTable(items, live);
  }

  get manifest(): Manifest {
    return this.bundle.manifest;
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
    live: LiveFacts = new LiveFacts(),
    /** The engine that makes all lists; by default the fastest ones. */
    engine: string | null = null,
    kept: KeptTimes | null = null,
  ): Promise<OpenRelease> {
    const { manifest } = bundle;
    const nItems = manifest.catalogue.nItems;
    const arraysOf = async (role: string) => {
      const file = await bundle.role(role);
      return loadArrays(file.data, file.name);
    };
    const [small, scorer, golden, popular, items, retired] = await Promise.all([
      readSmall(bundle),
      Scorer.open(bundle),
      arraysOf("golden").then((arrays) => readGolden(arrays, manifest)),
      arraysOf("popularity"),
      bundle.role("items").then(({ data, name }) => {
        if (manifest.requiredFeatures.includes(ITEM_TABLE)) return Items.ofTable(loadArrays(data, name), nItems);
        return manifest.requiredFeatures.includes(ITEM_LOG) ? Items.ofLog(data, nItems) : Items.read(data, nItems);
      }),
      manifest.files.some(({ role }) => role === RETIRED)
        ? arraysOf(RETIRED).then((arrays) => readRetired(arrays, nItems))
        : NONE,
    ]);
    const popularity = take(popular, "popularity", "U8", [nItems], fileOfRole(manifest, "popularity").name);
    const test = (engine: Engine, variant: Manifest["engines"][number]) =>
      selfTest(engine, variant, golden, scorer, small);
    const { transitions } = scorer;
    // With an engine, the golden lists are the engine's: only those of a bundle without engines are of transitions alone.
    const ofTransitions =
      transitions === null || manifest.engines.length > 0 ? null : selfTestTransitions(transitions, golden);
    const last = transitions === null ? null : candidateOf(ofTransitions);
    const long = longHistory(golden, scorer, manifest);
    const measured = timerOf(long, manifest.encoder.dim, small);
    const time = engine === null ? (kept?.timing(measured) ?? measured) : preferring(engine);
    const known = (variant: EngineVariant) => (engine === null ? (kept?.of(variant) ?? null) : null);
    const engines = new EngineCandidates(manifest.engines, open, test, changed, last, time, known);
    return new OpenRelease(
      bundle,
      items,
      popularity,
      scorer,
      small,
      engines,
      ofTransitions?.passed === false ? null : transitions,
      live,
      retired,
    );
  }

  /** Use what the person's device has learned for the lists that follow; null: the bundle's own adapter. */
  adapt(adapted: Adapted | null): void {
    if (adapted === this.adapted) return;
    this.adapted = adapted;
    const { adapterB } = adapted ?? this.small;
    this.knowledge = new KnowledgeSwitch(this.scorer.codes, { ...this.small, adapterB });
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
    return this.rankWithout(new Set([...sequence, ...hidden]), sequence, k, diversity, disliked);
  }

  /**
   * As `rank`, without the rows in `excluded`; those of the history are not left out by themselves.
   *
   * @param shift returns the scores that count in place of the given ones; it gets all rows that are on no list, too.
   */
  async rankWithout(
    excluded: Rows,
    sequence: readonly number[],
    k: number,
    diversity: number,
    disliked: readonly number[],
    shift: (scores: Float32Array, unlisted: Rows) => Float32Array = (scores) => scores,
  ): Promise<Ranking> {
    const { scores: before, ...how } = await this.scored(sequence, disliked);
    const begun = performance.now();
    const unlisted = this.withRetired(excluded);
    const scores = shift(before, unlisted);
    const rows = diversifiedRows(this.scorer.codes, scores, k, unlisted, diversity);
    return { ...how, rows, phases: { ...how.phases, rank: performance.now() - begun } };
  }

  /**
   * The rows of a feed in the order of this user, ties in the order of the feed; all scores are 0 without a history.
   *
   * @param rows of the feed, each once.
   */
  async rerank(
    rows: readonly number[],
    sequence: readonly number[],
    disliked: readonly number[],
    diversity: number,
  ): Promise<readonly number[]> {
    const isKnown = sequence.length > 0 || disliked.length > 0;
    const scores = isKnown ? (await this.scored(sequence, disliked)).scores : new Float32Array(this.items.ids.length);
    const kept = rows.filter((row) => !disliked.includes(row) && !this.retired.has(row));
    kept.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
    return diversified(this.scorer.codes, scores, kept, kept.length, diversity);
  }

  /** The `k` rows most similar to a row, best first. */
  similar(row: number, k: number, excluded: Rows): number[] {
    const without = this.withRetired(excluded);
    return bestRows(this.cosines.of(row), k, { has: (other) => other === row || without.has(other) });
  }

  /**
   * The rows that candidates, exclusions and a filter leave out.
   *
   * @throws TypeError an argument is of another type.
   * @throws FilterError the filter does not fit the facts.
   */
  outside({ candidates, exclude = [], where }: Selection): Rows {
    const excluded = new Set(this.items.rowsOf(checkedIds("exclude", exclude)));
    const mask = where === undefined ? null : this.factTable.holds(checkedWhere(where));
    const chosen = candidates === undefined ? null : new Set(this.items.rowsOf(checkedIds("candidates", candidates)));
    return { has: (row) => mask?.[row] === 0 || chosen?.has(row) === false || excluded.has(row) };
  }

  /** The facts of an item, with the live ones in place of the bundle's. */
  factsOf(row: number): ItemFacts {
    const facts = new Map([...this.items.facts(row), ...this.live.of(this.items.ids[row] ?? "")]);
    return new Map([...facts].filter(([, values]) => values.length > 0));
  }

  /** The picture of an item as a data URL; null if it has none. The first call reads those of all items. */
  async picture(row: number): Promise<string | null> {
    this.pictures ??= Pictures.of(this.bundle).catch((error: unknown) => {
      this.pictures = null; // the next call tries again
      throw error;
    });
    return (await this.pictures)?.url(row) ?? null;
  }

  /** The rows that match a query, best first; the first call loads the search and builds the index. */
  async search(text: string, limit: number): Promise<number[]> {
    if (text.trim() === "") return [];
    return (await this.searchIndex()).find(text, limit);
  }

  /** What understands sentences about the items; the first call loads it and builds the indices that it needs. */
  hearing(): Promise<Hearing> {
    this.understanding ??= Promise.all([import("./conversation/said"), this.searchIndex()]).then(
      ([{ hearingOf }, finder]) => {
        const vectors = this.scorer.transitions?.vectors ?? this.scorer.codes;
        const spaces = [this.cosines, ...(vectors === this.scorer.codes ? [] : [new Cosines(vectors)])];
        return hearingOf(this, finder, this.factTable, spaces, this.live);
      },
      (error: unknown) => {
        this.understanding = null; // the next call tries again
        throw error;
      },
    );
    return this.understanding;
  }

  private searchIndex(): Promise<Finder> {
    this.finder ??= import("./search/finder").then(
      ({ Finder }) => new Finder(this.items, this.popularity),
      (error: unknown) => {
        this.finder = null; // the next call tries again
        throw error;
      },
    );
    return this.finder;
  }

  /** What explains lists; the first call loads it. */
  explainer(): Promise<Explainer> {
    this.explaining ??= import("./reasons/explainer").then(
      ({ Explainer }) =>
        new Explainer(
          this.items,
          this.popularity,
          this.scorer.transitions?.transitions ?? null,
          (sequence, history) => this.scoresAfter(sequence, history),
          this.manifest.kind,
        ),
      (error: unknown) => {
        this.explaining = null; // the next call tries again
        throw error;
      },
    );
    return this.explaining;
  }

  /** Only events that the encoder has processed may be cited. */
  newest(sequence: readonly number[]): readonly number[] {
    return sequence.slice(-this.manifest.encoder.maxLength);
  }

  /**
   * The score of every item after a part of a history, without dislikes, which lower it by the same amount after any part;
   * null if there is nothing but popularity.
   */
  private async scoresAfter(part: readonly number[], history: readonly number[]): Promise<Float32Array | null> {
    const { scores, by } = await this.scored(part, [], history);
    return by === "popularity" ? null : scores;
  }

  /** Retired items are on no list. */
  private withRetired(excluded: Rows): Rows {
    if (this.retired.size === 0) return excluded;
    return { has: (row) => this.retired.has(row) || excluded.has(row) };
  }

  /**
   * The score of every item, by engine and transitions; without these, or a history, the popularity.
   *
   * @param history decides whether knowledge is used; it is the sequence, unless that is a part of it.
   */
  private async scored(
    sequence: readonly number[],
    disliked: readonly number[],
    history: readonly number[] = sequence,
  ): Promise<Scored> {
    const newest = this.newest(sequence);
    const engine = this.engines.for(newest.length);
    if (newest.length === 0 || engine === null) return this.scoredWithoutEngine(newest, disliked);
    const times = [performance.now()];
    const embeddings = this.scorer.codes.decode(newest);
    times.push(performance.now());
    let state: Float32Array;
    const factor = this.adapted?.factor;
    try {
      state = await this.knowledge.encode(engine, this.newest(history), embeddings);
    } catch (error) {
      await this.engines.fail(engine, error);
      return this.scored(sequence, disliked, history);
    }
    times.push(performance.now());
    const scores = this.dislikePenalty.apply(this.scorer.scores(state, newest, factor), disliked);
    times.push(performance.now());
    const [decode = 0, encode = 0, score = 0] = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    return { scores, by: "model", engine: `${engine.name} ${engine.precision}`, phases: { decode, encode, score } };
  }

  private scoredWithoutEngine(sequence: readonly number[], disliked: readonly number[]): Scored {
    const begun = performance.now();
    const transitions = sequence.length === 0 ? null : this.fallback;
    // Popularity is scaled to 0 to 1 in float32, as in the Python runtime.
    const before = transitions?.scores(sequence) ?? Float32Array.from(this.popularity, (level) => level / 255);
    const scores = this.dislikePenalty.apply(before, disliked);
    const by = transitions === null ? "popularity" : "transitions";
    return { scores, by, engine: by, phases: { decode: 0, encode: 0, score: performance.now() - begun } };
  }
}

/** The scores of all items, and how they were computed. */
interface Scored extends Omit<Ranking, "rows" | "phases"> {
  readonly scores: Float32Array;
  readonly phases: Omit<Phases, "rank">;
}

/** The entry of transitions in the list of engines. */
function candidateOf(test: SelfTest | null): Candidate {
  const inUse = test?.passed !== false;
  const state = inUse ? "passed" : "failed";
  return { engine: TRANSITIONS, precision: "uint4", state, inUse, why: test?.why ?? "", test, ms: null, time: null };
}

/** Item vectors of a history of fifty events, or of the encoder's maximum length: the longest golden one, repeated. */
function longHistory(golden: Golden, scorer: Scorer, { encoder }: Manifest): Float32Array<ArrayBuffer> {
  const longest = golden.reduce((best, { rows }) => (rows.length > best.length ? rows : best), [] as readonly number[]);
  const length = Math.min(LONG, encoder.maxLength);
  return scorer.codes.decode(Array.from({ length }, (_, at) => longest[at % longest.length] ?? 0));
}
