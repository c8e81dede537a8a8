/** The release that is stored on this device, and newer ones of the server. */

import { version } from "../../package.json";
import { at } from "../runtime/at";
import {
  Bundle,
  type Fetch,
  fetchManifest,
  fetchSmall,
  manifestUrl,
  type Progress,
  serverUrls,
} from "../runtime/bundle";
import type { FileEntry, Manifest } from "../runtime/bundleJson";
import type { Bytes } from "../runtime/bytes";
import type { Candidate, OpenEngine } from "../runtime/candidates";
import { OPTIONAL_ROLES, REQUIRED_ROLES } from "../runtime/constants";
import { checkFile, sha256 } from "../runtime/digest";
import { BundleError, FetchError, messageOf, SelfTestError, UpdateRefusedError } from "../runtime/errors";
import type { KeptTimes } from "../runtime/keptTimes";
import { Recommender } from "../runtime/recommender";
import type { ReleaseStore } from "../runtime/releaseStore";
import { signatureCrypto } from "../runtime/signed";
import { type Answer, type Offer, SignedChannel } from "../runtime/signed/channel";
import type { DeltaEntry } from "../runtime/signed/documents";
import { PageMetadata } from "../runtime/signed/pageMetadata";
import type { InUse, TrustStore } from "../runtime/trustStore";
import { ConflictError } from "../runtime/trustStore";
import { canOpen } from "./engines";
import type { Signing } from "./protocol";

/** An open release, with an engine, its transitions or at least its popularity ranking. */
export interface Opened {
  readonly bundle: Bundle;
  readonly recommender: Recommender;
}

/** Called with every change of a release's engines. */
export type CandidatesChanged = (bundle: Bundle, candidates: readonly Candidate[]) => void;

/**
 * A newer release, then what to use if it cannot be used; the number of one that a staged rollout has not brought to this
 * device yet; null if there is none.
 */
export type NewRelease = { readonly bundles: readonly Bundle[] } | { readonly waiting: number } | null;

/** What is known of a bundle besides its manifest. */
type Source = Pick<InUse, "signedBy" | "arrival"> & Pick<Offer, "deltas">;

const FIRST_ROOT = "1.root.json";
const MAX_ROOT_BYTES = 512_000;
/** A larger delta is not worth the memory that it takes. */
const MAX_DELTA_BYTES = 64 << 20;
const MAX_CONFLICTS = 3;
/** What a self-test depends on besides the release. */
const TESTED_BY = `${version} ${globalThis.navigator?.userAgent}`;

export class Releases {
  private readonly sources = new WeakMap<Bundle, Source>();
  /** Null before the first check. */
  private metadata: PageMetadata | null = null;
  private notes: readonly string[] = [];
  /** Bodies of all responses so far. */
  private received = 0;

  constructor(
    private readonly base: string,
    private readonly target: string,
    private readonly fetch: Fetch,
    private readonly store: ReleaseStore,
    private readonly trust: TrustStore,
    private readonly opener: (bundle: Bundle) => OpenEngine,
    private readonly progress: Progress,
    private readonly candidatesChanged: CandidatesChanged,
    private readonly engine: string | null = null,
    /** What earlier visits measured for a release. */
    private readonly keptTimes: (manifest: Manifest) => Promise<KeptTimes | null> = async () => null,
  ) {}

  /** The release that this device stores for the target; null if there is none, or it is damaged. */
  async kept(): Promise<Bundle | null> {
    const { inUse } = await this.trust.load();
    const bytes = inUse?.manifest ?? (await this.store.currentManifest());
    if (bytes === null) return null;
    try {
      const bundle = this.bundle(bytes, { signedBy: null, arrival: null, ...inUse, deltas: [] });
      return bundle.manifest.target === this.target ? bundle : null;
    } catch (error) {
      if (error instanceof BundleError) return null;
      throw error;
    }
  }

  /**
   * The server's newest release, then what to use if it cannot be used; only manifests are downloaded and checked.
   *
   * @throws FetchError the server cannot be reached.
   * @throws UpdateRefusedError it is not signed as it must be.
   * @throws BundleError its manifest is invalid.
   */
  async newest(): Promise<readonly Bundle[]> {
    const { offers } = await this.ask(null);
    if (offers.length === 0) throw new BundleError("The server has no release.");
    return offers.map((offer) => this.bundle(offer.bytes, { ...offer, arrival: null }));
  }

  /**
   * The server's release if it differs from the current one.
   *
   * @throws BundleError it must not replace the current one.
   * @throws UpdateRefusedError it is not signed as it must be.
   */
  async check(current: Bundle): Promise<NewRelease> {
    this.received = 0;
    const { offers, waiting } = await this.ask(current.bytes);
    const [newest] = offers;
    if (newest === undefined) return waiting === null ? null : { waiting };
    const bundles = offers.map((offer) => this.bundle(offer.bytes, { ...offer, arrival: null }));
    const [next, now] = [at(bundles, 0).manifest, current.manifest];
    // The bounds of signed metadata rule older releases out; a component that is withdrawn lowers the number.
    if (newest.signedBy === null && next.name === now.name && next.release < now.release) {
      throw new BundleError(
        `The server offers release ${next.release}, older than release ${now.release} on this device.`,
      );
    }
    return { bundles };
  }

