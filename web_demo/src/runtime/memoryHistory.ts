/** A history in memory, which is lost when the tab closes. */

import { LEARNING_SETTING } from "./constants";
import {
  type CountsClears,
  type History,
  type HistoryEvent,
  isRepeated,
  merged,
  type NewEvent,
  type Setting,
} from "./events";

export class MemoryHistory implements History, CountsClears {
  clears = 0;
  private readonly settings: Map<string, Setting>;
  private last: number;

  /** Start with events and settings that have been read before. */
  constructor(
    private events: readonly HistoryEvent[] = [],
    settings: ReadonlyMap<string, Setting> = new Map(),
  ) {
    this.settings = new Map(settings);
    this.last = Math.max(0, ...events.map(({ id }) => id));
  }

  async all(): Promise<readonly HistoryEvent[]> {
    return this.events;
  }

  async add(event: NewEvent): Promise<void> {
    if (!isRepeated(event, this.events)) this.events = [...this.events, { ...event, id: ++this.last }];
  }

  async merge(coming: readonly NewEvent[]): Promise<number> {
    const { events, added } = merged(this.events, coming);
    if (added > 0) {
      this.events = events.map((event) => ({ ...event, id: ++this.last }));
      this.settings.delete(LEARNING_SETTING);
    }
    return added;
  }

  async remove(id: number): Promise<void> {
    this.events = this.events.filter((event) => event.id !== id);
  }

  async setting(name: string): Promise<Setting | null> {
    return this.settings.get(name) ?? null;
  }

  async set(name: string, value: Setting | null): Promise<void> {
    if (value === null) this.settings.delete(name);
    else this.settings.set(name, value);
  }

  async swap(name: string, expected: Setting | null, value: Setting): Promise<boolean> {
    if ((this.settings.get(name) ?? null) !== expected) return false;
    this.settings.set(name, value);
    return true;
  }

  async clear(): Promise<void> {
    this.clears++;
    this.events = [];
    this.settings.clear();
    this.last = 0;
  }
}
