/** Events of the user, and the interface of histories that store them. */

import { DISLIKE, type EventName, LIKE } from "./constants";

export interface HistoryEvent {
  /** Increases with time. */
  readonly id: number;
  readonly itemId: string;
  /** `dislike` hides an item; all others belong to the sequence that is encoded. */
  readonly event: EventName;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The item's title at the time of the event, for items that a later catalogue no longer contains; null if unknown. */
  readonly title: string | null;
}

/** An event that has not been stored yet. */
export type NewEvent = Omit<HistoryEvent, "id">;

export interface History {
  /** Oldest first. */
  all(): Promise<readonly HistoryEvent[]>;
  /** Resolves once the event is stored; an event that `isRepeated` is not added again. */
  add(event: NewEvent): Promise<void>;
  remove(id: number): Promise<void>;
  /** The value of a setting; null if it has its default. */
  setting(name: string): Promise<number | null>;
  /** Store a setting; null removes it. */
  set(name: string, value: number | null): Promise<void>;
  /** Delete everything, including the settings. */
  clear(): Promise<void>;
}

/**
 * Whether the item already has this opinion: a like or dislike counts once, even from two tabs. Clicks and purchases may
 * repeat.
 */
export function isRepeated(event: NewEvent, events: readonly Pick<HistoryEvent, "itemId" | "event">[]): boolean {
  if (event.event !== LIKE && event.event !== DISLIKE) return false;
  return events.some((other) => other.itemId === event.itemId && other.event === event.event);
}
