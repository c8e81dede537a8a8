/** The page's session: the history, the release in use, and the list computed from both. */

import type { Bytes } from "../runtime/bytes";
import { DISLIKE, type EventName, LEARNING_SETTING, LEARNING_SWITCH, REASON_CHOICES } from "../runtime/constants";
import type { Listing } from "../runtime/conversation/said";
import type { HistoryEvent } from "../runtime/events";
import type { PersistentHistory } from "../runtime/history";
import { Pictures } from "../runtime/pictures";
import type { Profile } from "../runtime/profile/report";
import type { Manner } from "../runtime/reasons/explainer";
import type { Recommender } from "../runtime/recommender";
import type { TrustStore } from "../runtime/trustStore";
import { exported, imported } from "./carriedHistory";
import { Conversing } from "./conversing";
import { DIVERSITY, readDiversity, storeDiversity } from "./diversitySetting";
import { engineOpener } from "./engines";
import type { Learning } from "./learning";
import { Lifecycle } from "./lifecycle";
import { takeLock } from "./lock";
import { compareLists, type Listed } from "./preview";
import { problemOf } from "./problem";
import type {
  Answer,
  CardReason,
  Examples,
  Hit,
  Notify,
  Preview,
  RecommendationList,
  RoundsAction,
  RoundsView,
  Timing,
  Why,
} from "./protocol";
import type { Reasons, ShownList } from "./reasons";
import { ReasonWriter, type ReasonWriterParts } from "./reasonWriter";
import type { CandidatesChanged, Opened, Releases } from "./releases";
import { storedSize, userDataOf } from "./userData";
import { itemSummary, rankingInputs, releaseOf, userHistoryOf } from "./viewModels";

/** What tabs tell each other: that the history is being cleared. Any other message: that it has changed. */
const CLEARING = "clearing";
const LEARNING_LOCK = "pocketrec-learning";
const N_CARDS = 12;
/** Few items to start from, so that they are quick to read. */
const N_STARTERS = 6;
const N_HITS = 8;
/** Items whose changes by an update are told. */
const N_PREVIEWED = 10;
const N_TIMINGS = 100;
/** How often an open page checks for updates. */
const CHECK_EVERY_MS = 15 * 60_000;

export class Session {
  private pictures: Promise<Pictures | null> = Promise.resolve(null);
  private events: readonly HistoryEvent[] = [];
  private diversity = 0;
  /** The slider's position, if it moved after the last list was started. */
  private nextDiversity: number | null = null;
  private applying: Promise<void> | null = null;
  private recommendations: RecommendationList = { cards: [], explained: false, by: "popularity", version: 0 };
  private timings: readonly Timing[] = [];
  private lists: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly reasonWriter: ReasonWriter;
  private readonly life: Lifecycle;
  private readonly releases: Releases;
  /** Loaded with the first release that learns. */
  private learning: Promise<Learning> | null = null;
  /** Loaded with the first list. */
  private reasons: Promise<Reasons> | null = null;
  private explaining: Promise<void> = Promise.resolve();
  private readonly conversing: Conversing;

