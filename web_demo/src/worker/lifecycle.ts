/** The releases of a session: opens one, improves it in the background, replaces it by a newer one, and closes it. */

import type { Bundle } from "../runtime/bundle";
import { ExpiredMetadataError, FetchError, messageOf } from "../runtime/errors";
import { problemOf } from "./problem";
import type { Cause, Notify, Preview, Update } from "./protocol";
import type { ReasonWriter } from "./reasonWriter";
import { isUnusable, type Opened, type Releases, required, sum } from "./releases";

export type State = "opening" | "running" | "loading the language model" | "updating" | "closed";

/** The allowed transitions. */
const NEXT: Readonly<Record<State, readonly State[]>> = {
  opening: ["running", "closed"],
  running: ["loading the language model", "updating", "closed"],
  "loading the language model": ["running", "updating", "closed"],
  updating: ["running", "closed"],
  closed: [],
};

/** Callbacks of the session. */
export interface Listener {
  readonly notify: Notify;
  /** Another release is in use. */
  onRelease(opened: Opened, from: "the server" | "this device"): void;
  /** Compute the list again, after pending computations. */
  refresh(): Promise<void>;
  /** `offline` may have changed. */
  onStored(): void;
  /** What a release would change in the list, after pending computations. */
  preview(next: Opened): Promise<Preview>;
}

/**
 * Each release in use has one background task, `improve`, which ends when the release is replaced; the task of the next
 * release starts after it. So no two tasks store a release, load a model or create engines at the same time.
 */
export class Lifecycle {
  private now: State = "opening";
  private inUse: Opened | null = null;
  /** Downloaded and tested, waiting for the user's consent. */
  private next: (Opened & { readonly bytes: number }) | null = null;
  private checking: Promise<void> | null = null;
  private improving: Promise<void> = Promise.resolve();
  /** Aborted when the release in use is replaced or closed. */
  private stop = new AbortController();
  private readonly closing = new AbortController();
  private isKept = false;

  constructor(
    private readonly releases: Pick<
      Releases,
      "kept" | "newest" | "first" | "openFirst" | "open" | "check" | "bytesFor" | "tryOut" | "keep" | "signing"
    >,
    private readonly reasonWriter: Pick<ReasonWriter, "load" | "close">,
    private readonly listener: Listener,
  ) {}

  get state(): State {
    return this.now;
  }

  /** The release in use; null before one is open and after closing. */
  get opened(): Opened | null {
    return this.inUse;
  }

  /** Whether everything that lists need is stored for offline visits. */
  get offline(): boolean {
    return this.isKept;
  }

  /** The release that waits for the user's consent. */
  get pending(): Opened | null {
    return this.next;
  }

  /** Say what the release that waits would change, which depends on the user's events. */
  showPreview(preview: Preview): void {
    if (this.next === null) return;
    const { bundle, bytes } = this.next;
    this.listener.notify("update", { state: "ready", release: bundle.manifest.release, bytes, preview });
  }

  /** Open the stored release or the server's newest one, then improve it in the background. */
  async open(): Promise<void> {
    if (this.now !== "opening" || this.inUse !== null) return;
    const kept = await this.openKept();
    const opened = kept ?? (await this.openNewest());
    if (opened === null) return;
    if (this.isClosed()) return opened.recommender.engines.close();
    this.isKept = kept !== null;
    this.take(opened, kept === null ? "the server" : "this device");
    this.go("running");
    await this.listener.refresh();
    this.improve();
  }

  /** Check for a newer release, download and test it; `useUpdate` switches to it. Concurrent calls share one check. */
  async checkUpdate(): Promise<void> {
    if (this.inUse === null || this.next !== null) return;
    this.checking ??= this.check(this.inUse.bundle).finally(() => {
      this.checking = null;
    });
    return this.checking;
  }

  /** Switch to the release that `checkUpdate` has prepared. */
  async useUpdate(): Promise<void> {
    const { next, inUse } = this;
    if (next === null || !this.may("updating")) return;
    this.next = null;
    this.leave("updating");
    this.take(next, "the server");
    this.listener.notify("update", { state: "current" });
    // Close the engines of the previous release after the last list that uses them.
    await this.listener.refresh();
    await inUse?.recommender.engines.close();
    if (this.isClosed()) return;
    this.go("running");
    this.improve();
  }

