/**
 * The newest bundle of a repository of signed releases; twin of `edge_runtime/sync/signed.py`. The server need not be
 * trusted: signed metadata gives length and digest of small documents, these give those of manifests, and manifests those
 * of all other files.
 */

import type { Manifest } from "../bundleJson";
import type { Bytes } from "../bytes";
import { BundleError, BundleVersionError, UpdateRefusedError } from "../errors";
import { parseManifest } from "../manifest";
import type { SignedBy } from "../trustStore";
import type { SignatureCrypto } from "./crypto";
import {
  COMPONENTS,
  type Component,
  checkDerived,
  checkManifest,
  type DeltaEntry,
  type Digested,
  documentPath,
  MAX_DOCUMENT_BYTES,
  openShare,
  parseComponent,
  parseRelease,
  parseRollout,
  position,
  type ReleaseDocument,
} from "./documents";
import type { FetchSmall, PageMetadata } from "./pageMetadata";

/** A bundle that may be installed. */
export interface Offer {
  /** The manifest. */
  readonly bytes: Bytes;
  readonly deltas: readonly DeltaEntry[];
  readonly signedBy: SignedBy | null;
}

/** What a channel has for this page. */
export interface Answer {
  /**
   * The newest release, then what to install if it cannot be used: it without its components, one by one. None if the
   * release in use is the newest, or the newest is not for this page yet.
   */
  readonly offers: readonly Offer[];
  /** The newest release, if a staged rollout has not come to this page. */
  readonly waiting: number | null;
  /** What an operator should know. */
  readonly notes: readonly string[];
}

/** A signed document, and the manifest that it leads to. */
interface Step {
  readonly bytes: Bytes;
  readonly manifest: Manifest;
  readonly document: ReleaseDocument;
  /** Who signed it. */
  readonly role: string;
}

/** The way to the newest bundle. */
interface Chain {
  /** The newest bundle first; each derives from the one after it. */
  readonly steps: readonly [Step, ...Step[]];
  readonly notes: readonly string[];
  /** Whether something that is signed could not be had, or must not be used. */
  readonly lacks: boolean;
}

export class SignedChannel {
  /** Documents and manifests that were read this time, by digest. */
  private readonly used = new Map<string, Bytes>();

  constructor(
    private readonly fetch: FetchSmall,
    private readonly target: string,
    private readonly metadata: PageMetadata,
    private readonly crypto: SignatureCrypto,
  ) {}

  /**
   * Find the newest bundle.
   *
   * @param held manifest of the release in use; null to install from nothing, which waits for no rollout.
   * @throws UpdateRefusedError something is not signed as it must be, or violates the format.
   * @throws BundleVersionError it needs a newer version of this page.
   * @throws FetchError the server cannot be reached.
   */
  async newest(held: Bytes | null): Promise<Answer> {
    await this.metadata.update(this.fetch);
    const chain = await this.chain();
    const answer = await this.answer(chain, held);
    await this.keepUsed();
    return answer;
  }

  /** Another document that is signed for this target; null if nothing is signed at its path. Throws as {@link newest}. */
  async signed(path: string): Promise<Bytes | null> {
    await this.metadata.update(this.fetch);
    return (await this.document(path))?.bytes ?? null;
  }

  private async answer({ steps, notes, lacks }: Chain, held: Bytes | null): Promise<Answer> {
    const nothing: Answer = { offers: [], waiting: null, notes };
    const { bytes, manifest } = steps[0];
    const isHeld = held !== null && (await this.crypto.sha256(held)) === (await this.crypto.sha256(bytes));
    if (isHeld) return nothing;
    const inUse = held === null ? 0 : refusing(() => parseManifest(held)).release;
    // What could not be had must not bring back what was before it: a server without any key could undo releases.
    if (lacks && manifest.release < inUse) return nothing;
    const turn = held === null ? "now" : await this.turn(steps, lacks);
    if (turn !== "now") {
      const halted = turn === "halted" ? [`the rollout of release ${manifest.release} is halted`] : [];
      return { offers: [], waiting: manifest.release, notes: [...notes, ...halted] };
    }
    const usable = steps.filter((step, at) => at === 0 || step.manifest.release > inUse);
    const offers = usable.map(async ({ bytes, document, role }) => {
      return { bytes, deltas: document.deltas, signedBy: await this.metadata.signedBy(role) };
    });
    return { ...nothing, offers: await Promise.all(offers) };
  }

  private async chain(): Promise<Chain> {
    const data = await this.document(documentPath("bundle", this.target));
    if (data === null) throw new UpdateRefusedError(`No release for ${this.target} is signed.`);
    const document = refusing(() => parseRelease(data.bytes, this.target));
    const base = { ...(await this.manifest(document)), document, role: data.role };
    // Not from manifests of components, whose keys must not move the clock by which rollouts go.
    await this.metadata.hasPassed(Date.parse(base.manifest.created) / 1000);
    let chain: Chain = { steps: [base], notes: [], lacks: false };
    for (const component of COMPONENTS) chain = await this.extended(chain, component);
    return chain;
  }

