/** The page's session: one history, one release, and the list that follows from them. */

import { loadArrays } from "../runtime/arrays";
import type { Bundle } from "../runtime/bundle";
import { FetchError, messageOf } from "../runtime/errors";
import { type EventName, type History, type HistoryEvent, openHistory } from "../runtime/history";
import { Pictures } from "../runtime/pictures";
import { markedFact } from "../runtime/reasons/marked";
import { prompt } from "../runtime/reasons/prompt";
import { type Sentence, worthOffering } from "../runtime/reasons/sentences";
import type { Recommender } from "../runtime/recommender";
import { ReleaseStore } from "../runtime/store";
import { engineOpener } from "./engines";
import { cardOf, faceOf, marksOf, releaseOf } from "./faces";
import type { Hit, Shelf, Tell, Timing, Why } from "./protocol";
import { type Opened, Releases, required, sum } from "./releases";
import { Wording } from "./wording";

const HISTORY = "pocketrec";
const FILES = "pocketrec-files";
const CHANNEL = "pocketrec-history";
const VARIETY = "variety";
const N_CARDS = 12;
/** A choice to begin with should be quick to read. */
const N_STARTERS = 6;
const N_HITS = 8;
const N_TIMINGS = 100;
/** The longer a page lies open, the likelier a new release is there. */
const CHECK_EVERY_MS = 15 * 60_000;

export class Session {
  private opened: Opened | null = null;
  private next: Opened | null = null;
  private pictures: Promise<Pictures | null> = Promise.resolve(null);
  private events: readonly HistoryEvent[] = [];
  private sequence: readonly number[] = [];
  private variety = 0;
  /** Where the knob has been moved to since the last list was begun. */
  private wished: number | null = null;
  private following: Promise<void> | null = null;
  private shelf: Shelf = { cards: [], by: "popularity", version: 0 };
  private timings: readonly Timing[] = [];
  private offline = false;
  private lists: Promise<void> = Promise.resolve();
  private readonly wording: Wording;

  private constructor(
    private readonly tell: Tell,
    private readonly history: History,
    private readonly releases: Releases,
    private readonly otherTabs: BroadcastChannel,
  ) {
    this.wording = new Wording(
      (language) => tell("language", language),
      (row, text, sentence) => this.reword(row, text, sentence),
    );
    otherTabs.addEventListener("message", () => void this.refresh());
  }

  /** Begin with what the browser keeps; nothing is opened yet. */
  static async begin(base: string, target: string, tell: Tell): Promise<Session> {
    const [history, store] = await Promise.all([openHistory(HISTORY), ReleaseStore.open(FILES, base)]);
    // Past the browser's own cache: what is good is kept in ours, and what is damaged must not come back from there.
    const download = (url: string) => fetch(url, { cache: "no-store" });
    const releases = new Releases(base, target, download, store, engineOpener, (file, received) => {
      if (file.role === "language_model") tell("language", { state: "fetching", received, total: file.bytes });
    });
    return new Session(tell, history, releases, new BroadcastChannel(CHANNEL));
  }

  /** Open the release of this device, or the server's; then, in the background, everything that makes it better. */
  async open(): Promise<void> {
    // Before anything is opened, so that the page draws the right skeletons.
    await this.recall();
    if (!((await this.tryKept()) || (await this.tryServer()))) return;
    await this.refresh();
    void this.improve();
    setInterval(() => void this.checkUpdate(), CHECK_EVERY_MS);
  }

  /** Remember what a person did, then show what follows from it. */
  async mark(itemId: string, event: EventName): Promise<void> {
    await this.history.add(itemId, event, Date.now());
    await this.changed();
  }

  async unmark(ids: readonly number[]): Promise<void> {
    for (const id of ids) await this.history.remove(id);
    await this.changed();
  }

  /** Make lists as varied as this, from 0 to 1. A knob is moved faster than lists are made: only the newest counts. */
  vary(variety: number): Promise<void> {
    this.wished = variety;
    this.following ??= this.followKnob().finally(() => {
      this.following = null;
    });
    return this.following;
  }