  /** Release all resources; resolves when that is done. */
  async close(): Promise<void> {
    if (this.isClosed()) return;
    const { next, inUse } = this;
    this.next = null;
    this.inUse = null;
    this.leave("closed");
    this.closing.abort();
    await Promise.all([this.reasonWriter.close(), this.improving, this.checking]);
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

  private isClosed(): boolean {
    return this.now === "closed";
  }

  private leave(to: "updating" | "closed"): void {
    this.go(to);
    this.stop.abort();
    void this.reasonWriter.close();
  }

  private take(opened: Opened, from: "the server" | "this device"): void {
    this.inUse = opened;
    this.stop = new AbortController();
    this.listener.onRelease(opened, from);
    this.showSigning();
  }

  private showSigning(): void {
    if (this.inUse !== null) this.listener.notify("signing", this.releases.signing(this.inUse.bundle));
  }

  private async openKept(): Promise<Opened | null> {
    try {
      const kept = await this.releases.kept();
      return kept === null ? null : await this.releases.open(kept);
    } catch {
      // Damaged or evicted since the last visit: use the server's release, or show its error.
      return null;
    }
  }

  private async openNewest(): Promise<Opened | null> {
    try {
      return await this.releases.first(await this.releases.newest(), (bundle, base) => {
        this.listener.notify("opening", { state: "opening", bytes: sum(required(bundle.manifest)) });
        return this.releases.openFirst(bundle, base);
      });
    } catch (error) {
      this.listener.notify("opening", { state: "failed", cause: causeOf(error), why: messageOf(error) });
      return null;
    }
  }

  private async check(current: Bundle): Promise<void> {
    const notify = (update: Update) => {
      if (!this.isClosed()) this.listener.notify("update", update);
    };
    notify({ state: "checking" });
    try {
      const newer = await this.releases.check(current);
      if (newer === null) return notify({ state: "current" });
      if ("waiting" in newer) return notify({ state: "waiting", release: newer.waiting });
      await this.releases.first(newer.bundles, (bundle) => this.prepare(bundle, current, notify));
    } catch (error) {
      notify(failureOf(error));
    } finally {
      this.showSigning();
    }
  }

  /** Download and test a newer release. */
  private async prepare(bundle: Bundle, current: Bundle, notify: (update: Update) => void) {
    const nBytes = await this.releases.bytesFor(bundle, current);
    notify({ state: "fetching", release: bundle.manifest.release, bytes: nBytes });
    const tried = await this.releases.tryOut(bundle, this.closing.signal, current);
    if (this.isClosed()) return tried.recommender.engines.close();
    this.next = { ...tried, bytes: this.releases.signing(bundle).arrival?.bytes ?? nBytes };
    this.showPreview(await this.listener.preview(tried));
  }

  /** Load better engines, store all files, check for an update and load the language model, in this order. */
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
      this.showSigning();
    } catch (error) {
      // Offline, files may be missing; damaged files are rejected. The current list keeps working.
      if (!(error instanceof FetchError || stop.aborted)) this.listener.notify("problem", problemOf(error));
    }
    this.listener.onStored();
  }

  private async loadLanguage({ bundle }: Opened, stop: AbortSignal): Promise<void> {
    this.go("loading the language model");
    await this.reasonWriter.load(bundle);
    if (stop.aborted) return;
    this.go("running");
    await this.listener.refresh();
  }
}

function failureOf(error: unknown): Update {
  const why = messageOf(error);
  if (error instanceof ExpiredMetadataError) return { state: "stale", since: error.staleSince, why };
  return { state: error instanceof FetchError && !isUnusable(error) ? "unreachable" : "refused", why };
}

function causeOf(error: unknown): Cause {
  if (!(error instanceof FetchError)) return "refused";
  if (error.status === null) return "unreachable";
  return error.status === 404 ? "no catalogue" : "failing";
}
