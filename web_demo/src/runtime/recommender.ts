/**
 * What a page calls: lists, reasons, searches, and going over to a newer release. The same lists as
 * `edge_runtime/lists.py`; the page keeps the history (`history.ts`) and gives it to each call.
 */

import type { Bundle } from "./bundle";
import type { Manifest } from "./bundleJson";
import type { Candidate, EngineCandidates, OpenEngine } from "./candidates";
import type { Answer, Chip } from "./conversation/outcome";
import type { Listing, Said, Sayable } from "./conversation/said";
import type { Adapted } from "./encoder";
import { ClosedError, UnknownItemError } from "./errors";
import { shown, type Where } from "./filters/conditions";
import { LiveFacts, type LiveFactsOfItems } from "./filters/live";
import { checkedIds } from "./itemIds";
import type { ItemFacts, Items } from "./items";
import type { KeptTimes } from "./keptTimes";
import { OpenRelease, type Ranking, type Selection } from "./openRelease";
import type { Explainer, Manner } from "./reasons/explainer";
import type { Fact } from "./reasons/facts";
import type { TransitionScores } from "./transitionScores";

export type { Phases, RankedBy, Ranking, Selection } from "./openRelease";

/** One entry of a list. */
export class Recommendation {
  readonly #release: OpenRelease;

  constructor(
    release: OpenRelease,
    readonly row: number,
    readonly itemId: string,
    readonly title: string,
  ) {
    this.#release = release;
  }

  /** The facts of the item by name, live ones included; looked up when it is asked for. */
  get facts(): ItemFacts {
    return this.#release.factsOf(this.row);
  }

  /** The picture of the item as a data URL; null if it has none. The first one reads those of all items. */
  picture(): Promise<string | null> {
    return this.#release.picture(this.row);
  }
}

/** A user's history. */
export interface Past {
  /** Ids of the items that the user chose, oldest first; unknown ids are skipped. */
  readonly history?: readonly string[];
  /** Ids of the items that the user dislikes, newest first: they are left out, and similar items are ranked lower. */
  readonly disliked?: readonly string[];
  /** Share of the most precise list that is replaced by different items, 0 to 1. */
  readonly diversity?: number;
}

export interface ListOptions {
  /** Ids of the items to choose from, instead of the whole catalogue; unknown ids are skipped. */
  readonly candidates?: Iterable<string>;
  /** Ids of items to leave out, such as those in the basket. */
  readonly exclude?: Iterable<string>;
  /** Fact to condition, all of which must hold; live facts count. */
  readonly where?: Where;
}

export interface RecommendOptions extends Past, ListOptions {
  /** Keep items of the history in the list; disliked ones are still left out. */
  readonly includeSeen?: boolean;
  /** Follow what was said with `say` and is on the chips; candidates, exclusions and a filter count as well. */
  readonly conversation?: boolean;
}

export interface SayOptions extends Past {
  /** Number of items, by default 10. */
  readonly k?: number;
  /** `en`, `de`, `fr`, `es` or `zh`, by default English. */
  readonly language?: string;
  /** Ids of the items on the screen, which "the second" is one of; by default the list of the last answer. */
  readonly shown?: readonly string[];
  /** Id of the item that "this" is; by default the one that was talked about last. */
  readonly about?: string;
}

/** The answer to a sentence: the list, with an answer in words, the chips, and a question where only the user can decide. */
export type SaidAnswer = Answer<Recommendation>;

export interface ExplainOptions extends Partial<Manner> {
  /** The history that the list was computed from. */
  readonly history?: readonly string[];
  /** A language of `edge_runtime/reasons/phrases/`, by default English; the catalogue's own words stay as they are. */
  readonly language?: string;
}

/** Why an item is recommended. */
export interface Reason {
  /** One sentence, without a full stop. */
  readonly text: string;
  /** The facts that it cites. */
  readonly facts: readonly Fact[];
  readonly language: string;
}

/** What is learned with: a release, without its lists. */
export type Learnable = Pick<OpenRelease, "manifest" | "items" | "engines" | "scorer" | "small" | "retired">;

/** Opens the newest release; null if it is the one in use. */
export type Reopen = () => Promise<OpenRelease | null>;

export class Recommender {
  private isClosed = false;
  private said: Said | null = null;

