/** What the page stores, for the section "What this page knows". */

import { within } from "../runtime/deadline";
import type { HistoryEvent } from "../runtime/events";
import type { Knows } from "./protocol";

const TIMEOUT_MS = 3000;

export function knowsOf(
  events: readonly HistoryEvent[],
  settings: Readonly<Record<string, number>>,
  kept: Pick<Knows, "storedBytes" | "trouble" | "offline">,
): Knows {
  const all = [...events, ...Object.entries(settings)];
  return {
    ...kept,
    events: events.length,
    settings: Object.keys(settings).length,
    hidden: events.filter(({ event }) => event === "dislike").length,
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