  /**
   * A chain with the release of a component; without it, with a note, if it cannot be used. It must not stop the page: with
   * its key one could stop all updates otherwise.
   */
  private async extended(chain: Chain, component: Component): Promise<Chain> {
    const [base] = chain.steps;
    const withNote = (note: string): Chain => ({ ...chain, notes: [...chain.notes, note] });
    try {
      const data = await this.document(documentPath(component, this.target));
      if (data === null) return chain;
      const document = parseComponent(data.bytes, component, this.target);
      if (document.base !== base.document.manifest.sha256) {
        return withNote(`${component} release ${document.release} is for another base and was skipped`);
      }
      const derived = { ...(await this.manifest(document)), document, role: data.role };
      checkDerived(base.manifest, derived.manifest, component);
      return { ...chain, steps: [derived, ...chain.steps] };
    } catch (error) {
      if (!(error instanceof BundleError || error instanceof UpdateRefusedError)) throw error;
      return { ...withNote(`the release of ${component} was left out: ${error.message}`), lacks: true };
    }
  }

  private async manifest(document: ReleaseDocument): Promise<Pick<Step, "bytes" | "manifest">> {
    const { sha256 } = document.manifest;
    const bytes = await this.read(document.manifest, `files/${sha256}`, "the manifest");
    const manifest = refusing(() => parseManifest(bytes));
    refusing(() => {
      checkManifest(document, manifest);
      checkLengths(manifest);
    });
    return { bytes, manifest };
  }

  /**
   * When the staged rollouts of a release and of all components come to this page. A rollout document that names any of
   * their manifests holds them all: the key of a component must not open the rollout of what it derives from. Nor must a
   * server that hides a component: what is missing may be named.
   */
  private async turn(steps: readonly Step[], lacks: boolean): Promise<"now" | "later" | "halted"> {
    const documents = steps.map(({ document }) => document);
    const staged = documents.filter(({ wave }) => wave !== null);
    if (staged.length === 0) return "now";
    const data = await this.document(documentPath("rollout", this.target));
    const rollout = data === null ? null : refusing(() => parseRollout(data.bytes, this.target));
    const isNamed = lacks || documents.some(({ manifest }) => manifest.sha256 === rollout?.manifest);
    for (const document of staged) {
      const share = openShare(document, isNamed ? rollout?.manifest : null, rollout, this.metadata.now());
      const place = await position(document.wave?.salt ?? "", this.metadata.store.kept.draw, this.crypto.sha256);
      if (place >= share) return isNamed && rollout?.halted ? "halted" : "later";
    }
    return "now";
  }

  /** A signed document and the role that signed it; null if there is none at this path. */
  private async document(path: string): Promise<{ readonly bytes: Bytes; readonly role: string } | null> {
    const found = await this.metadata.target(path, this.fetch);
    if (found === null) return null;
    if (found.length > MAX_DOCUMENT_BYTES) {
      throw new UpdateRefusedError(`${path} is too long`);
    }
    const [folder, name] = path.split("/");
    const url = `targets/${folder}/${found.sha256}.${name}`;
    return { bytes: await this.read({ bytes: found.length, sha256: found.sha256 }, url, path), role: found.role };
  }

  /** A small file with this digest, as it was stored before or from the server. */
  private async read(expected: Digested, path: string, what: string): Promise<Bytes> {
    const stored = this.metadata.store.kept.documents.get(expected.sha256);
    const isStored = stored !== undefined && (await this.is(stored, expected));
    const data = isStored ? stored : await this.fetch(path, expected.bytes);
    if (data === null) throw new UpdateRefusedError(`The server lacks ${what}.`);
    if (!isStored && !(await this.is(data, expected))) {
      throw new UpdateRefusedError(`${what} is not what is signed.`);
    }
    this.used.set(expected.sha256, data);
    return data;
  }

  private async is(data: Bytes, { bytes, sha256 }: Digested): Promise<boolean> {
    return data.length === bytes && (await this.crypto.sha256(data)) === sha256;
  }

  /** Store what was read, so that the next check needs none of it, and nothing else. */
  private async keepUsed(): Promise<void> {
    const { store } = this.metadata;
    const before = store.kept.documents;
    if (before.size === this.used.size && [...this.used.keys()].every((digest) => before.has(digest))) return;
    await store.saveMetadata({ documents: new Map(this.used) });
  }
}

/** Check that files with the same digest have the same length. */
function checkLengths({ files }: Manifest): void {
  const lengths = new Map(files.map(({ sha256, bytes }) => [sha256, bytes]));
  if (files.some(({ sha256, bytes }) => lengths.get(sha256) !== bytes)) {
    throw new BundleError("manifest.json: two files share a digest but differ in length");
  }
}

/** The result of `read`; what violates the format is refused. */
function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BundleError) || error instanceof BundleVersionError) throw error;
    throw new UpdateRefusedError(`The release is refused: ${error.message}`);
  }
}