  /** @param language of reasons and answers. */
  constructor(
    private readonly notify: Notify,
    private readonly history: PersistentHistory,
    releases: (changed: CandidatesChanged) => Releases,
    writerParts: ReasonWriterParts,
    private readonly otherTabs: BroadcastChannel,
    private readonly trust: Pick<TrustStore, "redraw">,
    private language: string,
  ) {
    this.reasonWriter = new ReasonWriter(
      writerParts,
      (state) => notify("language", state),
      (row, prompt) => void this.reasons?.then((reasons) => reasons.reword(row, prompt)),
    );
    const changed: CandidatesChanged = (bundle, candidates) => {
      // A newer release is tested while another is in use.
      if ((this.opened?.bundle ?? bundle) === bundle) notify("engines", candidates);
    };
    this.releases = releases(changed);
    this.life = new Lifecycle(this.releases, this.reasonWriter, {
      notify,
      onRelease: (opened, from) => this.onRelease(opened, from),
      refresh: () => this.refresh(),
      onStored: () => void this.notifyUserData(),
      preview: (next) => this.preview(next),
    });
    this.conversing = new Conversing({
      notify,
      recommender: () => this.opened?.recommender ?? null,
      cards: () => this.recommendations.cards,
      listing: (recommender) => this.listingFor(recommender),
      inTurn: (work) => this.inTurn(work),
      refresh: () => this.refresh(),
      language: () => this.language,
    });
    otherTabs.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (data !== CLEARING) return void this.refresh();
      this.nextDiversity = null;
      this.forgetReasons();
      this.conversing.forget();
      this.history.noteClear();
    });
  }

  /** Open a release, and check for updates until the session closes. */
  async open(): Promise<void> {
    // Before any release is opened, so that the page shows the right skeletons.
    await this.readHistory();
    await this.life.open();
    if (this.opened !== null) this.timer = setInterval(() => void this.life.checkUpdate(), CHECK_EVERY_MS);
  }

  /** Release all resources. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.otherTabs.close();
    await (await this.learner())?.close();
    await this.life.close();
  }

  /** Check for a newer release, download and test it; `useUpdate` switches to it. */
  checkUpdate(): Promise<void> {
    return this.life.checkUpdate();
  }

  /** Go over to the release that `checkUpdate` has made ready. */
  useUpdate(): Promise<void> {
    return this.life.useUpdate();
  }

  /** Store an event of the user, then update the list. */
  async addEvent(itemId: string, event: EventName): Promise<void> {
    await this.history.add({ itemId, event, at: Date.now(), title: this.titleOf(itemId) });
    await this.changed();
  }

  /** Show an item again that was hidden. */
  async unhide(itemId: string): Promise<void> {
    const hiding = this.events.filter((event) => event.itemId === itemId && event.event === DISLIKE);
    await this.removeEvents(hiding.map(({ id }) => id));
  }

  async removeEvents(ids: readonly number[]): Promise<void> {
    const chosen = this.events.filter(({ id, event }) => ids.includes(id) && event !== DISLIKE);
    const learner = await this.learner();
    const forget = async (): Promise<void> => {
      if (learner === null) await this.history.set(LEARNING_SETTING, null);
      else await learner.forget(chosen.map(({ id }) => id));
    };
    await forget(); // first: a page that is closed in between must not keep it without the events
    for (const id of ids) await this.history.remove(id);
    await forget(); // again: another tab may have begun to learn in between
    await this.changed();
  }

  /** The history as a file for another device of the user. */
  exportHistory(passphrase: string | null): Promise<Answer<Bytes>> {
    return exported(this.history, passphrase);
  }

  /** Add the events of a file, then update the list. */
  async importHistory(file: Bytes, passphrase: string | null): Promise<Answer<number>> {
    const answer = await imported(this.history, file, passphrase, (itemId) => this.titleOf(itemId));
    if ("value" in answer) await this.changed();
    return answer;
  }

  /** Set the diversity, from 0 to 1. The slider moves faster than lists are computed: only its latest position is used. */
  setDiversity(diversity: number): Promise<void> {
    this.nextDiversity = diversity;
    this.applying ??= this.applyDiversity().finally(() => {
      this.applying = null;
    });
    return this.applying;
  }

  /** Give reasons and answers in another language; what was said in the one before is forgotten. */
  async setLanguage(language: string): Promise<void> {
    this.language = language;
    this.forgetReasons();
    this.reasons = null;
    this.conversing.forget();
    await this.refresh();
  }

  /** Switch learning, and the use of what was learned, on or off. */
  async setLearning(on: boolean): Promise<void> {
    await (await this.learner())?.switch(on);
    await this.changed();
  }

  /**
   * Delete all data about the user: events, settings, what was learned and said, worded reasons and timings. If learning is
   * switched off, it stays so.
   *
   * @throws StorageError the browser's storage could not be reached; the data in memory has been deleted.
   */
  async deleteData(): Promise<void> {
    this.timings = [];
    this.nextDiversity = null;
    this.forgetReasons();
    this.conversing.forget();
    this.otherTabs.postMessage(CLEARING);
    const learningSwitch = this.history.setting(LEARNING_SWITCH); // read before the history is cleared
    try {
      await Promise.all([this.history.clear(), this.trust.redraw()]);
      const before = await learningSwitch;
      if (before !== null) await this.history.set(LEARNING_SWITCH, before);
    } finally {
      await this.changed();
    }
  }

  /** Measure the engines of the release in use; null if there is none. Lists wait until it is done. */
  async profile(): Promise<Profile | null> {
    if (this.opened === null) return null;
    const { bundle } = this.opened;
    const about = { cores: navigator.hardwareConcurrency ?? null, runtime: navigator.userAgent };
    const { profileBundle } = await import("../runtime/profile/profile");
    const onProgress = (share: number) => this.notify("profiling", share);
    onProgress(0);
    const running = this.inTurn(() => profileBundle(bundle, engineOpener(bundle), about, onProgress));
    return running.finally(() => this.notify("profiling", null));
  }

  /** Take part in rounds as the user says; null if the release in use does not learn. */
  async rounds(action: RoundsAction): Promise<RoundsView | null> {
    const settings = this.opened?.bundle.manifest.learning ?? null;
    if (this.opened === null || settings === null) return null;
    const { bundle, recommender } = this.opened;
    const { rounds } = await import("./rounds");
    return rounds(
      {
        history: this.history,
        release: recommender.learnable,
        settings,
        manifest: bundle.bytes,
        origin: self.location.origin,
        storageError: this.history.storageError,
        signed: (path) => this.releases.signed(path),
        inTurn: (work) => this.inTurn(work),
      },
      action,
    );
  }

  async search(text: string): Promise<readonly Hit[]> {
    if (this.opened === null) return [];
    const { recommender } = this.opened;
    const rows = await recommender.search(text, N_HITS);
    const ids = new Set(this.events.map(({ itemId }) => itemId));
    const hits = rows.map((row) => itemSummary(recommender.items, row));
    return hits.map((item) => ({ ...item, inHistory: ids.has(item.itemId) }));
  }

  /** The picture of a row as a data URL; null if there is none. */
  async picture(row: number): Promise<string | null> {
    return (await this.pictures)?.url(row) ?? null;
  }

  async why(row: number): Promise<Why | null> {
    await this.explaining;
    const index = this.recommendations.cards.findIndex((card) => card.row === row);
    const why = index < 0 ? null : ((await this.reasons)?.why(row) ?? null);
    return why && { ...why, position: index + 1 };
  }

  /** Write the list that is shown as one text, or end that. */
  async writeList(on: boolean): Promise<void> {
    await this.explaining;
    const [{ writeList }, reasons] = await Promise.all([import("./listText"), this.explainer()]);
    await writeList(on, reasons, this.reasonWriter, this.notify);
  }

  /** Say reasons in another manner from now on. */
  async setManner(manner: Manner): Promise<void> {
    const { clears } = this.history;
    const reasons = await this.explainer();
    if (this.history.clears === clears) await reasons.choose(manner); // data that was deleted meanwhile stays deleted
    await this.notifyUserData();
  }

  listen(): Promise<Examples> {
    return this.conversing.listen();
  }

  say(text: string): Promise<void> {
    return this.conversing.say(text);
  }

  takeBack(chip: string | null): Promise<void> {
    return this.conversing.takeBack(chip);
  }

  /** Compute the list again, after pending computations. */
  refresh(): Promise<void> {
    this.lists = this.lists.then(() => this.list()).catch((error: unknown) => this.notify("problem", problemOf(error)));
    return this.lists;
  }

  /** Do some work after pending lists; those that are asked for meanwhile wait for it. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const running = this.lists.then(work);
    this.lists = running.then(
      () => undefined,
      () => undefined,
    );
    return running;
  }

  /** What learns with the release in use; null if it does not learn, or the code cannot be loaded now. */
  private async learner(): Promise<Learning | null> {
    if (this.opened === null || this.opened.bundle.manifest.learning === null) return null;
    this.learning ??= import("./learning").then(
      ({ Learning }) =>
        new Learning({
          history: this.history,
          notify: this.notify,
          inTurn: (work) => this.inTurn(work),
          lock: () => takeLock(LEARNING_LOCK, navigator.locks),
          changed: () => this.changed(),
        }),
    );
    return this.learning.catch(() => {
      this.learning = null;
      return null;
    });
  }

  private async list(): Promise<void> {
    await this.readHistory();
    if (this.opened === null) return;
    const { recommender } = this.opened;
    const { sequence, hidden, disliked } = rankingInputs(this.events, recommender.items);
    // Nothing was learned from no events, so that the first list does not wait for the code.
    if (this.events.length > 0) await (await this.learner())?.adapt(recommender);
    const k = nCardsFor(sequence);
    const ranking =
      (await this.conversing.rank(recommender)) ??
      (await recommender.rank(sequence, hidden, k, this.diversity, disliked));
    void this.reasonWriter.reword([]); // those of the list before
    const cards = ranking.rows.map((row) => ({ ...itemSummary(recommender.items, row), reason: null }));
    const version = this.recommendations.version + 1;
    this.recommendations = { cards, explained: false, by: ranking.by, version };
    this.notify("recommendations", this.recommendations);
    if (ranking.by !== "popularity") {
      this.timings = [...this.timings, { engine: ranking.engine, phases: ranking.phases }].slice(-N_TIMINGS);
    }
    this.notify("timings", this.timings);
    this.explaining = this.explain({ recommender, rows: ranking.rows, sequence, events: this.events, version });
    void this.learner().then((learner) => learner?.schedule(recommender));
    const next = this.life.pending;
    if (next !== null) this.life.showPreview(await this.compared(next));
  }

  private listingFor({ items }: Recommender): Listing {
    const { sequence, hidden, disliked } = rankingInputs(this.events, items);
    const excluded = new Set([...sequence, ...hidden]);
    return { sequence, excluded, disliked, diversity: this.diversity, k: nCardsFor(sequence) };
  }

  /** Find the reasons of a list, which has none if their code cannot be loaded now. */
  private async explain(list: ShownList): Promise<void> {
    const reasons = await this.explainer().catch(() => null);
    await reasons?.explain(list).catch((error: unknown) => this.notify("problem", problemOf(error)));
  }

  private explainer(): Promise<Reasons> {
    this.reasons ??= import("./reasons").then(
      ({ Reasons }) =>
        new Reasons(
          {
            writer: this.reasonWriter,
            history: this.history,
            inTurn: (work) => this.inTurn(work),
            show: (list, reasons) => this.showReasons(list, reasons),
          },
          this.language,
        ),
      (error: unknown) => {
        this.reasons = null; // the next list tries again
        throw error;
      },
    );
    return this.reasons;
  }

  /** What a newer release would change in the list, after pending lists: an engine computes one at a time. */
  private preview(next: Opened): Promise<Preview> {
    const compared = this.lists.then(() => this.compared(next)).catch(() => compareLists([], []));
    this.lists = compared.then(() => undefined);
    return compared;
  }

  private async compared(next: Opened): Promise<Preview> {
    const before = this.opened === null ? [] : await this.top(this.opened);
    await (await this.learner())?.adapt(next.recommender);
    return compareLists(before, await this.top(next));
  }

  /** The user's first items by a release. */
  private async top({ recommender }: Opened): Promise<readonly Listed[]> {
    const { sequence, hidden, disliked } = rankingInputs(this.events, recommender.items);
    const { rows } = await recommender.rank(sequence, hidden, N_PREVIEWED, this.diversity, disliked);
    return rows.map((row) => itemSummary(recommender.items, row));
  }

  /** Read the history and the settings, which another tab may have changed. */
  private async readHistory(): Promise<void> {
    this.events = await this.history.all();
    this.diversity = await readDiversity(this.history);
    this.notify("diversity", this.diversity);
    this.notify("history", userHistoryOf(this.events, this.opened?.recommender.items ?? null));
    // Not awaited: a browser that does not report its storage must not delay the list.
    void this.notifyUserData();
  }

  private async applyDiversity(): Promise<void> {
    while (this.nextDiversity !== null) {
      const diversity = this.nextDiversity;
      this.nextDiversity = null;
      await storeDiversity(this.history, diversity);
      await this.changed();
    }
  }

  private async changed(): Promise<void> {
    this.otherTabs.postMessage(null);
    await this.refresh();
  }

  private onRelease(opened: Opened, from: "the server" | "this device"): void {
    // `keep` reads the same file and reports errors; until then, cards show drawings.
    this.pictures = Pictures.of(opened.bundle).catch(() => null);
    this.notify("engines", opened.recommender.engines.view);
    if (opened.bundle.manifest.learning === null) this.notify("learning", null);
    this.notify("opening", { state: "ready", release: releaseOf(opened.bundle), from });
  }

  private showReasons({ version }: ShownList, reasons: ReadonlyMap<number, CardReason>): void {
    if (version !== this.recommendations.version) return;
    const cards = this.recommendations.cards.map((card) => ({ ...card, reason: reasons.get(card.row) ?? null }));
    this.recommendations = { ...this.recommendations, cards, explained: true };
    this.notify("recommendations", this.recommendations);
  }

  private forgetReasons(): void {
    this.reasonWriter.forget();
    this.notify("listText", null);
    void this.reasons?.then((reasons) => reasons.forget());
  }

  private async notifyUserData(): Promise<void> {
    const storedBytes = await storedSize();
    // Read after the await, so that an older notification never follows a newer one.
    const choices = await this.history.setting(REASON_CHOICES);
    const settings = {
      ...(this.diversity === 0 ? {} : { [DIVERSITY]: this.diversity }),
      ...(choices === null ? {} : { [REASON_CHOICES]: choices }),
    };
    const { storageError } = this.history;
    this.notify(
      "userData",
      userDataOf(this.events, settings, { storedBytes, storageError, offline: this.life.offline }),
    );
  }

  private titleOf(itemId: string): string | null {
    const items = this.opened?.recommender.items;
    return items?.titles[items.rowOf(itemId) ?? -1] ?? null;
  }

  private get opened(): Opened | null {
    return this.life.opened;
  }
}

function nCardsFor(sequence: readonly number[]): number {
  return sequence.length === 0 ? N_STARTERS : N_CARDS;
}