  /** Delete everything about the person: the events, the settings, the wordings made from them, the timings. */
  async forget(): Promise<void> {
    await this.history.forget();
    this.timings = [];
    this.wording.forget();
    await this.changed();
  }

  search(text: string): readonly Hit[] {
    if (this.opened === null) return [];
    const { search, items } = this.opened.recommender;
    const ids = new Set(this.events.map(({ itemId }) => itemId));
    return search.find(text, N_HITS).map((row) => ({ ...faceOf(items, row), marked: ids.has(items.ids[row] ?? "") }));
  }

  /** The picture of a row as a data URL; null where there is none. */
  async picture(row: number): Promise<string | null> {
    return (await this.pictures)?.url(row) ?? null;
  }

  why(row: number): Why | null {
    const place = this.shelf.cards.findIndex((card) => card.row === row);
    const card = this.shelf.cards[place];
    if (card === undefined || this.opened === null) return null;
    const { recommender } = this.opened;
    const { facts } = recommender.sentences(row, this.sequence);
    const said = facts.map((fact) => markedFact(fact, recommender.items));
    return { title: card.title, reason: card.reason, facts: said, by: card.by, place: place + 1 };
  }

  /** Look for a newer release; fetch it and try it; it is used when the person says so. */
  async checkUpdate(): Promise<void> {
    if (this.opened === null || this.next !== null) return;
    this.tell("update", { state: "checking" });
    try {
      const found = await this.releases.check(this.opened.bundle);
      if (found === null) return this.tell("update", { state: "current" });
      const { release } = found.bundle.manifest;
      this.tell("update", { state: "fetching", release, bytes: found.bytes });
      this.next = await this.releases.tryOut(found.bundle);
      this.tell("update", { state: "ready", release, bytes: found.bytes });
    } catch (error) {
      const state = error instanceof FetchError ? "unreachable" : "refused";
      this.tell("update", { state, why: messageOf(error) });
    }
  }

  /** Go over to the release that `checkUpdate` has made ready. */
  async useUpdate(): Promise<void> {
    if (this.next === null) return;
    this.wording.close();
    this.take(this.next, "the server");
    this.next = null;
    this.tell("update", { state: "current" });
    await this.refresh();
    await this.improve();
  }

  /** Compute the list anew, after those that are under way. */
  refresh(): Promise<void> {
    this.lists = this.lists.then(() => this.list()).catch((error: unknown) => this.tell("problem", messageOf(error)));
    return this.lists;
  }

  private async list(): Promise<void> {
    await this.recall();
    if (this.opened === null) return;
    const { recommender } = this.opened;
    this.sequence = this.rows(recommender, ({ event }) => event !== "dislike");
    const hidden = new Set(this.rows(recommender, ({ event }) => event === "dislike"));
    const k = this.sequence.length === 0 ? N_STARTERS : N_CARDS;
    const ranking = await recommender.rank(this.sequence, hidden, k, this.variety);
    const wishes = ranking.rows.map((row) => {
      const { facts, allowed } = recommender.sentences(row, this.sequence);
      return { row, prompt: prompt(recommender.items, row, facts, "short"), allowed: worthOffering(allowed, facts) };
    });
    const cards = wishes.map((wish) => {
      const worded = this.wording.remembered(wish.prompt);
      const sentence = worded ?? recommender.template(wish.row, this.sequence);
      return cardOf(recommender.items, wish.row, sentence, worded === undefined ? "template" : "language model");
    });
    this.shelf = { cards, by: ranking.by, version: this.shelf.version + 1 };
    this.tell("shelf", this.shelf);
    if (ranking.by === "model") {
      this.timings = [...this.timings, { engine: ranking.engine, phases: ranking.phases }].slice(-N_TIMINGS);
    }
    this.tell("timings", this.timings);
    void this.wording.want(wishes);
  }

  /** Read what is kept of the person; another tab may have written it. */
  private async recall(): Promise<void> {
    this.events = await this.history.all();
    this.variety = (await this.history.setting(VARIETY)) ?? 0;
    this.tell("variety", this.variety);
    await this.tellMarks();
  }

