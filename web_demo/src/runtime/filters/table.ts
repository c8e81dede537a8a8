/** Finds the items that a filter lets through. The same as `edge_runtime/filters/table.py` and `columns.py`. */

import type { FactField } from "../bundleJson";
import { FilterError } from "../errors";
import type { Items } from "../items";
import { type Kind, numberOf, shown, type Test } from "./conditions";
import type { LiveFacts } from "./live";

/** 1 for each item that is let through. */
export type Mask = Uint8Array;

interface Column {
  readonly values: readonly string[];
  readonly numbers: readonly (number | null)[];
  /** Indices into `values`, by row; undefined for an item that the column says nothing about. */
  readonly rows: readonly (readonly number[] | undefined)[];
}

const N_NAMED = 12;

export class FactTable {
  private readonly fields: ReadonlyMap<string, FactField>;
  private readonly columns = new Map<string, Column>();
  private readonly liveColumns = new Map<string, { version: number; column: Column }>();

  constructor(
    private readonly items: Items,
    private readonly live: LiveFacts,
  ) {
    this.fields = new Map(items.factFields());
  }

  /** Whether some item has a fact. */
  has(name: string): boolean {
    return this.fields.has(name) || this.live.names.includes(name);
  }

  /**
   * Which items a filter lets through.
   *
   * @throws FilterError there is no such fact, or none of its values are numbers or booleans where some are needed.
   */
  holds(where: ReadonlyMap<string, Test>): Mask {
    const mask = new Uint8Array(this.items.ids.length).fill(1);
    for (const [name, test] of where) this.restrict(mask, name, test);
    return mask;
  }

  private restrict(mask: Mask, name: string, test: Test): void {
    const bundled = this.column(name);
    const live = this.liveColumn(name);
    if (bundled === undefined && live === undefined) throw new FilterError(this.unknown(name));
    const known = [bundled, live].filter((column) => column !== undefined && column.values.length > 0);
    if (known.length > 0 && !known.some((column) => column !== undefined && has(column, test.kind))) {
      throw new FilterError(wrongKind(name, test.kind, known[0]?.values[0] ?? ""));
    }
    const [ofBundle, ofLive] = [hitsOf(bundled, test), hitsOf(live, test)];
    for (let row = 0; row < mask.length; row++) {
      const replaced = live?.rows[row];
      const hit =
        replaced === undefined
          ? (bundled?.rows[row]?.some((value) => ofBundle[value]) ?? false)
          : replaced.some((value) => ofLive[value]);
      if (hit === test.isNegated) mask[row] = 0;
    }
  }

  private column(name: string): Column | undefined {
    const field = this.fields.get(name);
    if (field === undefined) return undefined;
    const known = this.columns.get(name);
    if (known !== undefined) return known;
    const column = { values: field.values, numbers: field.values.map(numberOf), rows: field.rows };
    this.columns.set(name, column);
    return column;
  }

  /** The live values; undefined if no item has this fact. */
  private liveColumn(name: string): Column | undefined {
    const { version } = this.live;
    const known = this.liveColumns.get(name);
    if (known?.version === version) return known.column;
    const texts = this.live.column(name);
    if (texts === undefined) {
      this.liveColumns.delete(name);
      return undefined;
    }
    const indexOf = new Map<string, number>();
    const rows: (readonly number[] | undefined)[] = new Array(this.items.ids.length);
    for (const [itemId, values] of texts) {
      const row = this.items.rowOf(itemId);
      if (row === undefined) continue;
      for (const value of values) if (!indexOf.has(value)) indexOf.set(value, indexOf.size);
      rows[row] = values.map((value) => indexOf.get(value) ?? 0);
    }
    const values = [...indexOf.keys()];
    const column = { values, numbers: values.map(numberOf), rows };
    this.liveColumns.set(name, { version, column });
    return column;
  }

  private unknown(name: string): string {
    const names = [...new Set([...this.fields.keys(), ...this.live.names])].sort();
    const listed = names.slice(0, N_NAMED).join(", ") + (names.length > N_NAMED ? ", …" : "");
    const have = names.length > 0 ? `The items have ${listed}` : "The items have no facts";
    return `where: no item has the fact ${shown(name)}. ${have}; a page adds live ones, such as stock, with setFacts().`;
  }
}

function has({ values, numbers }: Column, kind: Kind): boolean {
  if (kind === "number") return numbers.some((number) => number !== null);
  return kind === "text" || values.includes("true") || values.includes("false");
}

function hitsOf(column: Column | undefined, test: Test): readonly boolean[] {
  return column?.values.map((value, index) => test.holds(value, column.numbers[index] ?? null)) ?? [];
}

function wrongKind(name: string, kind: Kind, example: string): string {
  const needed = kind === "number" ? "a number" : kind;
  return (
    `where.${name}: the condition needs ${needed}, but no value of this fact is one; they are texts such as ` +
    `${shown(example)}. Compare with a text, or set live values with setFacts().`
  );
}
