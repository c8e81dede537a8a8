/**
 * What may be said about the items of a list: facts that cite an event on which the item's score rests. The same as
 * `edge_runtime/reasons/claims.py`.
 */

import { BECAUSE_COST, ENOUGH_PERCENT, FOLLOWS_COST } from "../constants";
import type { Evidence } from "./evidence";
import type { Fact, FactFinder } from "./facts";
import { rules } from "./words";

/** Shares of the catalogue, in thousandths, above each of which a shared value costs one more. */
const COMMON = [20, 100, 250];
/** What an event costs whose drop is zero; less for a larger drop. */
const DROP_COST = 4;

/** A fact that may be said about an item. */
export interface Claim {
  readonly fact: Fact;
  /** How little it tells; 0 is best. */
  readonly cost: number;
  /** Further facts that may be said beside it, best first. */
  readonly seconds: readonly Fact[];
}

/** What may be said about each item of a list, best first; `nameable`: rows that have a name. */
export function claimsOfList(
  finder: FactFinder,
  rows: readonly number[],
  { pasts, drops }: Evidence,
  nameable: ReadonlySet<number>,
): Claim[][] {
  return rows.map((row, index) => claimsAbout(finder, row, pasts, drops[index] ?? [], nameable));
}

/** Claims that cite an event, ties by the larger drop, then by the newer event; if there is none, the popularity. */
function claimsAbout(
  finder: FactFinder,
  row: number,
  pasts: readonly number[],
  drops: readonly number[],
  nameable: ReadonlySet<number>,
): Claim[] {
  const others = pasts.map((past, index) => ({ past, drop: drops[index] ?? 0 })).filter(({ past }) => past !== row);
  const largest = Math.max(0, ...others.map(({ drop }) => drop));
  const enough = others.filter(
    ({ past, drop }) => largest > 0 && nameable.has(past) && 100 * drop >= ENOUGH_PERCENT * largest,
  );
  // Sorting is stable: equal drops stay in the order of the events, and equal costs in the order of the drops.
  const ranked = enough
    .sort((a, b) => b.drop - a.drop)
    .flatMap(({ past, drop }) => {
      const extra = Math.floor((DROP_COST * (largest - drop)) / largest);
      return claimsWith(finder, row, past).map((claim) => ({ cost: claim.cost + extra, claim }));
    })
    .sort((a, b) => a.cost - b.cost);
  if (ranked.length > 0) return ranked.map(({ claim }) => claim);
  const popular = finder.popular(row);
  return popular === null ? [] : [{ fact: popular, cost: 0, seconds: [] }];
}

/** The claims about an item that cite an event. */
function claimsWith(finder: FactFinder, row: number, past: number): Claim[] {
  const shared = finder.shared(row, past);
  const isWeak = (fact: Fact) => rules.weak.has(fact.field);
  const firsts = shared.filter(({ fact }) => !isWeak(fact)).map(({ share, fact }) => ({ fact, cost: costOf(share) }));
  const follows = finder.follows(row, past);
  if (follows !== null) firsts.push({ fact: follows, cost: FOLLOWS_COST });
  const others = [...firsts, ...shared.filter(({ fact }) => isWeak(fact))].map(({ fact }) => fact);
  const because: Fact = { kind: "because", field: "", value: "", historyRow: past };
  return [...firsts, { fact: because, cost: BECAUSE_COST }].map(({ fact, cost }) => ({
    fact,
    cost,
    seconds: others.filter((other) => other !== fact && (fact.field === "" || other.field !== fact.field)),
  }));
}

function costOf(share: number): number {
  return COMMON.filter((bound) => share > bound).length;
}
