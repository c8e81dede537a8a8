/** The history of one browser: stored, or only in memory if the browser's storage refuses or does not respond. */

import { LEARNING_SETTING } from "./constants";
import { within } from "./deadline";
import { NotDeletedError } from "./errors";
import type { CountsClears, History, HistoryEvent, NewEvent, Setting } from "./events";
import { IndexedDbHistory, type StorageProblem } from "./indexedDbHistory";
import { MemoryHistory } from "./memoryHistory";

const TIMEOUT_MS = 3000;

/** Open a history by name; never throws. */
export async function openHistory(name: string, timeoutMs: number = TIMEOUT_MS): Promise<PersistentHistory> {
  const history = new PersistentHistory(new IndexedDbHistory(name), timeoutMs);
  await history.all();
  return history;
}

/** Continues in memory, with the events read so far, after the storage fails or times out for the first time. */
export class PersistentHistory implements History, CountsClears {
  private memory: MemoryHistory | null = null;
  private why: StorageProblem | null = null;
  private events: readonly HistoryEvent[] = [];
  private nClears = 0;
  private readonly settings = new Map<string, Setting>();

  /** @param timeoutMs how long one call to the storage may take. */
  constructor(
    private readonly stored: IndexedDbHistory,
    private readonly timeoutMs: number,
  ) {}

  /** Why changes are lost when this tab closes; null while they are stored. */
  get storageError(): StorageProblem | null {
    return this.why;
  }

  get clears(): number {
    return this.nClears;
  }

  /** Another tab clears the history. */
  noteClear(): void {
    this.nClears++;
  }

  async all(): Promise<readonly HistoryEvent[]> {
    this.events = await this.ask((history) => history.all());
    return this.events;
  }

  add(event: NewEvent): Promise<void> {
    return this.ask((history) => history.add(event));
  }

  /** Larger imports may take longer: a millisecond an event. */
  async merge(events: readonly NewEvent[]): Promise<number> {
    const added = await this.ask((history) => history.merge(events), this.timeoutMs + events.length);
    if (added > 0) this.settings.delete(LEARNING_SETTING);
    return added;
  }

  remove(id: number): Promise<void> {
    return this.ask((history) => history.remove(id));
  }

  async setting(name: string): Promise<Setting | null> {
    const value = await this.ask((history) => history.setting(name));
    this.note(name, value);
    return value;
  }

  async set(name: string, value: Setting | null): Promise<void> {
    await this.ask((history) => history.set(name, value));
    this.note(name, value);
  }

  async swap(name: string, expected: Setting | null, value: Setting): Promise<boolean> {
    const isStored = await this.ask((history) => history.swap(name, expected, value));
    if (isStored) this.note(name, value);
    return isStored;
  }

  /**
   * Delete everything, including the counters of the database.
   *
   * @throws NotDeletedError data of earlier visits could not be reached, and may still exist.
   */
  async clear(): Promise<void> {
    this.noteClear();
    // Also when in memory: an earlier visit may have stored events.
    const emptied = await this.succeeds(this.stored.clear());
    const dropped = await this.succeeds(this.stored.drop());
    await this.memory?.clear();
    this.events = [];
    this.settings.clear();
    if (!emptied && !dropped) {
      throw new NotDeletedError(
        "Your choices in this tab have been deleted. Choices of earlier visits cannot be reached: " +
          "restart the browser and try again, or clear the data of this site in the browser's settings.",
      );
    }
  }

  private async ask<T>(work: (history: History) => Promise<T>, timeoutMs: number = this.timeoutMs): Promise<T> {
    if (this.memory !== null) return work(this.memory);
    try {
      return await within(work(this.stored), timeoutMs, "the browser's storage does not respond");
    } catch (error) {
      return work(this.continueInMemory(error));
    }
  }

  private async succeeds(work: Promise<void>): Promise<boolean> {
    try {
      await within(work, this.timeoutMs, "the browser's storage does not respond");
      return true;
    } catch (error) {
      this.continueInMemory(error);
      return false;
    }
  }

  private continueInMemory(error: unknown): MemoryHistory {
    this.why ??= this.stored.explain(error);
    this.memory ??= new MemoryHistory(this.events, this.settings);
    return this.memory;
  }

  private note(name: string, value: Setting | null): void {
    if (value === null) this.settings.delete(name);
    else this.settings.set(name, value);
  }
}
