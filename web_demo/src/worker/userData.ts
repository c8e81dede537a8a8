/** What the page stores, for the section "Your data on this device". */

import { DISLIKE } from "../runtime/constants";
import { within } from "../runtime/deadline";
import type { HistoryEvent } from "../runtime/events";
import type { UserData } from "./protocol";

const TIMEOUT_MS = 3000;

export function userDataOf(
  events: readonly HistoryEvent[],
  settings: Readonly<Record<string, unknown>>,
  kept: Pick<UserData, "storedBytes" | "storageError" | "offline">,
): UserData {
  const all = [...events, ...Object.entries(settings)];
  return {
    ...kept,
    events: events.length,
    settings: Object.keys(settings).length,
    hidden: events.filter(({ event }) => event === DISLIKE).length,
    eventBytes: all.length === 0 ? 0 : JSON.stringify(all).length,
  };
}

/** Bytes that the browser stores for this site; null if it does not report them in time. */
export async function storedSize(): Promise<number | null> {
  try {
    const { usage } = await within(navigator.storage.estimate(), TIMEOUT_MS, "the browser does not report its storage");
    return usage ?? null;
  } catch {
    return null;
  }
}
