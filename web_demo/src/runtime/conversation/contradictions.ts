/**
 * Finds what a sentence asks for and refuses at once, such as "a horror film without horror". The same as
 * `edge_runtime/conversation/contradictions.py`.
 */

import { keyOfWish, type Limit, type Query, type Wish } from "./query";
import type { Said } from "./reading";

/**
 * The two queries that a sentence may mean which contradicts itself; nothing if it does not. What is refused first and named
 * again is no contradiction: "not the teal ones, I had teal before".
 */
export function contradictions(query: Query, said: readonly Said[]): Query[] {
  const wish = refusedWish(said);
  if (wish !== null) {
    const others = (wishes: readonly Wish[]) => wishes.filter((one) => keyOfWish(one) !== keyOfWish(wish));
    const must = others(query.must);
    return [
      { ...query, must: [...must, wish], mustNot: others(query.mustNot) },
      { ...query, must },
    ];
  }
  const pair = impossibleLimits(query.limits);
  return pair.reverse().map((one) => ({ ...query, limits: query.limits.filter((limit) => limit !== one) }));
}

/** The two queries that a sentence may mean of which some wishes are wanted or refused: "no coffee, I mean tea". */
export function refusedOrWanted(query: Query, unclear: readonly Wish[]): Query[] {
  const isUnclear = (field: string | null, value: string) =>
    unclear.some((wish) => wish.field === field && wish.values.includes(value));
  const [taken = [], must = []] = [true, false].map((isTaken) =>
    query.must
      .map(({ field, values }) => ({ field, values: values.filter((value) => isUnclear(field, value) === isTaken) }))
      .filter(({ values }) => values.length > 0),
  );
  return taken.length > 0 ? [{ ...query, must, mustNot: [...query.mustNot, ...taken] }, query] : [];
}

/** The wish that is refused after it was said. */
function refusedWish(said: readonly Said[]): Wish | null {
  const wanted = new Set<string>();
  for (const { wish, polarity, at } of said) {
    if (polarity === "want" && at >= 0) wanted.add(keyOfWish(wish));
    else if (polarity === "not" && wanted.has(keyOfWish(wish))) return wish;
  }
  return null;
}

/** Two limits of a number that nothing fulfils both of; empty if there are none. */
function impossibleLimits(limits: readonly Limit[]): Limit[] {
  for (const [index, one] of limits.entries()) {
    for (const other of limits.slice(index + 1)) {
      const isEmpty = Math.max(lowOf(one), lowOf(other)) > Math.min(highOf(one), highOf(other));
      if (one.field === other.field && isEmpty) return [one, other];
    }
  }
  return [];
}

function lowOf({ atLeast, above }: Limit): number {
  return atLeast ?? above ?? Number.NEGATIVE_INFINITY;
}

function highOf({ atMost, below }: Limit): number {
  return atMost ?? below ?? Number.POSITIVE_INFINITY;
}
