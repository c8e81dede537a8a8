/** The release that is stored on this device, and newer ones of the server. */

import { Bundle, type Fetch, fetchManifest, manifestUrl, type Progress, serverUrls } from "../runtime/bundle";
import type { FileEntry, Manifest } from "../runtime/bundleJson";
import type { Candidate, OpenEngine } from "../runtime/candidates";
import { OPTIONAL_ROLES, REQUIRED_ROLES } from "../runtime/constants";
import { BundleError } from "../runtime/errors";
import type { KeptTimes } from "../runtime/keptTimes";
import { Recommender } from "../runtime/recommender";
import type { ReleaseStore } from "../runtime/releaseStore";
import { canOpen } from "./engines";

/** An open release, with an engine, its transitions or at least its popularity ranking. */
export interface Opened {
  readonly bundle: Bundle;
  readonly recommender: Recommender;
}

/** Called with every change of a release's engines. */
export type CandidatesChanged = (bundle: Bundle, candidates: readonly Candidate[]) => void;

/** A newer release and the bytes to download for it; null if there is none. */
export type NewRelease = { readonly bundle: Bundle; readonly bytes: number } | null;

export class Releases {
  constructor(
    private readonly base: string,
    private readonly target: string,
    private readonly fetch: Fetch,
    private readonly store: ReleaseStore,
    private readonly opener: (bundle: Bundle) => OpenEngine,
    private readonly progress: Progress,
    private readonly candidatesChanged: CandidatesChanged,
    private readonly engine: string | null = null,
    /** What earlier visits measured for a release. */
    private readonly keptTimes: (manifest: Manifest) => Promise<KeptTimes | null> = async () => null,
  ) {}

  /** The release that this device stores; null if there is none, or it is damaged. */
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
   * The server's newest release; only its manifest is downloaded and checked.
   *
   * @throws FetchError the server cannot be reached.
   * @throws BundleError its manifest is invalid.
   */
  async newest(): Promise<Bundle> {
    return this.bundle(await fetchManifest(this.fetch, manifestUrl(this.base, this.target)));
  }

  /**
   * The server's release if it differs from the current one.
   *
   * @throws BundleError it must not replace the current one.
   */
  async check(current: Bundle): Promise<NewRelease> {
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

  /** Open what lists need, and start the engine that needs no large download. */
  async open(bundle: Bundle): Promise<Opened> {
    const changed = (candidates: readonly Candidate[]) => this.candidatesChanged(bundle, candidates);
    const kept = await this.keptTimes(bundle.manifest);
    const recommender = await Recommender.open(bundle, this.opener(bundle), changed, this.engine, kept);
    await recommender.engines.start("reference");
    return { bundle, recommender };
  }

  /**
   * Download everything that a release needs, and check that one of its engines passes the self-test; its transitions if
   * it has no engine.
   *
   * @param stop aborts the download.
   * @throws BundleError the release cannot be used.
   * @throws FetchError a file cannot be downloaded.
   */
  async tryOut(bundle: Bundle, stop: AbortSignal): Promise<Opened> {
    for (const file of required(bundle.manifest)) await bundle.read(file, stop);
    const opened = await this.open(bundle);
    const { engines, fallback } = opened.recommender;
    if (engines.current === null) await engines.upgrade();
    const isInstant = bundle.manifest.engines.length === 0;
    if (isInstant && fallback === null) {
      const why = engines.view.at(-1)?.why ?? "";
      throw new BundleError(
        `The transitions of release ${bundle.manifest.release} have failed their self-test: ${why}.`,
      );
    }
    if (!isInstant && engines.current === null) {
      throw new BundleError(`No engine of release ${bundle.manifest.release} passes its self-test in this browser.`);
    }
    return opened;
  }

  /**
   * Download the remaining files of a release, so that it works offline, and make it the stored one.
   *
   * @param stop aborts it, because another release has replaced this one.
   * @returns whether the browser has stored it.
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

/** The files that this browser needs, without the language model. */
export function required(manifest: Manifest): readonly FileEntry[] {
  const encoders = new Set(manifest.engines.filter(({ engine }) => canOpen(engine)).map(({ file }) => file));
  const roles = new Set([...REQUIRED_ROLES, ...OPTIONAL_ROLES.filter((role) => role !== "language_model")]);
  return manifest.files.filter(({ role, name }) => roles.has(role) || encoders.has(name));
}

export function sum(files: readonly FileEntry[]): number {
  return files.reduce((total, file) => total + file.bytes, 0);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