  private async followKnob(): Promise<void> {
    while (this.wished !== null) {
      const variety = this.wished;
      this.wished = null;
      await this.history.set(VARIETY, variety === 0 ? null : variety);
      await this.changed();
    }
  }

  private rows(recommender: Recommender, wanted: (event: HistoryEvent) => boolean): number[] {
    const rows = this.events.filter(wanted).map(({ itemId }) => recommender.items.row(itemId));
    return rows.filter((row) => row !== undefined);
  }

  private async changed(): Promise<void> {
    this.otherTabs.postMessage(null);
    await this.refresh();
  }

  private async tryKept(): Promise<boolean> {
    const kept = await this.releases.kept();
    if (kept === null) return false;
    try {
      this.take(await this.releases.open(kept, (rungs) => this.tell("ladder", rungs)), "this device");
      this.offline = true;
      return true;
    } catch {
      // Damaged or evicted since the last visit: the server's release takes its place, or its error is the one to show.
      return false;
    }
  }

  private async tryServer(): Promise<boolean> {
    try {
      const bundle = await this.releases.newest();
      this.tell("opening", { state: "opening", bytes: sum(required(bundle.manifest)) });
      this.take(await this.releases.open(bundle, (rungs) => this.tell("ladder", rungs)), "the server");
      return true;
    } catch (error) {
      this.tell("opening", { state: "failed", why: messageOf(error), refused: !(error instanceof FetchError) });
      return false;
    }
  }

  private take(opened: Opened, from: "the server" | "this device"): void {
    this.opened = opened;
    this.pictures = this.loadPictures(opened.bundle);
    this.tell("ladder", opened.recommender.ladder.view);
    this.tell("opening", { state: "ready", release: releaseOf(opened.bundle), from });
  }

  /** Better engines, the rest of the files, a newer release, the language model, in this order. */
  private async improve(): Promise<void> {
    const { bundle, recommender } = this.opened as Opened;
    try {
      await recommender.ladder.climb();
      await this.refresh();
      this.offline = await this.releases.keep(bundle);
    } catch (error) {
      // Without network a file may be out of reach; a damaged one is refused. The list that stands goes on working.
      if (!(error instanceof FetchError)) this.tell("problem", messageOf(error));
    }
    await this.tellMarks();
    await this.checkUpdate();
    await this.wording.load(bundle);
    await this.refresh();
  }

  private async loadPictures(bundle: Bundle): Promise<Pictures | null> {
    const { files, catalogue } = bundle.manifest;
    const entry = files.find(({ role }) => role === "pictures");
    if (entry === undefined) return null;
    try {
      const file = await bundle.read(entry);
      return Pictures.read(loadArrays(file.data, file.name), catalogue.nItems);
    } catch {
      // `keep` reads the same file and says what is wrong with it; cards have their drawings.
      return null;
    }
  }

  /** A better wording has come: show it, if the card still stands for the same facts. */
  private reword(row: number, text: string, sentence: Sentence): void {
    const { recommender } = this.opened as Opened;
    const { facts } = recommender.sentences(row, this.sequence);
    if (text !== prompt(recommender.items, row, facts, "short")) return;
    const worded = cardOf(recommender.items, row, sentence, "language model");
    this.shelf = { ...this.shelf, cards: this.shelf.cards.map((card) => (card.row === row ? worded : card)) };
    this.tell("shelf", this.shelf);
  }

  private async tellMarks(): Promise<void> {
    const marks = marksOf(this.events, this.opened?.recommender.items ?? null);
    this.tell("marks", marks);
    const usage = await navigator.storage?.estimate().catch(() => undefined);
    const settings = this.variety === 0 ? {} : { [VARIETY]: this.variety };
    const kept = [...this.events, ...Object.entries(settings)];
    this.tell("knows", {
      events: this.events.length,
      settings: Object.keys(settings).length,
      hidden: marks.hidden.length,
      eventBytes: kept.length === 0 ? 0 : JSON.stringify(kept).length,
      storedBytes: usage?.usage ?? null,
      persistent: this.history.persistent,
      offline: this.offline,
    });
  }
}