  constructor(
    private release: OpenRelease,
    private readonly live: LiveFacts = new LiveFacts(),
    private readonly reopen: Reopen = async () => null,
  ) {}

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
    /** The engine that makes all lists; by default the fastest ones. */
    engine: string | null = null,
    /** Times of engines that earlier visits measured; without them, every visit measures. */
    kept: KeptTimes | null = null,
  ): Promise<Recommender> {
    const live = new LiveFacts();
    return new Recommender(await OpenRelease.open(bundle, open, changed, live, engine, kept), live);
  }

  get manifest(): Manifest {
    return this.release.manifest;
  }

  get items(): Items {
    return this.release.items;
  }

  get popularity(): Uint8Array {
    return this.release.popularity;
  }

  get engines(): EngineCandidates {
    return this.release.engines;
  }

  /** Ranks if no engine is usable; null if the bundle has none, or they have failed their self-test. */
  get fallback(): TransitionScores | null {
    return this.release.fallback;
  }

  /** Close the engines; every later call of a list throws ClosedError. May be called again. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.release.engines.close();
  }

  /**
   * Go over to the newest release of the address that this one was opened from, if it is another; return whether it is.
   * The new one is read, checked and tested first: if that fails, this one stays in use. Live facts stay.
   *
   * @throws FetchError the server cannot be reached.
   * @throws BundleError the new release is damaged, or needs a newer page.
   */
  async refresh(): Promise<boolean> {
    const before = this.inUse();
    const fresh = await this.reopen();
    if (fresh === null) return false;
    if (this.isClosed) {
      await fresh.engines.close();
      return false;
    }
    this.release = fresh;
    await before.engines.close();
    return true;
  }

  /**
   * The `k` best items for a history, best first. Items of the history are left out, unless `includeSeen` is true.
   *
   * @throws TypeError an argument is of another type, such as one string in place of a list of ids.
   * @throws RangeError `k` or `diversity` is out of range, or a condition has no values.
   * @throws FilterError `where` names a fact that no item has, or compares it with a value of another kind.
   */
  async recommend(k: number, options: RecommendOptions = {}): Promise<readonly Recommendation[]> {
    const release = this.inUse();
    checkK(k);
    const { sequence, disliked, diversity } = pastOf(release, options);
    const outside = release.outside(options as Selection);
    const hidden = new Set(options.includeSeen === true ? disliked : [...sequence, ...disliked]);
    const excluded = { has: (row: number) => hidden.has(row) || outside.has(row) };
    const said = options.conversation === true ? this.said : null;
    const { rows } = await (said?.rank(release, { sequence, excluded, disliked, diversity, k }) ??
      release.rankWithout(excluded, sequence, k, diversity, disliked));
    return listed(release, rows);
  }

  /** One list for each of several histories, such as those of the members of a household. */
  async recommendMany(
    histories: readonly (readonly string[])[],
    k: number,
    options: Omit<RecommendOptions, "history" | "disliked"> = {},
  ): Promise<readonly (readonly Recommendation[])[]> {
    this.inUse();
    if (!Array.isArray(histories)) {
      throw new TypeError(`histories must be a list of lists of item ids, got ${shown(histories)}.`);
    }
    const given = histories.map((history) => checkedIds("each of histories", history));
    const lists: (readonly Recommendation[])[] = [];
    for (const history of given) lists.push(await this.recommend(k, { ...options, history }));
    return lists;
  }

  /**
   * The items of a feed that everyone gets, in the order of this user. Seen items stay; disliked ones and unknown ids are
   * left out. Without a history the feed keeps its order, which also breaks ties.
   */
  async rerank(candidates: Iterable<string>, past: Past = {}): Promise<readonly Recommendation[]> {
    const release = this.inUse();
    const { sequence, disliked, diversity } = pastOf(release, past);
    const feed = [...new Set(release.items.rowsOf(checkedIds("candidates", candidates)))];
    return listed(release, await release.rerank(feed, sequence, disliked, diversity));
  }

  /**
   * The `k` items most similar to an item, best first, whoever the user is.
   *
   * @throws UnknownItemError the catalogue does not have the item.
   */
  similar(itemId: string, k: number, options: ListOptions = {}): readonly Recommendation[] {
    const release = this.inUse();
    checkK(k);
    return listed(release, release.similar(rowOf(release, itemId), k, release.outside(options as Selection)));
  }

  /**
   * Set live facts of some items, such as price and stock, in place of the bundle's; null goes back to the bundle's.
   * They count in `where` and are shown in `facts`, and are kept in memory only.
   *
   * @throws TypeError a value is of another type. Nothing was set.
   * @throws RangeError a number is not finite, or 10^12 or more. Nothing was set.
   */
  setFacts(facts: LiveFactsOfItems): void {
    this.inUse();
    this.live.set(facts);
  }

  /** Go back to the facts of the bundle. */
  clearFacts(): void {
    this.inUse();
    this.live.clear();
  }

  /**
   * Say in words what is wanted. What is said is kept in memory, as `chips`, until it is taken back or `forgetSaid`; what
   * contradicts something said before is asked about, and what is not understood is said and changes nothing. The first
   * call loads the code and the words of the language, and builds an index.
   *
   * @param text a sentence; only its first 300 characters are used.
   * @throws TypeError the text is no string.
   * @throws RangeError there are no words of the language, or `k` is not positive.
   * @throws UnknownItemError the catalogue does not have the item `about`; what was said stays as it was.
   */
  async say(text: string, options: SayOptions = {}): Promise<SaidAnswer> {
    const release = this.inUse();
    const { k = 10, language = "en", shown = null, about = null } = options;
    checkText(text);
    checkK(k);
    if (about !== null) rowOf(release, about);
    const { sequence, disliked, diversity } = pastOf(release, options);
    const { Said } = await import("./conversation/said");
    this.said ??= new Said();
    const listing: Listing = { sequence, excluded: new Set([...sequence, ...disliked]), disliked, diversity, k };
    const turn = { language, shown: shown && checkedIds("shown", shown), about };
    const answer = await this.said.say(release, text, listing, turn);
    const rows = answer.items.map(({ row }) => row);
    return { ...answer, items: listed(release, rows) };
  }

  /** Whether `say` is the right call for a text, and not `search`: it asks for something, such as "cheaper". */
  async asks(text: string, language: string = "en"): Promise<boolean> {
    const release = this.inUse();
    checkText(text);
    const { Said } = await import("./conversation/said");
    return (this.said ?? new Said()).asks(release, text, language);
  }

  /** What was said with `say` and counts now, in the language of the last sentence. */
  get chips(): readonly Chip[] {
    return this.said?.chips ?? [];
  }

  /** Take back one thing that was said; returns whether it counted. `say("undo")` brings it back. */
  removeChip(chipId: string): boolean {
    return this.said?.removeChip(chipId) ?? false;
  }

  /** Forget what was said. */
  forgetSaid(): void {
    this.said = null;
  }

  /** The parts of the release that conversations need. */
  get sayable(): Sayable {
    return this.release;
  }

  /** The parts of the release that `learning/` needs. */
  get learnable(): Learnable {
    return this.release;
  }

  /** As `OpenRelease.adapt`; until the next release. */
  adapt(adapted: Adapted | null): void {
    this.release.adapt(adapted);
  }

  /** As `OpenRelease.rank`. */
  rank(...args: Parameters<OpenRelease["rank"]>): Promise<Ranking> {
    return this.release.rank(...args);
  }

  /** The rows that match a query, best first; the first call loads the search and builds the index. */
  async search(text: string, limit: number): Promise<number[]> {
    return this.inUse().search(text, limit);
  }

  /**
   * Why the items of a list are recommended: on which of the user's items their scores rest, and what these have in
   * common. No two reasons sound alike; null where nothing can be said. The first call loads the code and the phrases.
   *
   * @param items what `recommend` returned, or ids; unknown ids are skipped.
   * @throws RangeError there are no phrases in the language, style or tone.
   */
  async explainList(
    items: Iterable<Recommendation | string>,
    { history = [], style = "short", tone = "casual", language = "en" }: ExplainOptions = {},
  ): Promise<readonly (Reason | null)[]> {
    const release = this.inUse();
    const ids = [...items].map((item) => (typeof item === "string" ? item : item.itemId));
    const rows = release.items.rowsOf(checkedIds("items", ids));
    const explainer = await release.explainer();
    const sequence = release.newest(release.items.rowsOf(checkedIds("history", history)));
    const evidence = await explainer.evidence(sequence, rows);
    const explanation = await explainer.about({ rows, evidence, events: new Map() }, { style, tone }, language);
    return explanation.all().map((said) => said && { text: said.wording.text, facts: said.wording.facts, language });
  }

  /** As `OpenRelease.explainer`. */
  explainer(): Promise<Explainer> {
    return this.release.explainer();
  }

  /** As `OpenRelease.newest`. */
  newest(sequence: readonly number[]): readonly number[] {
    return this.release.newest(sequence);
  }

  private inUse(): OpenRelease {
    if (this.isClosed) {
      throw new ClosedError(
        "the recommender was closed before this call. Open it again, or close it after the last call.",
      );
    }
    return this.release;
  }
}

