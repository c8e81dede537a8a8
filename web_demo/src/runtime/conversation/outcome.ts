/**
 * What a conversation gives back: an answer with chips, a question and the list. The same as
 * `edge_runtime/conversation/outcome.py`.
 */

import type { Kind } from "./parts";
import type { Query } from "./query";

/** One thing that was said, to be shown with a button that removes it. */
export interface Chip {
  readonly id: string;
  /** In a few words, those that were said where they mean many values. */
  readonly text: string;
  /** All that it stands for, to be shown on demand; empty if `text` says it. */
  readonly details: string;
  /** What it does. */
  readonly kind: Kind;
}

/** What only the person can decide: a contradiction, an unclear reference, or whether a doubtful word is meant. */
export interface Question {
  readonly text: string;
  /** The answers; say one of them, or "the first". Another sentence instead drops the question. */
  readonly options: readonly string[];
}

/** The answer to a sentence. */
export interface Answer<Item> {
  /** In words: what is new, and not all that counts. */
  readonly text: string;
  /** What the sentence asked for. */
  readonly understood: Query;
  /** The words that were not understood, as written; they changed nothing. */
  readonly notUnderstood: readonly string[];
  /** All that counts now. */
  readonly chips: readonly Chip[];
  /** The list. */
  readonly items: readonly Item[];
  /** What is to be decided before the sentence counts. */
  readonly question: Question | null;
  /** Whether the text asks for something, unlike words to search for. */
  readonly isSentence: boolean;
}

/** Makes the list of a query: the best items by it without some item ids. */
export type Lister<Item> = (query: Query, hidden: readonly string[]) => Promise<readonly Item[]>;