  /** The bytes to download for a release. */
  async bytesFor(bundle: Bundle, current: Bundle): Promise<number> {
    const here = new Set(current.manifest.files.map((file) => file.sha256));
    const missing = sum(required(bundle.manifest).filter((file) => !here.has(file.sha256)));
    const delta = await this.deltaFrom(current, bundle);
    return Math.min(missing, delta?.bytes ?? missing);
  }

  /**
   * The result of `use` for the first bundle that can be used.
   *
   * @throws BundleError none can; the error is that of the first one.
   * @throws FetchError the server cannot be reached.
   */
  async first<T>(
    bundles: readonly Bundle[],
    use: (bundle: Bundle, next: Bundle | undefined) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    for (const [at, bundle] of bundles.entries()) {
      try {
        return await use(bundle, bundles[at + 1]);
      } catch (error) {
        if (!isUnusable(error)) throw error;
        failure ??= error;
        this.notes = [...this.notes, `release ${bundle.manifest.release} could not be used: ${messageOf(error)}`];
      }
    }
    throw failure;
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
   * Open the first release of a device; what it derives from must not be lost to what a component adds, so that this is
   * downloaded and tested before.
   *
   * @param base used if this one cannot be.
   * @throws BundleError the release cannot be used.
   * @throws FetchError a file cannot be downloaded.
   */
  async openFirst(bundle: Bundle, base: Bundle | undefined): Promise<Opened> {
    if (base === undefined) return this.open(bundle);
    const known = new Set(base.manifest.files.map((file) => file.sha256));
    for (const file of required(bundle.manifest)) if (!known.has(file.sha256)) await bundle.read(file);
    const opened = await this.open(bundle);
    const failed = opened.recommender.engines.view.find(({ test }) => test?.passed === false);
    if (failed === undefined) return opened;
    await opened.recommender.engines.close();
    throw new BundleError(`an engine fails its self-test in this browser: ${failed.why}`);
  }

  /**
   * Download everything that a release needs, and check that one of its engines passes the self-test; its transitions if
   * it has no engine.
   *
   * @param stop aborts the download.
   * @param current the release in use, from which a delta may lead to the new one.
   * @throws BundleError the release cannot be used.
   * @throws FetchError a file cannot be downloaded.
   */
  async tryOut(bundle: Bundle, stop: AbortSignal, current: Bundle): Promise<Opened> {
    const digest = await sha256(bundle.bytes);
    const before = this.trust.kept.refused?.find((one) => one.manifest === digest && one.by === TESTED_BY);
    if (before !== undefined) throw new BundleError(`${before.why} It has not been tried again.`);
    const isMade = await this.applyDelta(bundle, current, stop);
    for (const file of required(bundle.manifest)) await bundle.read(file, stop);
    this.arrived(bundle, isMade ? "delta" : "whole files");
    try {
      return await this.tested(bundle);
    } catch (error) {
      if (error instanceof SelfTestError) {
        await this.trust.refuse({ manifest: digest, by: TESTED_BY, why: error.message });
      }
      throw error;
    }
  }

  private async tested(bundle: Bundle): Promise<Opened> {
    const opened = await this.open(bundle);
    const { engines, fallback } = opened.recommender;
    if (engines.current === null) await engines.upgrade();
    const isInstant = bundle.manifest.engines.length === 0;
    if (isInstant ? fallback !== null : engines.current !== null) return opened;
    const what = isInstant ? "The transitions" : "All engines";
    const tried = engines.view.filter(({ inUse }) => !inUse);
    const why = `${what} of release ${bundle.manifest.release} fail their self-test in this browser: ${tried.at(-1)?.why}.`;
    // One that could not be loaded may load tomorrow.
    const isFinal = tried.every(({ state, test }) => state === "unavailable" || test !== null);
    throw isFinal ? new SelfTestError(why) : new BundleError(why);
  }

  /**
   * Download the remaining files of a release, so that it works offline, and make it the stored one.
   *
   * @param stop aborts it, because another release has replaced this one.
   * @returns whether the browser has stored it.
   */
  async keep(bundle: Bundle, stop: AbortSignal): Promise<boolean> {
    const files = required(bundle.manifest);
    // Nothing is kept of what would be downloaded.
    if (!this.store.isUsable) return false;
    for (const file of files) await bundle.read(file, stop);
    if (stop.aborted) return false;
    if (this.sources.get(bundle)?.arrival === null && this.received > 0) this.arrived(bundle, "whole files");
    const { signedBy = null, arrival = null } = this.sources.get(bundle) ?? {};
    return this.store.adopt(
      bundle.bytes,
      files.map((file) => file.sha256),
      bundle.manifest.files.map((file) => file.sha256),
      () => this.trust.use({ manifest: bundle.bytes, signedBy, arrival }),
    );
  }

  /** Who signed a release and how it came here, and until when the signatures are valid. */
  signing(bundle: Bundle): Signing {
    const { signedBy = null, arrival = null } = this.sources.get(bundle) ?? {};
    const { notes, trust } = this;
    return { signedBy, arrival, metadata: this.metadata?.state ?? null, notes, isKept: trust.isDurable };
  }

  /**
   * A small document that is signed for this target, null if there is none, and the time in seconds since 1970.
   *
   * @throws FetchError the server cannot be reached.
   * @throws UpdateRefusedError it is not signed as it must be.
   */
  async signed(path: string): Promise<{ readonly bytes: Bytes | null; readonly now: number }> {
    const crypto = await signatureCrypto();
    const metadata = new PageMetadata(this.trust, crypto);
    await metadata.load();
    if (!metadata.hasRoot) return { bytes: null, now: Date.now() / 1000 };
    const small = (name: string, maxBytes: number) => this.small(name, maxBytes);
    const bytes = await new SignedChannel(small, this.target, metadata, crypto).signed(path);
    return { bytes, now: metadata.now() };
  }

  /** Ask the server what is new, again if another tab does the same. */
  private async ask(held: Bytes | null): Promise<Answer> {
    for (let conflicts = 0; ; conflicts++) {
      try {
        const answer = await this.askOnce(held);
        this.notes = answer.notes;
        return answer;
      } catch (error) {
        if (!(error instanceof ConflictError) || conflicts === MAX_CONFLICTS) throw error;
      }
    }
  }

  private async askOnce(held: Bytes | null): Promise<Answer> {
    const crypto = await signatureCrypto();
    this.metadata ??= new PageMetadata(this.trust, crypto);
    const { metadata } = this;
    await metadata.load();
    if (!metadata.hasRoot) {
      const root = await this.small(`metadata/${FIRST_ROOT}`, MAX_ROOT_BYTES);
      if (root === null) return this.unsigned(held);
      // From the address that the page itself came from, so that it is as trustworthy as the page.
      await metadata.trust(root);
    }
    const small = (path: string, maxBytes: number) => this.small(path, maxBytes);
    return new SignedChannel(small, this.target, metadata, crypto).newest(held);
  }

  /** The newest release of a server that signs nothing; only for a page that has never trusted a root. */
  private async unsigned(held: Bytes | null): Promise<Answer> {
    const bytes = await fetchManifest(this.fetch, manifestUrl(this.base, this.target));
    this.received += bytes.length;
    const offers = held !== null && sameBytes(bytes, held) ? [] : [{ bytes, deltas: [], signedBy: null }];
    return { offers, waiting: null, notes: [] };
  }

  private async small(path: string, maxBytes: number): Promise<Bytes | null> {
    const data = await fetchSmall(this.fetch, `${this.base}v1/${path}`, maxBytes);
    this.received += data?.length ?? 0;
    return data;
  }

  private async deltaFrom(current: Bundle, next: Bundle): Promise<DeltaEntry | null> {
    const deltas = this.sources.get(next)?.deltas ?? [];
    if (deltas.length === 0) return null;
    const digest = await sha256(current.bytes);
    return deltas.find(({ from }) => from === digest) ?? null;
  }

  /**
   * Make missing files by a delta; return whether any was. It saves bytes and is never needed: whatever is wrong with it,
   * the files themselves are downloaded instead.
   */
  private async applyDelta(bundle: Bundle, current: Bundle, stop: AbortSignal): Promise<boolean> {
    const delta = await this.deltaFrom(current, bundle);
    if (delta === null) return false;
    const missing: FileEntry[] = [];
    for (const entry of required(bundle.manifest)) if ((await bundle.stored(entry)) === null) missing.push(entry);
    if (delta.bytes >= Math.min(sum(missing), MAX_DELTA_BYTES)) return false;
    try {
      const fetch: Fetch = (url) => this.fetch(url, stop);
      const data = await fetchSmall(fetch, `${this.base}v1/files/${delta.sha256}`, delta.bytes);
      if (data === null) return false;
      this.received += data.length;
      const { Pack } = await import("../runtime/delta/pack");
      await checkFile(data, { name: "the delta", role: "delta", chunkSha256: [], ...delta });
      return (await bundle.make(Pack.read(data, bundle.manifest), missing, current)) > 0;
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      this.notes = [...this.notes, `the delta could not be used: ${messageOf(error)}`];
      return false;
    }
  }

  private arrived(bundle: Bundle, how: "delta" | "whole files"): void {
    const source = this.sources.get(bundle);
    if (source !== undefined) this.sources.set(bundle, { ...source, arrival: { how, bytes: this.received } });
  }

  private bundle(bytes: Bytes, source: Source): Bundle {
    const progress: Progress = (entry, received) => {
      if (received === entry.bytes) this.received += received;
      this.progress(entry, received);
    };
    const bundle = new Bundle(bytes, serverUrls(this.base), this.fetch, this.store, progress);
    this.sources.set(bundle, source);
    return bundle;
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

/** Whether a release is at fault, or a server that lacks one of its files; not the network. */
export function isUnusable(error: unknown): boolean {
  if (error instanceof FetchError) return error.status === 404 || error.status === 410;
  return error instanceof BundleError || error instanceof UpdateRefusedError;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
