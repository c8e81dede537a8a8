/** Events of the user, and the interface of histories that store them. */

import { DISLIKE, LIKE } from "./constants";

export interface HistoryEvent {
  /** Increases with time. */
  readonly id: number;
  readonly itemId: string;
  /** `dislike` hides an item; all others belong to the sequence that is encoded, also those of other apps. */
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The item's title at the time of the event, for items that a later catalogue no longer contains; null if unknown. */
  readonly title: string | null;
}

/** An event that has not been stored yet. */
export type NewEvent = Omit<HistoryEvent, "id">;

/** A value that is stored beside the events. */
export type Setting = number | string;

export interface History {
  /** Oldest first. */
  all(): Promise<readonly HistoryEvent[]>;
  /** Resolves once the event is stored; an event that `isRepeated` is not added again. */
  add(event: NewEvent): Promise<void>;
  /**
   * Add events of another device in the order of their times, all or none; resolves to how many were new. If some are, all
   * events get new ids, and what was learned is deleted, as nothing tells any more from which events it was learned.
   */
  merge(events: readonly NewEvent[]): Promise<number>;
  remove(id: number): Promise<void>;
  /** The value of a setting; null if it has its default. */
  setting(name: string): Promise<Setting | null>;
  /** Store a setting; null removes it. */
  set(name: string, value: Setting | null): Promise<void>;
  /** Store a setting durably if it still has the expected value, null for none; resolves to whether it was stored. */
  swap(name: string, expected: Setting | null, value: Setting): Promise<boolean>;
  /** Delete everything, including the settings. */
  clear(): Promise<void>;
}

/** Work that began before a history was cleared must store nothing in it afterwards. */
export interface CountsClears {
  /** How often the history has been cleared. */
  readonly clears: number;
}

/**
 * Whether the item already has this opinion: a like or dislike counts once, even from two tabs. Clicks and purchases may
 * repeat.
 */
export function isRepeated(event: NewEvent, events: readonly Pick<HistoryEvent, "itemId" | "event">[]): boolean {
  if (event.event !== LIKE && event.event !== DISLIKE) return false;
  return events.some((other) => other.itemId === event.itemId && other.event === event.event);
}

/**
 * The events of two devices in the order of their times, without ids, and how many of those that come are new: an event
 * that is equal in item, name and time is there already, and so is an opinion that `isRepeated`.
 */
export function merged(
  known: readonly NewEvent[],
  coming: readonly NewEvent[],
): { readonly events: readonly NewEvent[]; readonly added: number } {
  const isOpinion = ({ event }: NewEvent) => event === LIKE || event === DISLIKE;
  const keyOf = (event: NewEvent) => JSON.stringify([event.itemId, event.event, isOpinion(event) ? 0 : event.at]);
  const keys = new Set(known.map(keyOf));
  const fresh = coming.filter((event) => keys.size < keys.add(keyOf(event)).size);
  const events = [...known, ...fresh].map(({ itemId, event, at, title }) => ({ itemId, event, at, title }));
  return { events: events.sort((one, other) => one.at - other.at), added: fresh.length };
}
