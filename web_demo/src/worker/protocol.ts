/** Everything that is said between the page and its worker: one typed question for each thing asked, one tell a change. */

import type { EventName } from "../runtime/events";
import type { Rung } from "../runtime/ladder";
import type { Piece } from "../runtime/reasons/marked";
import type { Phases } from "../runtime/recommender";
import type { Traffic } from "../runtime/traffic";

export interface Card {
  readonly row: number;
  readonly itemId: string;
  readonly title: string;
  /** Its narrowest category, for the drawn placeholder; empty where none is known. */
  readonly kind: string;
  readonly reason: readonly Piece[];
  readonly by: "language model" | "template";
}

export interface Shelf {
  readonly cards: readonly Card[];
  readonly by: "model" | "popularity";
  /** Grows with every list. */
  readonly version: number;
}

export interface HistoryEntry {
  readonly id: number;
  readonly itemId: string;
  /** Null: no catalogue is open, or it lacks the item. */
  readonly row: number | null;
  /** Whether a catalogue is open and lacks the item. */
  readonly gone: boolean;
  readonly title: string;
  readonly kind: string;
  readonly event: EventName;
}

export interface Marks {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly hidden: readonly HistoryEntry[];
}

export interface Part {
  readonly name: string;
  readonly role: string;
  readonly bytes: number;
}

export interface Release {
  readonly name: string;
  readonly release: number;
  readonly created: string;
  readonly target: string;
  readonly nItems: number;
  readonly dim: number;
  readonly parts: readonly Part[];
  readonly licences: readonly string[];
}

/**
 * Why nothing could be opened: the server does not answer, has no shop, answers with an error, or sent something that breaks
 * the rules; the address is one where browsers withhold what the page needs; or the page's own worker has died.
 */
export type Cause = "unreachable" | "no shop" | "failing" | "refused" | "insecure" | "crashed";

export type Opening =
  | { readonly state: "opening"; readonly bytes: number | null }
  | { readonly state: "ready"; readonly release: Release; readonly from: "the server" | "this device" }
  | { readonly state: "failed"; readonly cause: Cause; readonly why: string };

export type Update =
  | { readonly state: "unchecked" | "checking" | "current" }
  | { readonly state: "unreachable"; readonly why: string }
  | { readonly state: "fetching" | "ready"; readonly release: number; readonly bytes: number }
  | { readonly state: "refused"; readonly why: string };

export type Language =
  | { readonly state: "none" | "starting" }
  | { readonly state: "fetching"; readonly received: number; readonly total: number }
  | { readonly state: "ready"; readonly written: number; readonly meanMs: number }
  | { readonly state: "unavailable"; readonly why: string };

export interface Knows {
  readonly events: number;
  /** What the person has set otherwise than it comes. */
  readonly settings: number;
  readonly hidden: number;
  /** Of the events and the settings. */
  readonly eventBytes: number;
  /** Everything that this site keeps in the browser, the app and the release included; null where it does not say. */
  readonly storedBytes: number | null;
  /** Why what is marked ends with this tab; null while it is kept. */
  readonly trouble: string | null;
  /** Whether the whole release is kept for a visit without network. */
  readonly offline: boolean;
}

/** One list: when it was made, by what, and where the milliseconds went. */
export interface Timing {
  readonly engine: string;
  readonly phases: Phases;
}

/** Why one item was suggested. */
export interface Why {
  readonly title: string;
  readonly reason: readonly Piece[];
  /** Everything that could truthfully be said, the best first. */
  readonly facts: readonly (readonly Piece[])[];
  readonly by: Card["by"];
  /** Its place in the list, from 1. */
  readonly place: number;
}

export interface Hit {
  readonly row: number;
  readonly itemId: string;
  readonly title: string;
  readonly kind: string;
  readonly marked: boolean;
}

/** Questions and their answers. */
export interface Asks {
  readonly open: { readonly question: { readonly base: string; readonly target: string }; readonly answer: null };
  readonly mark: { readonly question: { readonly itemId: string; readonly event: EventName }; readonly answer: null };
  readonly unmark: { readonly question: { readonly ids: readonly number[] }; readonly answer: null };
  readonly vary: { readonly question: { readonly variety: number }; readonly answer: null };
  readonly search: { readonly question: { readonly text: string }; readonly answer: readonly Hit[] };
  readonly picture: { readonly question: { readonly row: number }; readonly answer: string | null };
  readonly why: { readonly question: { readonly row: number }; readonly answer: Why | null };
  readonly forget: { readonly question: null; readonly answer: null };
  readonly checkUpdate: { readonly question: null; readonly answer: null };
  readonly useUpdate: { readonly question: null; readonly answer: null };
}

export type AskName = keyof Asks;

/** A question on its way to the worker. */
export type Question = {
  [K in AskName]: { readonly id: number; readonly ask: K; readonly question: Asks[K]["question"] };
}[AskName];

/** What the worker tells unasked; the page keeps the newest of each. */
export interface Tells {
  readonly opening: Opening;
  readonly shelf: Shelf;
  readonly marks: Marks;
  /** From 0, the most precise list, to 1, the most varied one. */
  readonly variety: number;
  readonly ladder: readonly Rung[];
  readonly update: Update;
  readonly language: Language;
  readonly knows: Knows;
  readonly timings: readonly Timing[];
  readonly traffic: Traffic;
  /** A file that was refused, or anything else that a person should hear of; null when all is well. */
  readonly problem: string | null;
}

export type TellName = keyof Tells;

/** A message from the worker. */
export type Message =
  | { readonly answerTo: number; readonly answer: unknown }
  | { readonly answerTo: number; readonly error: string }
  | { [K in TellName]: { readonly tell: K; readonly value: Tells[K] } }[TellName];

export type Tell = <K extends TellName>(name: K, value: Tells[K]) => void;
