/** The history of one browser: kept, or in memory alone where the browser's storage refuses or does not answer. */

import { within } from "./deadline";
import { StorageError } from "./errors";
import type { History, HistoryEvent, NewEvent } from "./events";
import { MemoryHistory } from "./memory";
import { StoredHistory } from "./stored";

const TIMEOUT_MS = 3000;

/** Open the history called `name`; never fails. */
export async function openHistory(name: string, timeoutMs: number = TIMEOUT_MS): Promise<LastingHistory> {
  const history = new LastingHistory(new StoredHistory(name), timeoutMs);
  await history.all();
  return history;
}

/** Goes on in memory, with what has been read so far, from the first time that the storage fails or is late. */
export class LastingHistory implements History {
  private memory: MemoryHistory | null = null;
  private why: string | null = null;
  private events: readonly HistoryEvent[] = [];
  private readonly settings = new Map<string, number>();

  /** @param timeoutMs how long the storage may take over one answer. */
  constructor(
    private readonly stored: StoredHistory,
    private readonly timeoutMs: number,
  ) {}

  /** Why what is changed now ends with the tab; null while it is kept. */
  get trouble(): string | null {
    return this.why;
  }

  async all(): Promise<readonly HistoryEvent[]> {
    this.events = await this.ask((history) => history.all());
    return this.events;
  }

  add(event: NewEvent): Promise<void> {
    return this.ask((history) => history.add(event));
  }

  remove(id: number): Promise<void> {
    return this.ask((history) => history.remove(id));
  }

  async setting(name: string): Promise<number | null> {
    const value = await this.ask((history) => history.setting(name));
    this.note(name, value);
    return value;
  }

  async set(name: string, value: number | null): Promise<void> {
    await this.ask((history) => history.set(name, value));
    this.note(name, value);
  }

  /**
   * Delete everything, the counters of the database included.
   *
   * @throws StorageError what earlier visits kept could not be reached, and may still be there.
   */
  async clear(): Promise<void> {
    // Asked in memory too: what cannot be kept now may have been kept on an earlier visit.
    const emptied = await this.succeeds(this.stored.clear());
    const dropped = await this.succeeds(this.stored.drop());
    await this.memory?.clear();
    this.events = [];
    this.settings.clear();
    if (!emptied && !dropped) {
      throw new StorageError(
        "What was marked in this tab is deleted. What earlier visits may have kept cannot be reached: " +
          "restart the browser and try again, or clear the data of this site in the browser's settings.",
      );
    }
  }

  private async ask<T>(work: (history: History) => Promise<T>): Promise<T> {
    if (this.memory !== null) return work(this.memory);
    try {
      return await within(work(this.stored), this.timeoutMs, "the browser's storage does not answer");
    } catch (error) {
      return work(this.goOnInMemory(error));
    }
  }

  private async succeeds(work: Promise<void>): Promise<boolean> {
    try {
      await within(work, this.timeoutMs, "the browser's storage does not answer");
      return true;
    } catch (error) {
      this.goOnInMemory(error);
      return false;
    }
  }

  private goOnInMemory(error: unknown): MemoryHistory {
    this.why ??= this.stored.explain(error);
    this.memory ??= new MemoryHistory(this.events, this.settings);
    return this.memory;
  }

  private note(name: string, value: number | null): void {
    if (value === null) this.settings.delete(name);
    else this.settings.set(name, value);
  }
}
