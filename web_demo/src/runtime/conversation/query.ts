/** The typed query that a sentence becomes. The same as `edge_runtime/conversation/query.py`. */

/**
 * What is asked for: `filter` changes the list, `more` shows others than those on the screen, `nothing` is no request for a
 * list.
 */
export type Intent = "filter" | "reset" | "undo" | "why" | "surprise" | "list" | "more" | "nothing";

export const MAX_VALUES = 32;
export const MAX_PARTS = 32;

/** Values of a fact, of which an item needs one. */
export interface Wish {
  /** Null for words, all of which have to be in the title or in one fact. */
  readonly field: string | null;
  /** The alternatives, as the catalogue writes them, or words. */
  readonly values: readonly string[];
}

/** Limits of a number, such as a price. */
export interface Limit {
  readonly field: string;
  readonly atLeast: number | null;
  readonly above: number | null;
  readonly atMost: number | null;
  readonly below: number | null;
  /** Less or more than what is shown, to be replaced with a number before it is applied. */
  readonly thanShown: "less" | "more" | null;
}

/** What one sentence asks for. */
export interface Query {
  readonly intent: Intent;
  /** All of these wishes must hold. */
  readonly must: readonly Wish[];
  /** None of these may hold. */
  readonly mustNot: readonly Wish[];
  /** Items that fulfil these come first. */
  readonly prefer: readonly Wish[];
  readonly limits: readonly Limit[];
  /** Ids of the items that the list should resemble. */
  readonly similarTo: readonly string[];
  /** Ids of the items that it should not resemble. */
  readonly unlike: readonly string[];
  /** Share of the list to replace with more diverse items, from 0 to 1; null leaves it as it is. */
  readonly variety: number | null;
  /**
   * Id of the item that a `why` asks about, that "cheaper" compares with, or that lacks the value that is referred to; null
   * for the best of the list, or all of it.
   */
  readonly about: string | null;
  /** Whether new values of a fact replace those said before ("tea instead"). */
  readonly replaces: boolean;
}

const NOTHING: Query = {
  intent: "filter",
  must: [],
  mustNot: [],
  prefer: [],
  limits: [],
  similarTo: [],
  unlike: [],
  variety: null,
  about: null,
  replaces: false,
};

/** A query with some contents. */
export function queryOf(contents: Partial<Query> = {}): Query {
  return { ...NOTHING, ...contents };
}

/** A limit with some contents. */
export function limitOf(field: string, contents: Partial<Limit> = {}): Limit {
  return { field, atLeast: null, above: null, atMost: null, below: null, thanShown: null, ...contents };
}

/** Whether a query says anything about which items are wanted. */
export function changesList(query: Query): boolean {
  const { must, mustNot, prefer, limits, similarTo, unlike, variety } = query;
  return variety !== null || [must, mustNot, prefer, limits, similarTo, unlike].some((parts) => parts.length > 0);
}

/** A text that two wishes have in common if they are equal. */
export function keyOfWish({ field, values }: Wish): string {
  return JSON.stringify([field, values]);
}

/** The first of each kind, by a key. */
export function distinctBy<T>(list: readonly T[], keyOf: (one: T) => string): T[] {
  const first = new Map<string, T>();
  for (const one of list) if (!first.has(keyOf(one))) first.set(keyOf(one), one);
  return [...first.values()];
}