function pastOf(release: OpenRelease, { history = [], disliked = [], diversity = 0 }: Past) {
  if (!(diversity >= 0 && diversity <= 1)) {
    throw new RangeError(`diversity must be between 0 (precise) and 1 (diverse), got ${diversity}`);
  }
  return {
    sequence: release.items.rowsOf(checkedIds("history", history)),
    disliked: release.items.rowsOf(checkedIds("disliked", disliked)),
    diversity,
  };
}

function checkText(text: unknown): void {
  if (typeof text !== "string") {
    throw new TypeError(`text must be a string, got ${shown(text)}. Pass for example "something without perfume".`);
  }
}

/** The row of an item, which the catalogue has to have. */
function rowOf({ items }: OpenRelease, itemId: string): number {
  const row = items.rowOf(itemId);
  if (row === undefined) throw new UnknownItemError(`${shown(itemId)} is not in the catalogue of this release.`);
  return row;
}

function checkK(k: unknown): void {
  if (!Number.isInteger(k)) throw new TypeError(`k must be a whole number, got ${shown(k)}. Pass for example 10.`);
  if (Number(k) < 1) throw new RangeError(`k must be at least 1, got ${k}`);
}

function listed(release: OpenRelease, rows: readonly number[]): Recommendation[] {
  const { ids, titles } = release.items;
  return rows.map((row) => new Recommendation(release, row, ids[row] ?? "", titles[row] ?? ""));
}
