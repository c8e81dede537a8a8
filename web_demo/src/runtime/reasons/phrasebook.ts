/** The phrases of each language: data in `edge_runtime/reasons/phrases/`, of which only the one in use is loaded. */

import { byLanguage } from "../languages";
import type { Tone } from "./words";

export type Wordings = Readonly<Record<Tone, readonly string[]>>;

/** How it is said that an item is of the kind by which the cited one is called. */
export interface Again {
  readonly wordings: Wordings;
  readonly one: Forms;
  readonly made: Forms;
}

/** By tone and the name of an event, or `any`. */
export type Forms = Readonly<Record<Tone, Readonly<Record<string, string>>>>;

/** The content of a file; `edge_runtime/reasons/phrasebook.py` describes it. */
export interface Phrases {
  readonly language: string;
  /** Opening and closing quotation mark. */
  readonly quotes: readonly string[];
  readonly lower_kinds: boolean;
  readonly past: Forms;
  readonly shared: Readonly<Record<string, Wordings>>;
  readonly again: Again | null;
  /** By tone and kind of catalogue, in the forms of the slots `do`, `did` and `done`. */
  readonly verbs: Readonly<Record<Tone, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly follows: Wordings;
  readonly because: Wordings;
  readonly popular: Wordings;
  readonly nothing: Wordings;
  readonly also: Readonly<Record<string, string>>;
  readonly detailed: Wordings;
}

/** The phrases of each language of reasons. */
export const phrasebooks = byLanguage(
  import.meta.glob<Phrases>("../../../../edge_runtime/reasons/phrases/*.json", { import: "default" }),
  (phrases) => phrases,
);
