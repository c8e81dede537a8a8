/** Facts that a page sets while it runs, such as price and stock. The same as `edge_runtime/filters/live.py`. */

import { isObject, shown, textOf, type Value } from "./conditions";

/** A value, several texts, or null for the bundle's own. */
export type LiveValue = Value | readonly string[] | null;

/** Item id to fact to value. */
export type LiveFactsOfItems = Readonly<Record<string, Readonly<Record<string, LiveValue>>>>;

type Texts = readonly string[];

/** Live facts by item id, in memory only. */
export class LiveFacts {
  private values = new Map<string, Map<string, Texts>>();
  private changes = 0;

  /** Increases with every change. */
  get version(): number {
    return this.changes;
  }

  /** The facts that some item has. */
  get names(): string[] {
    return [...this.values.keys()];
  }

  /**
   * Set facts of some items; other facts and items stay as they are.
   *
   * @throws TypeError a value is of another type. Nothing was set.
   * @throws RangeError a number is not finite, or 10^12 or more. Nothing was set.
   */
  set(facts: LiveFactsOfItems): void {
    const checked = entriesOf(facts).flatMap(([itemId, values]) =>
      entriesOf(values).map(([name, value]) => [name, itemId, textsOf(itemId, name, value)] as const),
    );
    for (const [name, itemId, texts] of checked) {
      const column = this.values.get(name) ?? new Map<string, Texts>();
      if (texts === null) column.delete(itemId);
      else column.set(itemId, texts);
      if (column.size === 0) this.values.delete(name);
      else this.values.set(name, column);
    }
    this.changes += 1;
  }

  /** Go back to the facts of the bundle. */
  clear(): void {
    this.values = new Map();
    this.changes += 1;
  }

  /** The values of one fact by item id; undefined if no item has it. */
  column(name: string): ReadonlyMap<string, Texts> | undefined {
    return this.values.get(name);
  }

  /** The live facts of one item. */
  of(itemId: string): Map<string, Texts> {
    const facts = new Map<string, Texts>();
    for (const [name, column] of this.values) {
      const texts = column.get(itemId);
      if (texts !== undefined) facts.set(name, texts);
    }
    return facts;
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  if (!isObject(value)) {
    throw new TypeError(
      `facts must be an object of item ids, each with an object of facts, got ${shown(value)}. ` +
        'Pass for example { "item-7": { price: 12.5, inStock: true } }.',
    );
  }
  return Object.entries(value);
}

function textsOf(itemId: string, name: string, value: unknown): Texts | null {
  const what = `the fact ${name} of ${itemId}`;
  if (value === null) return null;
  return Array.isArray(value) ? value.map((one) => textOf(what, one)) : [textOf(what, value)];
}
