/**
 * What a conversation holds: the parts of all sentences so far, each of which is a chip that can be removed. The same as
 * `edge_runtime/conversation/parts.py`.
 */

import { keyOfWish, type Limit, type Query, queryOf, type Wish } from "./query";

export type Kind = "must" | "must_not" | "prefer" | "limit" | "similar" | "unlike" | "variety";

/** One thing that was said. */
export interface Part {
  readonly kind: Kind;
  /** Of `must`, `must_not` and `prefer`. */
  readonly wish: Wish | null;
  /** Of `limit`. */
  readonly limit: Limit | null;
  /** Of `similar` and `unlike`. */
  readonly itemId: string | null;
  /** Of `variety`. */
  readonly variety: number | null;
  /** Number of the chip; 0 before it has one. */
  readonly id: number;
  /** The words of `wish` as they were said, of all alternatives; empty if it was not named. */
  readonly said: readonly string[];
}

export type Parts = readonly Part[];

/** A part of one kind. */
export function partOf(kind: Kind, contents: Partial<Part>): Part {
  return { kind, wish: null, limit: null, itemId: null, variety: null, id: 0, said: [], ...contents };
}

/** A text that two parts have in common if they are equal but for their numbers. */
export function contentOf({ kind, wish, limit, itemId, variety }: Part): string {
  const ofWish = wish && [wish.field, wish.values];
  const ofLimit = limit && [limit.field, limit.atLeast, limit.above, limit.atMost, limit.below, limit.thanShown];
  return JSON.stringify([kind, ofWish, ofLimit, itemId, variety]);
}

/** Whether two lists have the same parts with the same numbers. */
export function areSame(one: Parts, other: Parts): boolean {
  return one.length === other.length && one.every((part, index) => isSame(part, other[index]));
}

/** Whether two parts are equal, their numbers included. */
export function isSame(one: Part, other: Part | undefined): boolean {
  return other !== undefined && one.id === other.id && contentOf(one) === contentOf(other);
}

/**
 * The parts of a query, without numbers.
 *
 * @param words that said its wishes, by the keys of these.
 */
export function partsOf(query: Query, words: ReadonlyMap<string, readonly string[]>): Part[] {
  const ofWish = (kind: Kind) => (wish: Wish) => partOf(kind, { wish, said: words.get(keyOfWish(wish)) ?? [] });
  return [
    ...query.must.map(ofWish("must")),
    ...query.mustNot.map(ofWish("must_not")),
    ...query.prefer.map(ofWish("prefer")),
    ...query.limits.map((limit) => partOf("limit", { limit })),
    ...query.similarTo.map((itemId) => partOf("similar", { itemId })),
    ...query.unlike.map((itemId) => partOf("unlike", { itemId })),
    ...(query.variety === null ? [] : [partOf("variety", { variety: query.variety })]),
  ];
}

/** The query that all parts make together. */
export function queryOfParts(parts: Parts): Query {
  const wishes = (kind: Kind) => parts.flatMap((part) => (part.kind === kind && part.wish !== null ? [part.wish] : []));
  const items = (kind: Kind) =>
    parts.flatMap(({ kind: of, itemId }) => (of === kind && itemId !== null ? [itemId] : []));
  return queryOf({
    must: wishes("must"),
    mustNot: wishes("must_not"),
    prefer: wishes("prefer"),
    limits: parts.flatMap(({ limit }) => limit ?? []),
    similarTo: items("similar"),
    unlike: items("unlike"),
    variety: parts.reduce<number | null>((most, { variety }) => {
      return variety === null ? most : Math.max(most ?? 0, variety);
    }, null),
  });
}
