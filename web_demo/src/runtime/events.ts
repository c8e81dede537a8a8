/** What a person did, and what a place that keeps it must be able to do. */

/** `dislike` hides an item and stays out of the sequence; the others are events of it. */
export type EventName = "click" | "like" | "purchase" | "dislike";

export interface HistoryEvent {
  /** Grows with time. */
  readonly id: number;
  readonly itemId: string;
  readonly event: EventName;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The item's title when it was marked, because its catalogue may be gone by now. Null where none was kept. */
  readonly title: string | null;
}

/** An event that has no number yet. */
export type NewEvent = Omit<HistoryEvent, "id">;

export interface History {
  /** Oldest first. */
  all(): Promise<readonly HistoryEvent[]>;
  /** Returns once the event is kept; one that `isRepeated` is not added again. */
  add(event: NewEvent): Promise<void>;
  remove(id: number): Promise<void>;
  /** What the person has set, by name; null where they have not. */
  setting(name: string): Promise<number | null>;
  /** Keep a setting; null takes it away. */
  set(name: string, value: number | null): Promise<void>;
  /** Delete everything, the settings included. */
  clear(): Promise<void>;
}

/**
 * Whether this is an opinion that the item has already: a double click, or a click in two tabs, counts once. Clicks and
 * purchases may repeat.
 */
export function isRepeated(event: NewEvent, events: readonly Pick<HistoryEvent, "itemId" | "event">[]): boolean {
  if (event.event !== "like" && event.event !== "dislike") return false;
  return events.some((other) => other.itemId === event.itemId && other.event === event.event);
}
