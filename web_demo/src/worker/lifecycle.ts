/** Which release a session is on: opened, made better, replaced by a newer one, closed; and what may overlap with what. */

import type { Bundle } from "../runtime/bundle";
import { requireDigests } from "../runtime/digest";
import { FetchError, InsecureAddressError, messageOf } from "../runtime/errors";
import type { Cause, Notify, Update } from "./protocol";
import { type Opened, type Releases, required, sum } from "./releases";
import type { Wording } from "./wording";

export type State = "opening" | "running" | "loading the language model" | "updating" | "closed";

/** What may follow what. */
const NEXT: Readonly<Record<State, readonly State[]>> = {
  opening: ["running", "closed"],
  running: ["loading the language model", "updating", "closed"],
  "loading the language model": ["running", "updating", "closed"],
  updating: ["running", "closed"],
  closed: [],
};

/** What follows from the release, and is not this module's. */
export interface Listener {
  readonly notify: Notify;
  /** Another release is in use from now on. */
  took(opened: Opened, from: "the server" | "this device"): void;
  /** Make the list anew, after those that are under way. */
  refresh(): Promise<void>;
  /** `offline` may have changed. */
  kept(): void;
}

/**
 * Each release in use has one background work, `improve`, which ends when the release is left; the next one's begins after
 * it. So no two of them ever write the kept release, load a model or make engines at the same time.
 */
export class Lifecycle {
  private now: State = "opening";
  private inUse: Opened | null = null;
  /** Fetched and tried, waiting for the person. */
  private next: Opened | null = null;
  private checking: Promise<void> | null = null;
  private improving: Promise<void> = Promise.resolve();
  /** Aborted when the release in use is left. */
  private stop = new AbortController();
  private readonly over = new AbortController();
  private isKept = false;

  constructor(
    private readonly releases: Pick<Releases, "kept" | "newest" | "open" | "check" | "tryOut" | "keep">,
    private readonly wording: Pick<Wording, "load" | "close">,
    private readonly listener: Listener,
  ) {}

  get state(): State {
    return this.now;
  }

  /** The release in use, or null before one is open and after the end. */
  get opened(): Opened | null {
    return this.inUse;
  }

  /** Whether all that lists need is kept for a visit without network. */
  get offline(): boolean {
    return this.isKept;
  }

  /** Open the release of this device, or the server's; then, in the background, everything that makes it better. */
  async open(): Promise<void> {
    if (this.now !== "opening" || this.inUse !== null) return;
    const kept = await this.openKept();
    const opened = kept ?? (await this.openNewest());
    if (opened === null) return;
    if (this.isOver()) return opened.recommender.engines.close();
    this.isKept = kept !== null;
    this.take(opened, kept === null ? "the server" : "this device");
    this.go("running");
    await this.listener.refresh();
    this.improve();
  }

  /** Look for a newer release; fetch it and try it; it is used when the person says so. One look at a time. */
  async checkUpdate(): Promise<void> {
    if (this.inUse === null || this.next !== null) return;
    this.checking ??= this.check(this.inUse.bundle).finally(() => {
      this.checking = null;
    });
    return this.checking;
  }

  /** Go over to the release that `checkUpdate` has made ready. */
  async useUpdate(): Promise<void> {
    const { next, inUse } = this;
    if (next === null || !this.may("updating")) return;
    this.next = null;
    this.leave("updating");
    this.take(next, "the server");
    this.listener.notify("update", { state: "current" });
    // The engines of the release before, behind the last list that was made with them.
    await this.listener.refresh();
    await inUse?.recommender.engines.close();
    if (this.isOver()) return;
    this.go("running");
    this.improve();
  }

  /** Give everything back; resolves when it is given back. */
  async close(): Promise<void> {
    if (this.isOver()) return;
    const { next, inUse } = this;
    this.next = null;
    this.inUse = null;
    this.leave("closed");
    this.over.abort();
    await Promise.all([this.wording.close(), this.improving, this.checking]);
    await this.listener.refresh();
    await next?.recommender.engines.close();
    await inUse?.recommender.engines.close();
  }

  private may(to: State): boolean {
    return NEXT[this.now].includes(to);
  }

  private go(to: State): void {
    if (!this.may(to)) throw new Error(`a session cannot go from ${this.now} to ${to}`);
    this.now = to;
  }

  private isOver(): boolean {
    return this.now === "closed";
  }

  private leave(to: "updating" | "closed"): void {
    this.go(to);
    this.stop.abort();
    void this.wording.close();
  }

  private take(opened: Opened, from: "the server" | "this device"): void {
    this.inUse = opened;
    this.stop = new AbortController();
    this.listener.took(opened, from);
  }

  private async openKept(): Promise<Opened | null> {
    try {
      const kept = await this.releases.kept();
      return kept === null ? null : await this.releases.open(kept);
    } catch {
      // Damaged or evicted since the last visit: the server's release takes its place, or its error is the one to show.
      return null;
    }
  }

  private async openNewest(): Promise<Opened | null> {
    try {
      requireDigests();
      const bundle = await this.releases.newest();
      this.listener.notify("opening", { state: "opening", bytes: sum(required(bundle.manifest)) });
      return await this.releases.open(bundle);
    } catch (error) {
      this.listener.notify("opening", { state: "failed", cause: causeOf(error), why: messageOf(error) });
      return null;
    }
  }

  private async check(current: Bundle): Promise<void> {
    const notify = (update: Update) => {
      if (!this.isOver()) this.listener.notify("update", update);
    };
    notify({ state: "checking" });
    try {
      const found = await this.releases.check(current);
      if (found === null) return notify({ state: "current" });
      const { release } = found.bundle.manifest;
      notify({ state: "fetching", release, bytes: found.bytes });
      const tried = await this.releases.tryOut(found.bundle, this.over.signal);
      if (this.isOver()) return tried.recommender.engines.close();
      this.next = tried;
      notify({ state: "ready", release, bytes: found.bytes });
    } catch (error) {
      notify({ state: error instanceof FetchError ? "unreachable" : "refused", why: messageOf(error) });
    }
  }

  /** Better engines, the rest of the files, a newer release, the language model, in this order. */
  private improve(): void {
    const { inUse, stop } = this;
    if (inUse === null) return;
    this.improving = this.improving.then(async () => {
      await this.complete(inUse, stop.signal);
      if (!stop.signal.aborted) await this.checkUpdate();
      if (!stop.signal.aborted) await this.loadLanguage(inUse, stop.signal);
    });
  }

  private async complete({ bundle, recommender }: Opened, stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    try {
      await recommender.engines.upgrade();
      await this.listener.refresh();
      this.isKept = (await this.releases.keep(bundle, stop)) || (stop.aborted && this.isKept);
    } catch (error) {
      // Without network a file may be out of reach; a damaged one is refused. The list that stands goes on working.
      if (!(error instanceof FetchError || stop.aborted)) this.listener.notify("problem", messageOf(error));
    }
    this.listener.kept();
  }

  private async loadLanguage({ bundle }: Opened, stop: AbortSignal): Promise<void> {
    this.go("loading the language model");
    await this.wording.load(bundle);
    if (stop.aborted) return;
    this.go("running");
    await this.listener.refresh();
  }
}

function causeOf(error: unknown): Cause {
  if (error instanceof InsecureAddressError) return "insecure";
  if (!(error instanceof FetchError)) return "refused";
  if (error.status === null) return "unreachable";
  return error.status === 404 ? "no shop" : "failing";
}
