/**
 * What a person did, in IndexedDB, on this device alone. Where the browser gives no storage, in memory until the tab closes.
 */

import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";

/** `dislike` hides an item and stays out of the sequence; the others are events of it. */
export type EventName = "click" | "like" | "purchase" | "dislike";

export interface HistoryEvent {
  /** Grows with time. */
  readonly id: number;
  readonly itemId: string;
  readonly event: EventName;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface History {
  /** False: it ends with the tab. */
  readonly persistent: boolean;
  /** Oldest first. */
  all(): Promise<readonly HistoryEvent[]>;
  /** Returns once the event is durable. */
  add(itemId: string, event: EventName, at: number): Promise<void>;
  remove(id: number): Promise<void>;
  /** What the person has set, by name; null where they have not. */
  setting(name: string): Promise<number | null>;
  /** Keep a setting; null takes it away. */
  set(name: string, value: number | null): Promise<void>;
  /** Delete everything, the settings and the counters of the database included. */
  forget(): Promise<void>;
}

interface Schema extends DBSchema {
  events: { key: number; value: Omit<HistoryEvent, "id"> & { id?: number } };
  settings: { key: string; value: number };
}

/** 2 has settings. */
const VERSION = 2;

/** Open the history called `name`; never fails, but may answer with one that is not persistent. */
export async function openHistory(name: string): Promise<History> {
  try {
    const history = new StoredHistory(name);
    await history.all();
    return history;
  } catch {
    // Private windows and full disks refuse in different ways, at opening or at the first read; all mean the same here.
    return new MemoryHistory();
  }
}

class StoredHistory implements History {
  readonly persistent = true;
  private connection: Promise<IDBPDatabase<Schema>> | null = null;

  constructor(private readonly name: string) {}

  async all(): Promise<readonly HistoryEvent[]> {
    const found = await (await this.open()).getAll("events");
    return found.map((event) => ({ ...event, id: event.id ?? 0 }));
  }

  async add(itemId: string, event: EventName, at: number): Promise<void> {
    const transaction = (await this.open()).transaction("events", "readwrite", { durability: "strict" });
    await Promise.all([transaction.store.add({ itemId, event, at }), transaction.done]);
  }

  async remove(id: number): Promise<void> {
    await (await this.open()).delete("events", id);
  }

  async setting(name: string): Promise<number | null> {
    return (await (await this.open()).get("settings", name)) ?? null;
  }

  async set(name: string, value: number | null): Promise<void> {
    const database = await this.open();
    if (value === null) await database.delete("settings", name);
    else await database.put("settings", value, name);
  }

  async forget(): Promise<void> {
    const database = await this.open();
    await Promise.all([database.clear("events"), database.clear("settings")]);
    this.connection = null;
    database.close();
    await deleteDB(this.name);
  }

  private open(): Promise<IDBPDatabase<Schema>> {
    this.connection ??= openDB<Schema>(this.name, VERSION, {
      upgrade: (database, from) => {
        if (from < 1) database.createObjectStore("events", { keyPath: "id", autoIncrement: true });
        if (from < 2) database.createObjectStore("settings");
      },
      // Another tab deletes the database: let it, and open the new one when it is asked for.
      blocking: (_current, _blocked, event) => {
        this.connection = null;
        (event.target as IDBDatabase).close();
      },
      terminated: () => {
        this.connection = null;
      },
    });
    return this.connection;
  }
}

export class MemoryHistory implements History {
  readonly persistent = false;
  private events: HistoryEvent[] = [];
  private readonly settings = new Map<string, number>();
  private last = 0;

  async all(): Promise<readonly HistoryEvent[]> {
    return this.events;
  }

  async add(itemId: string, event: EventName, at: number): Promise<void> {
    this.events = [...this.events, { id: ++this.last, itemId, event, at }];
  }

  async remove(id: number): Promise<void> {
    this.events = this.events.filter((event) => event.id !== id);
  }

  async setting(name: string): Promise<number | null> {
    return this.settings.get(name) ?? null;
  }

  async set(name: string, value: number | null): Promise<void> {
    if (value === null) this.settings.delete(name);
    else this.settings.set(name, value);
  }

  async forget(): Promise<void> {
    this.events = [];
    this.settings.clear();
    this.last = 0;
  }
}
