/** What a parser is asked, and what it answers. The same as `edge_runtime/conversation/parsed.py`. */

import type { ItemFacts } from "../items";
import type { Query } from "./query";

export type Polarity = "want" | "not" | "prefer";

/**
 * Why a reference has no target: there is no such item, or the item has no such value; `which` if several items may be meant.
 */
export type Problem = "no_item" | "no_value" | "which";

/** What a sentence may refer to. */
export interface Context {
  /** Item ids of the list on the screen, best first. */
  readonly shown: readonly string[];
  /** Id of the item that was talked about last. */
  readonly about: string | null;
  /** The facts of an item by its id. */
  readonly facts: (itemId: string) => ItemFacts;
}

/** What a parser made of a sentence. */
export interface Parsed {
  readonly query: Query;
  /** The words that were not understood, as written. */
  readonly notUnderstood: readonly string[];
  readonly problem: Problem | null;
  /** The fact that the problem is about, or the position at which there is no item, or an empty text. */
  readonly ofProblem: string;
  /** Whether the value that a reference means is not wanted. */
  readonly excludes: boolean;
  /** Whether it has a word of the language that asks for something, unlike words to search for. */
  readonly isSentence: boolean;
  /** What it may ask for where the evidence is weak; to be asked about, while `query` does nothing. */
  readonly readings: readonly Query[];
  /** The words that said the wishes, by the keys of these. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  /** Names of facts that it asks for and the catalogue does not have. */
  readonly lacks: readonly string[];
}

/** Turns a sentence into a query. */
export interface Parser {
  parse(text: string, context: Context): Parsed;
}
