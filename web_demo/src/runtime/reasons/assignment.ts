/**
 * Gives each item of a list a claim and a wording, so that no two sound alike. The same as
 * `edge_runtime/reasons/assignment.py`.
 */

import {
  CITED_OFTEN,
  FACT_AGAIN,
  FREE_CITATIONS,
  GROUP_AGAIN,
  N_NATURAL,
  OPENING_AGAIN,
  WORDING_AGAIN,
} from "../constants";
import type { Claim } from "./claims";
import { type Fact, groupOfFact } from "./facts";
import type { Speaker, Wording } from "./wordings";

const COST = 4;

/** Chooses wordings one item after the other; remembers what was said. */
export class Assigner {
  private readonly skeletons = new Counter<string>();
  private readonly openings = new Counter<string>();
  private readonly facts = new Counter<string>();
  private readonly groups = new Counter<string>();
  private readonly cited = new Counter<number>();

  /**
   * The wordings of the cheapest claim that were said least often, the best one first; none if nothing may be said.
   *
   * @param row the item; it decides with which wording to begin.
   * @param claims what may be said, best first.
   */
  choices(speaker: Speaker, row: number, claims: readonly Claim[]): Wording[] {
    let best: { cost: number; wordings: Wording[] } | null = null;
    for (const claim of claims) {
      const fresh = this.fresh(speaker, row, claim);
      if (best === null || fresh.cost < best.cost) best = fresh;
    }
    if (best === null) return [];
    // Said once too often, popularity tells nothing.
    return claims[0]?.fact.kind === "popular" && best.cost >= WORDING_AGAIN ? [] : best.wordings;
  }

  /** Remember that a wording was chosen. */
  say({ skeleton, opening, facts: [first] }: Wording): void {
    this.skeletons.add(skeleton);
    this.openings.add(opening);
    if (first === undefined) return;
    this.facts.add(keyOf(first));
    this.groups.add(groupOfFact(first));
    if (first.historyRow !== null) this.cited.add(first.historyRow);
  }

  private fresh(speaker: Speaker, row: number, claim: Claim): { cost: number; wordings: Wording[] } {
    const wordings = speaker.wordings(claim);
    const natural = wordings.slice(0, N_NATURAL);
    const least = Math.min(...wordings.map(({ skeleton }) => this.skeletons.of(skeleton)));
    const start = row % natural.length;
    const turned = [...natural.slice(start), ...natural.slice(0, start)];
    const preferred = this.said(least, turned);
    const fresh = preferred.length > 0 ? preferred : this.said(least, wordings.slice(N_NATURAL));
    const begun = Math.min(...fresh.map(({ opening }) => this.openings.of(opening)));
    const { fact } = claim;
    const cited = fact.historyRow === null ? 0 : this.cited.of(fact.historyRow);
    const cost =
      COST * claim.cost +
      WORDING_AGAIN * least +
      OPENING_AGAIN * begun +
      FACT_AGAIN * this.facts.of(keyOf(fact)) +
      GROUP_AGAIN * this.groups.of(groupOfFact(fact)) +
      CITED_OFTEN * Math.max(0, cited - FREE_CITATIONS + 1);
    return { cost, wordings: fresh.filter(({ opening }) => this.openings.of(opening) === begun) };
  }

  private said(times: number, wordings: readonly Wording[]): Wording[] {
    return wordings.filter(({ skeleton }) => this.skeletons.of(skeleton) === times);
  }
}

class Counter<K> {
  private readonly counts = new Map<K, number>();

  of(key: K): number {
    return this.counts.get(key) ?? 0;
  }

  add(key: K): void {
    this.counts.set(key, this.of(key) + 1);
  }
}

function keyOf({ kind, field, value }: Fact): string {
  return JSON.stringify([kind, field, value]);
}
