/** A history in IndexedDB. Every call may fail or never settle; `history.ts` handles that. */

import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";
import { LEARNING_SETTING } from "./constants";
import { type History, type HistoryEvent, isRepeated, merged, type NewEvent, type Setting } from "./events";

/** Events stored by older versions of the page have no title. */
type StoredEvent = Omit<HistoryEvent, "id" | "title"> & { id?: number; title?: string | null };

interface Schema extends DBSchema {
  events: { key: number; value: StoredEvent };
  settings: { key: string; value: Setting };
}

/** Version 2 added settings. */
const VERSION = 2;

/** Why the browser stores nothing: another tab blocks it, a newer version of the page was open here, or it refuses. */
export type StorageProblem = "otherTab" | "noResponse" | "full" | "newerPage" | "refused";

export class IndexedDbHistory implements History {
  private connection: Promise<IDBPDatabase<Schema>> | null = null;
  private waitsForOtherTab = false;

  constructor(private readonly name: string) {}

  async all(): Promise<readonly HistoryEvent[]> {
    return (await (await this.open()).getAll("events")).map(eventOf);
  }

  /** Returns once the event is durable. */
  async add(event: NewEvent): Promise<void> {
    // One transaction, so that two tabs cannot both add the event.
    const transaction = (await this.open()).transaction("events", "readwrite", { durability: "strict" });
    const known = await transaction.store.getAll();
    if (!isRepeated(event, known)) await transaction.store.add(event);
    await transaction.done;
  }

  async merge(coming: readonly NewEvent[]): Promise<number> {
    const names = ["events", "settings"] as const;
    const transaction = (await this.open()).transaction(names, "readwrite", { durability: "strict" });
    const [store, settings] = [transaction.objectStore("events"), transaction.objectStore("settings")];
    const { events, added } = merged((await store.getAll()).map(eventOf), coming);
    if (added > 0) {
      await store.clear();
      void settings.delete(LEARNING_SETTING).catch(() => undefined);
      for (const event of events) void store.add(event).catch(() => undefined); // `done` rejects as well
    }
    await transaction.done;
    return added;
  }

  async remove(id: number): Promise<void> {
    await (await this.open()).delete("events", id);
  }

  async setting(name: string): Promise<Setting | null> {
    return (await (await this.open()).get("settings", name)) ?? null;
  }

  async set(name: string, value: Setting | null): Promise<void> {
    const database = await this.open();
    if (value === null) await database.delete("settings", name);
    else await database.put("settings", value, name);
  }

  async swap(name: string, expected: Setting | null, value: Setting): Promise<boolean> {
    const transaction = (await this.open()).transaction("settings", "readwrite", { durability: "strict" });
    const isExpected = ((await transaction.store.get(name)) ?? null) === expected;
    if (isExpected) await transaction.store.put(value, name);
    await transaction.done;
    return isExpected;
  }

  async clear(): Promise<void> {
    // One transaction, so that a page that is closed in between keeps nothing that was learned from deleted events.
    const names = ["events", "settings"] as const;
    const transaction = (await this.open()).transaction(names, "readwrite", { durability: "strict" });
    await Promise.all([...names.map((name) => transaction.objectStore(name).clear()), transaction.done]);
  }

  /** Delete the database itself, including its counters. The next call creates a new one. */
  async drop(): Promise<void> {
    const connection = this.connection;
    this.connection = null;
    void connection?.then(
      (database) => database.close(),
      () => undefined,
    );
    await deleteDB(this.name, { blocked: this.blocked });
  }

  /** Why a call failed. */
  explain(error: unknown): StorageProblem {
    const name = error instanceof Error || error instanceof DOMException ? error.name : "";
    if (name === "DeadlineError") return this.waitsForOtherTab ? "otherTab" : "noResponse";
    if (name === "QuotaExceededError") return "full";
    return name === "VersionError" ? "newerPage" : "refused";
  }

  private open(): Promise<IDBPDatabase<Schema>> {
    this.connection ??= openDB<Schema>(this.name, VERSION, {
      upgrade: (database, from) => {
        if (from < 1) database.createObjectStore("events", { keyPath: "id", autoIncrement: true });
        if (from < 2) database.createObjectStore("settings");
      },
      blocked: this.blocked,
      // Another tab deletes the database: let it, and open a new one with the next call.
      blocking: (_current, _blocked, event) => {
        this.connection = null;
        if (event.target instanceof IDBDatabase) event.target.close();
      },
      terminated: () => {
        this.connection = null;
      },
    });
    return this.connection;
  }

  private readonly blocked = (): void => {
    this.waitsForOtherTab = true;
  };
}

function eventOf({ id = 0, title = null, ...event }: StoredEvent): HistoryEvent {
  return { ...event, id, title };
}
