/** Items, histories and releases as the page shows them. */

import type { Bundle } from "../runtime/bundle";
import { DISLIKE } from "../runtime/constants";
import { newestDislikes } from "../runtime/dislikes";
import type { HistoryEvent } from "../runtime/events";
import type { Items } from "../runtime/items";
import type { HistoryEntry, Release, UserHistory } from "./protocol";

/** Fields whose last value is an item's category; the first field that an item has is used. */
const KIND_FIELDS = ["categories", "category", "genres", "genre", "topics", "topic", "section"];

/** Control characters, and separators of lines and paragraphs. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** Characters that are invisible, or change the direction of what follows them, such as U+202E. */
const UNSEEN = /[\u061c\u115f\u1160\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]/gu;

/** A title as it is shown: it can neither hide a part of itself nor reorder the texts around it. */
export function visible(title: string): string {
  return title.replace(BREAKS, " ").replace(UNSEEN, "").trim();
}

/** Title and most specific category of a row. */
export function itemSummary(items: Items, row: number): { row: number; itemId: string; title: string; kind: string } {
  const facts = items.facts(row);
  const field = KIND_FIELDS.find((name) => facts.has(name));
  const kind = field === undefined ? "" : (facts.get(field)?.at(-1) ?? "");
  const itemId = items.ids[row] ?? "";
  return { row, itemId, title: visible(items.titles[row] ?? "") || itemId, kind };
}

/** The rows that a list is computed from; items that the catalogue does not contain are omitted. */
export function rankingInputs(events: readonly HistoryEvent[], items: Items) {
  const idsOf = (some: readonly HistoryEvent[]) => some.map(({ itemId }) => itemId);
  return {
    /** Oldest first. */
    sequence: items.rowsOf(idsOf(events.filter(({ event }) => event !== DISLIKE))),
    hidden: new Set(items.rowsOf(idsOf(events.filter(({ event }) => event === DISLIKE)))),
    /** Newest first. */
    disliked: items.rowsOf(newestDislikes(events)),
  };
}

/** Newest first; an item that the catalogue does not contain has the title that was stored with its event. */
export function userHistoryOf(events: readonly HistoryEvent[], items: Items | null): UserHistory {
  const entries = [...events].reverse().map(({ id, itemId, event, title }): HistoryEntry => {
    const row = items?.rowOf(itemId);
    if (row !== undefined && items !== null) return { ...itemSummary(items, row), id, event, gone: false };
    return { id, itemId, event, row: null, gone: items !== null, title: visible(title ?? itemId), kind: "" };
  });
  return {
    entries: entries.filter(({ event }) => event !== DISLIKE),
    hidden: entries.filter(({ event }) => event === DISLIKE),
  };
}

export function releaseOf({ manifest }: Bundle): Release {
  const { name, release, created, target, files, licences, catalogue, kind } = manifest;
  const parts = files.map((file) => ({ name: file.name, role: file.role, bytes: file.bytes }));
  return { name, release, created, target, parts, licences, kind, nItems: catalogue.nItems, dim: catalogue.dim };
}
