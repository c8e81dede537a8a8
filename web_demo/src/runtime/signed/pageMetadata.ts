/** The signed metadata that this page trusts: fetched, verified, and saved before it is used; twin of `device_metadata.py`. */

import type { Bytes } from "../bytes";
import { UpdateRefusedError } from "../errors";
import type { SignedBy, TrustStore } from "../trustStore";
import { drive, type Steps, type TargetFile, target, update } from "./client";
import type { SignatureCrypto } from "./crypto";
import { type Delegation, signersOf } from "./metadata";
import { filesOf, pinned, raised, restored, type TrustedMetadata, topLevel } from "./trusted";

/** The body of a response, at most a little more than `maxBytes`; null if there is no such file. */
export type FetchSmall = (path: string, maxBytes: number) => Promise<Bytes | null>;

/** What the page tells about the metadata. */
export interface MetadataState {
  readonly versions: readonly (readonly [role: string, version: number])[];
  /** When the first of these files expires, in seconds since 1970. */
  readonly expires: number;
}

export class PageMetadata {
  private trusted: TrustedMetadata | null = null;

  constructor(
    readonly store: TrustStore,
    private readonly crypto: SignatureCrypto,
    private readonly clock: () => number = () => Date.now() / 1000,
  ) {}

  /**
   * Read what is stored.
   *
   * @throws UpdateRefusedError what is stored is damaged.
   */
  async load(): Promise<void> {
    const { metadata, floors } = await this.store.load();
    this.trusted = metadata.size === 0 ? null : await restored(metadata, floors, this.crypto);
  }

  /** Whether this page has decided whom it trusts. */
  get hasRoot(): boolean {
    return this.trusted !== null;
  }

  /** Trust the keys of a root file from now on. */
  async trust(root: Bytes): Promise<void> {
    await this.save(await pinned(root, this.crypto));
  }

  /** Fetch the newest metadata and save it. */
  async update(fetch: FetchSmall): Promise<void> {
    await this.save(await this.driven(update(this.here(), this.clock(), this.crypto), fetch));
  }

  /** What is signed of a target; null if nothing is. */
  async target(path: string, fetch: FetchSmall): Promise<TargetFile | null> {
    const found = await this.driven(target(this.here(), path, this.clock(), this.crypto), fetch);
    await this.save(found.trusted);
    return found.file;
  }

  /** Note a time that has passed, as a signed document states it; NaN if it states none. */
  async hasPassed(time: number): Promise<void> {
    if (time > this.here().floors.time) await this.save(raised(this.here(), time));
  }

  /** The time in seconds since 1970, at least a time that has certainly passed. */
  now(): number {
    return Math.max(this.clock(), this.here().floors.time);
  }

  /** The keys that signed the newest file of a role. */
  async signedBy(role: string): Promise<SignedBy> {
    const trusted = this.here();
    const [document, delegation] =
      role === "targets"
        ? [trusted.targets, topLevel(trusted.root.signed, "targets")]
        : [trusted.delegated.get(role), delegationOf(trusted, role)];
    if (!document || delegation === null) return { role, keyids: [] };
    return { role, keyids: [...(await signersOf(document, delegation, this.crypto)).values()] };
  }

  /** Versions and expiry of what is trusted; null if nothing is. */
  get state(): MetadataState | null {
    if (this.trusted === null) return null;
    const { root, timestamp, snapshot, targets } = this.trusted;
    const here = Object.entries({ root, timestamp, snapshot, targets }).flatMap(([role, document]) =>
      document === null ? [] : [{ role, ...document.signed }],
    );
    return {
      versions: here.map(({ role, version }) => [role, version]),
      expires: Math.min(...here.map(({ expires }) => expires)),
    };
  }

  private here(): TrustedMetadata {
    if (this.trusted === null) throw new UpdateRefusedError("This page trusts no keys yet.");
    return this.trusted;
  }

  private driven<T>(steps: Steps<T>, fetch: FetchSmall): Promise<T> {
    return drive(
      steps,
      (name, maxBytes) => fetch(`metadata/${name}`, maxBytes),
      (trusted) => this.save(trusted),
    );
  }

  private async save(trusted: TrustedMetadata): Promise<void> {
    if (trusted !== this.trusted) {
      await this.store.saveMetadata({ metadata: filesOf(trusted), floors: trusted.floors });
    }
    this.trusted = trusted;
  }
}

function delegationOf({ targets }: TrustedMetadata, name: string): Delegation | null {
  const role = targets?.signed.roles.find((one) => one.name === name);
  return role === undefined || targets === null ? null : { keys: targets.signed.keys, role };
}
