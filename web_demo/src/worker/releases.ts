/** Which release the page runs on: the one kept on this device first, a newer one after it has been fetched and tried. */

import { Bundle, type Fetch, fetchManifest, manifestUrl, type Progress, serverUrls } from "../runtime/bundle";
import type { Candidate, OpenEngine } from "../runtime/candidates";
import { BundleError } from "../runtime/errors";
import type { FileEntry, Manifest } from "../runtime/manifest";
import { Recommender } from "../runtime/recommender";
import type { ReleaseStore } from "../runtime/store";
import { canOpen } from "./engines";

/** A release that is open and has an engine, or at least the popularity order. */
export interface Opened {
  readonly bundle: Bundle;
  readonly recommender: Recommender;
}

/** Hears of every change of a release's engines. */
export type CandidatesChanged = (bundle: Bundle, candidates: readonly Candidate[]) => void;

/** What the check for a newer release found. */
export type Found = { readonly bundle: Bundle; readonly bytes: number } | null;

export class Releases {
  constructor(
    private readonly base: string,
    private readonly target: string,
    private readonly fetch: Fetch,
    private readonly store: ReleaseStore,
    private readonly opener: (bundle: Bundle) => OpenEngine,
    private readonly progress: Progress,
    private readonly candidatesChanged: CandidatesChanged,
  ) {}

  /** The release that this device keeps, or null. A damaged one counts as none. */
  async kept(): Promise<Bundle | null> {
    const bytes = await this.store.currentManifest();
    if (bytes === null) return null;
    try {
      return this.bundle(bytes);
    } catch (error) {
      if (error instanceof BundleError) return null;
      throw error;
    }
  }

  /**
   * The server's newest release, its manifest checked, none of its files.
   *
   * @throws FetchError the server cannot be reached.
   * @throws BundleError its manifest breaks the rules.
   */
  async newest(): Promise<Bundle> {
    return this.bundle(await fetchManifest(this.fetch, manifestUrl(this.base, this.target)));
  }

  /**
   * A release of the server's that is not the one in use.
   *
   * @throws BundleError it must not take the place of the one in use.
   */
  async check(current: Bundle): Promise<Found> {
    const bundle = await this.newest();
    if (sameBytes(bundle.bytes, current.bytes)) return null;
    const [next, now] = [bundle.manifest, current.manifest];
    if (next.name === now.name && next.release < now.release) {
      throw new BundleError(
        `The server offers release ${next.release}, older than release ${now.release} on this device.`,
      );
    }
    const here = new Set(now.files.map((file) => file.sha256));
    return { bundle, bytes: sum(required(next).filter((file) => !here.has(file.sha256))) };
  }

  /** Open a release as far as lists need, and start the first engine that can be had without a large download. */
  async open(bundle: Bundle): Promise<Opened> {
    const changed = (candidates: readonly Candidate[]) => this.candidatesChanged(bundle, candidates);
    const recommender = await Recommender.open(bundle, this.opener(bundle), changed);
    await recommender.engines.start("reference");
    return { bundle, recommender };
  }

  /**
   * Fetch all that a release needs, and open it to see that an engine passes its self-test.
   *
   * @param stop ends the download.
   * @throws BundleError it must not be used.
   * @throws FetchError it is not all here.
   */
  async tryOut(bundle: Bundle, stop: AbortSignal): Promise<Opened> {
    for (const file of required(bundle.manifest)) await bundle.read(file, stop);
    const opened = await this.open(bundle);
    const { engines } = opened.recommender;
    if (engines.current === null) await engines.upgrade();
    if (engines.current === null) {
      throw new BundleError(`No engine of release ${bundle.manifest.release} passes its self-test in this browser.`);
    }
    return opened;
  }

  /**
   * Fetch whatever of a release is not here yet, so that it works without network, and make it the current one.
   *
   * @param stop ends it; another release may be the current one by then.
   * @returns whether the browser keeps it.
   */
  async keep(bundle: Bundle, stop: AbortSignal): Promise<boolean> {
    const files = required(bundle.manifest);
    for (const file of files) await bundle.read(file, stop);
    if (stop.aborted) return false;
    const all = bundle.manifest.files.map((file) => file.sha256);
    return this.store.adopt(
      bundle.bytes,
      files.map((file) => file.sha256),
      all,
    );
  }

  private bundle(bytes: Uint8Array<ArrayBuffer>): Bundle {
    return new Bundle(bytes, serverUrls(this.base), this.fetch, this.store, this.progress);
  }
}

/** The files that this browser needs for everything but the language model. */
export function required(manifest: Manifest): readonly FileEntry[] {
  const encoders = new Set(manifest.engines.filter(({ engine }) => canOpen(engine)).map(({ file }) => file));
  const roles = new Set(["codes", "prompts", "adapter", "items", "popularity", "golden", "pictures"]);
  return manifest.files.filter(({ role, name }) => roles.has(role) || encoders.has(name));
}

export function sum(files: readonly FileEntry[]): number {
  return files.reduce((total, file) => total + file.bytes, 0);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
