/**
 * What this browser keeps about the releases of one address: the signed metadata, the bounds that rule older releases out,
 * and the release in use, in one record, which one strict transaction replaces. In memory if the browser's storage refuses.
 */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Bytes } from "./bytes";
import { within } from "./deadline";
import { StorageError } from "./errors";
import type { Floors } from "./signed";
import { DRAW_BYTES } from "./signed/documents";

const TIMEOUT_MS = 3000;
const MAX_REFUSED = 8;

/** Who signed a release. */
export interface SignedBy {
  readonly role: string;
  readonly keyids: readonly string[];
}

/** How a release came to this browser. */
export interface Arrival {
  readonly how: "delta" | "whole files";
  /** Bodies of all responses, the metadata included. */
  readonly bytes: number;
}

/** The release that is stored completely. */
export interface InUse {
  readonly manifest: Bytes;
  /** Null if it is not signed. */
  readonly signedBy: SignedBy | null;
  /** Null if it is not known. */
  readonly arrival: Arrival | null;
}

/** A release that failed its self-test in this browser, so that it is not downloaded again at every visit. */
export interface Refused {
  /** Digest of its manifest. */
  readonly manifest: string;
  /** The versions of the page and of the browser. */
  readonly by: string;
  readonly why: string;
}

export interface Kept {
  /** Verified metadata files by role; none while no root is trusted. */
  readonly metadata: ReadonlyMap<string, Bytes>;
  readonly floors: Floors;
  /** The random bytes that place this browser in staged rollouts; they never leave it. */
  readonly draw: Bytes;
  /** Signed documents and manifests that lead to the newest release, by digest. */
  readonly documents: ReadonlyMap<string, Bytes>;
  readonly inUse: InUse | null;
  /** Missing before the first one. */
  readonly refused?: readonly Refused[];
}

/** Increases with every change of the metadata, so that a tab does not overwrite what another one has verified. */
type StoredRecord = Kept & { readonly generation: number };

interface Schema extends DBSchema {
  kept: { key: string; value: StoredRecord };
}

/** Another tab has changed the metadata since this one read it. */
export class ConflictError extends StorageError {
  override name = "ConflictError";
}

export class TrustStore {
  private connection: Promise<IDBPDatabase<Schema>> | null = null;
  private isInMemory = false;
  private last: StoredRecord = {
    generation: 0,
    metadata: new Map(),
    floors: { timestamp: {}, snapshot: {}, time: 0 },
    draw: drawn(),
    documents: new Map(),
    inUse: null,
  };

  /**
   * @param name of the database.
   * @param key of the record: the address that the releases come from.
   */
  constructor(
    private readonly name: string,
    private readonly key: string,
    private readonly timeoutMs: number = TIMEOUT_MS,
  ) {}

  /** What was read or written last. */
  get kept(): Kept {
    return this.last;
  }

  /** Whether it survives the tab. */
  get isDurable(): boolean {
    return !this.isInMemory;
  }

  /** Read the record again; another tab may have changed it. */
  async load(): Promise<Kept> {
    const stored = await this.attempt(async (database) => (await database.get("kept", this.key)) ?? null);
    if (stored !== null) this.last = stored;
    return this.last;
  }

  /**
   * Store verified metadata and the documents found by it.
   *
   * @throws ConflictError another tab has changed them; nothing was stored.
   */
  async saveMetadata(change: Partial<Pick<Kept, "metadata" | "floors" | "documents">>): Promise<void> {
    const { generation } = this.last;
    await this.change((stored) => {
      if (stored.generation !== generation) throw new ConflictError("Another tab is checking for updates.");
      return { ...stored, ...change, generation: generation + 1 };
    });
  }

  /**
   * Point to another release, unless another tab has done so since this one read the pointer.
   *
   * @returns whether it is stored; also true if the storage refuses, and memory holds it.
   */
  async use(inUse: InUse): Promise<boolean> {
    const before = this.last.inUse;
    let isMine = true;
    await this.change((stored) => {
      isMine = isSame(stored.inUse, before) || isSame(stored.inUse, inUse);
      return isMine ? { ...stored, inUse } : stored;
    });
    return isMine;
  }

  /** Note a release that failed its self-test, in place of the oldest one. */
  async refuse(refused: Refused): Promise<void> {
    await this.change((stored) => {
      const others = (stored.refused ?? []).filter(({ manifest }) => manifest !== refused.manifest);
      return { ...stored, refused: [...others, refused].slice(-MAX_REFUSED) };
    });
  }

  /** Draw another place in staged rollouts, so that nothing of this browser's past remains. */
  async redraw(): Promise<void> {
    await this.change((stored) => ({ ...stored, draw: drawn(), refused: [] }));
  }

  private async change(edit: (stored: StoredRecord) => StoredRecord): Promise<void> {
    const before = this.last;
    const stored = await this.attempt(async (database) => {
      const transaction = database.transaction("kept", "readwrite", { durability: "strict" });
      try {
        const changed = edit((await transaction.store.get(this.key)) ?? before);
        await transaction.store.put(changed, this.key);
        await transaction.done;
        return changed;
      } catch (error) {
        transaction.done.catch(() => undefined);
        transaction.abort();
        throw error;
      }
    });
    this.last = stored ?? edit(before);
  }

  /** The result of a call to the database; null if it refuses or does not respond, now or earlier. */
  private async attempt<T>(call: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T | null> {
    if (this.isInMemory) return null;
    try {
      const work = this.open().then(call);
      return await within(work, this.timeoutMs, "");
    } catch (error) {
      if (error instanceof ConflictError) throw error;
      this.isInMemory = true;
      return null;
    }
  }

  private open(): Promise<IDBPDatabase<Schema>> {
    this.connection ??= openDB<Schema>(this.name, 1, {
      upgrade: (database) => void database.createObjectStore("kept"),
      terminated: () => {
        this.connection = null;
      },
    });
    return this.connection;
  }
}

function drawn(): Bytes {
  return crypto.getRandomValues(new Uint8Array(DRAW_BYTES));
}

function isSame(one: InUse | null, other: InUse | null): boolean {
  const [a, b] = [one?.manifest, other?.manifest];
  return a?.length === b?.length && (a?.every((byte, at) => byte === b?.[at]) ?? true);
}
