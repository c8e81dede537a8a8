/** The facts that a reason may cite. The same as `edge_runtime/reasons/facts.py`. */

import type { FactField } from "../bundleJson";
import { MAX_OWN_FACTS, MAX_OWN_FACTS_OF_A_FIELD, MAX_SHARED_FACTS } from "../constants";
import type { Items } from "../items";
import { hasLetter, isTelling, phrases, saidField, saidTitle } from "./words";

/** One true statement about an item. */
export interface Fact {
  /** `shared`: the item and `historyRow` both have `value`; `own`: the item has it; `popular`: it is in the top `value`. */
  readonly kind: "shared" | "own" | "popular";
  /** The field of the value; empty for `popular`. */
  readonly field: string;
  readonly value: string;
  /** The cited item of the history, only for `shared`. */
  readonly historyRow: number | null;
}

interface Field extends FactField {
  readonly name: string;
  /** How many items have each value. */
  readonly counts: readonly number[];
  readonly telling: readonly boolean[];
}

interface Shared {
  readonly weak: boolean;
  readonly count: number;
  readonly age: number;
  readonly field: Field;
  readonly index: number;
  readonly past: number;
}

interface Own {
  readonly count: number;
  readonly field: Field;
  readonly index: number;
}

/** Finds informative facts about an item, given a history. */
export class FactFinder {
  private readonly fields: readonly Field[];
  /** `atLeast[level]`: how many items are at least that popular. */
  private readonly atLeast: readonly number[];

  constructor(
    private readonly items: Items,
    private readonly popularity: Uint8Array,
  ) {
    this.fields = items.factFields().map(([name, column]) => ({
      name,
      ...column,
      counts: countsOf(column),
      telling: column.values.map((value) => saidField(name) !== "" && isTelling(value)),
    }));
    const counts = new Array<number>(257).fill(0);
    for (const level of popularity) counts[level] = (counts[level] ?? 0) + 1;
    for (let level = 255; level >= 0; level--) counts[level] = (counts[level] ?? 0) + (counts[level + 1] ?? 0);
    this.atLeast = counts;
  }

  /**
   * The facts of an item for a history, by kind and the best of each kind first: shared, own, popular.
   *
   * If nothing is shared, popularity comes first, because the item's own values describe it but are no reason for it.
   *
   * Rare values come before common ones; ties are resolved by the newest item of the history, then by the field's name
   * and the value's index.
   *
   * @param history rows, oldest first; the item itself is not cited.
   */
  facts(row: number, history: readonly number[]): readonly Fact[] {
    const shared = this.shared(row, history).slice(0, MAX_SHARED_FACTS);
    const said = new Set(shared.map(({ field, index }) => `${field.name} ${index}`));
    const own = this.own(row, said, true);
    const popular = this.popular(row);
    const found = [
      ...shared.map(({ field, index, past }) => factOf("shared", field, index, past)),
      ...(shared.length > 0 ? [...own, ...popular] : [...popular, ...own]),
    ];
    return found.length > 0 ? found : this.own(row, said, false);
  }

  /** Values that the item shares with the history, each with the newest item that has it. */
  private shared(row: number, history: readonly number[]): Shared[] {
    const newestFirst = [...new Set([...history].reverse())].filter(
      (past) => past !== row && saidTitle(this.items.titles[past] ?? "") !== "",
    );
    const found: Shared[] = [];
    for (const field of this.fields) {
      for (const index of phrases.neverShared.has(field.name) ? [] : this.values(field, row)) {
        const age = newestFirst.findIndex((past) => field.rows[past]?.includes(index));
        const past = newestFirst[age];
        if (past === undefined || !this.isRare(field, index) || isBareNumber(field, index)) continue;
        const weak = phrases.weaklyShared.has(field.name);
        found.push({ weak, count: field.counts[index] ?? 0, age, field, index, past });
      }
    }
    return found.sort((a, b) => Number(a.weak) - Number(b.weak) || a.count - b.count || a.age - b.age || byPlace(a, b));
  }

  /** Values of the item itself that are not cited yet: rarest first, amounts last. */
  private own(row: number, said: ReadonlySet<string>, rare: boolean): Fact[] {
    const found: Own[] = [];
    for (const field of this.fields) {
      const values = this.values(field, row);
      for (const index of phrases.firstOnly.has(field.name) ? values.slice(0, 1) : values) {
        if (said.has(`${field.name} ${index}`) || this.isRare(field, index) !== rare) continue;
        found.push({ count: field.counts[index] ?? 0, field, index });
      }
    }
    const isLast = ({ field }: Own) => Number(phrases.neverShared.has(field.name));
    found.sort((a, b) => isLast(a) - isLast(b) || a.count - b.count || byPlace(a, b));
    const chosen: Own[] = [];
    for (const own of found) {
      if (chosen.filter(({ field }) => field === own.field).length < MAX_OWN_FACTS_OF_A_FIELD) chosen.push(own);
    }
    return chosen.slice(0, MAX_OWN_FACTS).map(({ field, index }) => factOf("own", field, index, null));
  }

  /** The smallest popularity percentage that the item belongs to, if any. */
  private popular(row: number): Fact[] {
    const level = this.popularity[row] ?? 0;
    const holds = (percent: number) => (this.atLeast[level] ?? 0) * 100 <= percent * this.popularity.length;
    const percent = level > 0 ? phrases.popularPercent.find(holds) : undefined;
    return percent === undefined ? [] : [{ kind: "popular", field: "", value: `${percent}%`, historyRow: null }];
  }

  /** The distinct indices of the informative values of a field. */
  private values(field: Field, row: number): number[] {
    return [...new Set(field.rows[row])].filter((index) => field.telling[index]);
  }

  /** Whether at most half of the items have the value: a root category, for example, says nothing about an item. */
  private isRare(field: Field, index: number): boolean {
    const count = field.counts[index] ?? 0;
    return count <= 2 || 2 * count <= this.popularity.length;
  }
}

function factOf(kind: "shared" | "own", field: Field, index: number, historyRow: number | null): Fact {
  return { kind, field: field.name, value: field.values[index] ?? "", historyRow };
}

function byPlace(a: Own, b: Own): number {
  if (a.field.name !== b.field.name) return a.field.name < b.field.name ? -1 : 1;
  return a.index - b.index;
}

function countsOf({ values, rows }: FactField): number[] {
  const counts = new Array<number>(values.length).fill(0);
  for (const row of rows) for (const index of new Set(row)) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/** Whether a value is a bare number of an unknown field, where equality may be a coincidence. */
function isBareNumber(field: Field, index: number): boolean {
  return !phrases.predicates.has(field.name) && !hasLetter(field.values[index] ?? "");
}
