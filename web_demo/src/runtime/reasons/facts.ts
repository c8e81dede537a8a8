/** The facts that a reason may cite. The same as `edge_runtime/reasons/facts.py`. */

import type { FactField } from "../bundleJson";
import { FOLLOWS_LEVEL, FOLLOWS_PER_MILLE } from "../constants";
import type { Items } from "../items";
import type { Transitions } from "../transitions";
import { clean } from "./quoting";
import { displayField, groupOf, isInformative, rules } from "./words";

/** One true statement about an item. */
export interface Fact {
  /**
   * `shared`: the item and `historyRow` both have `value`; `follows`: the item often follows `historyRow`; `because`:
   * without `historyRow` the item's score is lower; `popular`: the item is in the top `value` of the catalogue.
   */
  readonly kind: "shared" | "follows" | "because" | "popular";
  /** The field of the value; empty but for `shared`. */
  readonly field: string;
  readonly value: string;
  /** The cited item of the history; null for `popular`. */
  readonly historyRow: number | null;
}

/** A value that two items have in common. */
export interface Shared {
  /** How many of thousand items have it. */
  readonly share: number;
  readonly fact: Fact;
}

/** A field with the number of items that have each value. */
export interface Field extends FactField {
  readonly name: string;
  readonly group: string;
  readonly counts: readonly number[];
  readonly informative: readonly boolean[];
}

/** A value of a field, and how many items have it. */
interface Found {
  readonly count: number;
  readonly field: Field;
  readonly index: number;
}

/** The group of phrases that say a fact. */
export function groupOfFact(fact: Fact): string {
  return fact.kind === "shared" ? groupOf(fact.field) : fact.kind;
}

/** Finds what can be said about items. */
export class FactFinder {
  readonly fields: readonly Field[];
  /** `atLeast[level]`: how many items are at least that popular. */
  private readonly atLeast: readonly number[];

  /** @param transitions which items follow which; null for a bundle without. */
  constructor(
    readonly items: Pick<Items, "titles" | "factFields">,
    private readonly popularity: Uint8Array,
    private readonly transitions: Transitions | null,
  ) {
    this.fields = items.factFields().map(([name, column]) => ({
      name,
      group: groupOf(name),
      ...column,
      counts: countsOf(column),
      informative: column.values.map((value) => displayField(name) !== "" && isInformative(value)),
    }));
    const counts = new Array<number>(257).fill(0);
    for (const level of popularity) counts[level] = (counts[level] ?? 0) + 1;
    for (let level = 255; level >= 0; level--) counts[level] = (counts[level] ?? 0) + (counts[level + 1] ?? 0);
    this.atLeast = counts;
  }

  /** The values that two items have in common, rare ones first; ties by the field's name, then by the value's index. */
  shared(row: number, past: number): Shared[] {
    if (row === past) return [];
    const found: Found[] = [];
    for (const field of this.fields) {
      if (rules.neverShared.has(field.name)) continue;
      const others = field.rows[past] ?? [];
      for (const index of this.values(field, row)) {
        if (!others.includes(index) || !this.isRare(field, index) || !tellsSomething(field, index)) continue;
        found.push({ count: field.counts[index] ?? 0, field, index });
      }
    }
    return found.sort(byRarity).map(({ count, field, index }) => ({
      share: Math.floor((1000 * count) / this.popularity.length),
      fact: { kind: "shared", field: field.name, value: field.values[index] ?? "", historyRow: past },
    }));
  }

  /** The fact that an item often follows another, if it does. */
  follows(row: number, past: number): Fact | null {
    const isKnown = (one: number) => (this.popularity[one] ?? 0) >= FOLLOWS_LEVEL;
    if (this.transitions === null || row === past || !isKnown(row) || !isKnown(past)) return null;
    const perMille = Math.floor(1000 * this.transitions.share(past, row) + 0.5);
    return perMille >= FOLLOWS_PER_MILLE ? { kind: "follows", field: "", value: "", historyRow: past } : null;
  }

  /** The strongest true claim about popularity, if any. */
  popular(row: number): Fact | null {
    const level = this.popularity[row] ?? 0;
    const holds = (percent: number) => (this.atLeast[level] ?? 0) * 100 <= percent * this.popularity.length;
    const percent = level > 0 ? rules.popularPercent.find(holds) : undefined;
    return percent === undefined ? null : { kind: "popular", field: "", value: `${percent}%`, historyRow: null };
  }

  /** The distinct indices of the informative values of a field. */
  values(field: Field, row: number): number[] {
    return [...new Set(field.rows[row])].filter((index) => field.informative[index]);
  }

  /** The rarest value of an item in the fields of a group. */
  rarest(group: string, row: number): Found | undefined {
    const found = this.fields
      .filter((field) => field.group === group)
      .flatMap((field) => this.values(field, row).map((index) => ({ count: field.counts[index] ?? 0, field, index })));
    return found.sort(byRarity)[0];
  }

  /** Whether at most half of the items have the value: a root category, for example, says nothing about an item. */
  private isRare(field: Field, index: number): boolean {
    const count = field.counts[index] ?? 0;
    return count <= 2 || 2 * count <= this.popularity.length;
  }
}

function byRarity(a: Found, b: Found): number {
  if (a.count !== b.count) return a.count - b.count;
  if (a.field.name !== b.field.name) return a.field.name < b.field.name ? -1 : 1;
  return a.index - b.index;
}

function countsOf({ values, rows }: FactField): number[] {
  const counts = new Array<number>(values.length).fill(0);
  for (const row of rows) for (const index of new Set(row)) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/**
 * Whether an equal value is more than a coincidence: in a field of unknown meaning a number may be one, and a kind such as
 * `Women's` says nothing by itself.
 */
function tellsSomething({ name, group, values }: Field, index: number): boolean {
  const value = values[index] ?? "";
  if (!rules.groups.has(name)) return /\p{L}/u.test(value);
  return group !== "kind" || !rules.notAKind.has(clean(value).toLowerCase());
}
