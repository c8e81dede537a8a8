/**
 * The first sentence of a list text: what comes up more than once in what the user chose. The same as
 * `edge_runtime/list_text/openings.py`, with the same `openings.json`.
 */

import file from "../../../../edge_runtime/list_text/openings.json";
import type { FactField } from "../bundleJson";
import type { Items } from "../items";
import { displayValue, isInformative } from "../reasons/words";

const MAX_VALUES = 2;
const LEAST_ITEMS = 2;

interface Openings {
  readonly two: readonly string[];
  readonly one: readonly string[];
  readonly none: readonly string[];
}

const OPENINGS: ReadonlyMap<string, Openings> = new Map(Object.entries(file));

/** A value of a field, and how many items of the history have it. */
interface Found {
  readonly name: string;
  readonly field: FactField;
  readonly index: number;
  count: number;
}

/** The values that come up most often in a history, at most two, of different fields; cleaned. */
export function taste(items: Pick<Items, "titles" | "factFields">, historyRows: readonly number[]): string[] {
  const values = new Map<string, string>();
  for (const { name, field, index, count } of foundIn(items, historyRows)) {
    if (count < LEAST_ITEMS || values.size === MAX_VALUES) break;
    const value = field.values[index] ?? "";
    const isRare = 2 * nHaving(field, index) <= items.titles.length;
    if (!values.has(name) && tellsSomething(value) && isRare) values.set(name, displayValue(value));
  }
  return [...new Set(values.values())];
}

/**
 * The sentences that say what `taste` has found.
 *
 * @param values its values, between quotation marks.
 * @throws RangeError there are no openings in this language.
 */
export function openings(values: readonly string[], language: string): string[] {
  const known = OPENINGS.get(language);
  if (known === undefined) {
    throw new RangeError(`language must be one of ${[...OPENINGS.keys()].join(", ")}, got ${JSON.stringify(language)}`);
  }
  const [a = "", b = ""] = values;
  const wordings = [known.none, known.one, known.two][values.length] ?? [];
  // In one pass, so that braces in a value are not treated as slots.
  return wordings.map((text) => text.replace(/\{([ab])\}/g, (_, slot: string) => (slot === "a" ? a : b)));
}

/** What the items of a history have, frequent values first; ties by the field, then by the index of the value. */
function foundIn(items: Pick<Items, "factFields">, historyRows: readonly number[]): Found[] {
  const rows = new Set(historyRows);
  const found = items.factFields().flatMap(([name, field]) => {
    const ofField = new Map<number, Found>();
    for (const row of rows) {
      for (const index of new Set(field.rows[row])) {
        const before = ofField.get(index);
        if (before === undefined) ofField.set(index, { name, field, index, count: 1 });
        else before.count++;
      }
    }
    return [...ofField.values()];
  });
  return found.sort((a, b) => {
    if (a.count !== b.count) return b.count - a.count;
    if (a.name !== b.name) return a.name < b.name ? -1 : 1;
    return a.index - b.index;
  });
}

function tellsSomething(value: string): boolean {
  return isInformative(value) && /\p{L}/u.test(displayValue(value));
}

/** How many entries a value has in the catalogue. */
function nHaving({ rows }: FactField, index: number): number {
  return rows.reduce((count, row) => count + row.filter((other) => other === index).length, 0);
}
