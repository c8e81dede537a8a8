/** Titles and facts of the items (SPEC section 6). */

import type { Arrays } from "./arrays";
import { type FactField, type ItemColumns, readItemColumns } from "./bundleJson";
import type { Bytes } from "./bytes";
import { BundleError } from "./errors";
import { readItemLog } from "./itemLog";
import { readItemTable } from "./itemTable";
import { checkIndices, ItemTexts } from "./itemTexts";

const FILE = "items.json.z";

/** The facts of one item: field name to values; fields without a value are omitted. */
export type ItemFacts = ReadonlyMap<string, readonly string[]>;

/** Ids, titles and facts of all items; index `i` is catalogue row `i`. */
export class Items {
  private readonly rows: ReadonlyMap<string, number>;

  private constructor(
    readonly ids: readonly string[],
    readonly titles: readonly string[],
    private readonly fields: ReadonlyMap<string, FactField>,
  ) {
    this.rows = new Map(ids.map((id, row) => [id, row]));
  }

  /**
   * Decompress and check `items.json.z`.
   *
   * @throws BundleError the bytes violate SPEC section 6 or its size limits.
   */
  static async read(data: Bytes, nItems: number): Promise<Items> {
    const reader = new ItemTexts(nItems);
    return Items.of(readItemColumns(await reader.read(data)), nItems);
  }

  /**
   * The items of a large catalogue, of the file `items.safetensors`.
   *
   * @throws BundleError the arrays violate SPEC section 12.
   */
  static ofTable(arrays: Arrays, nItems: number): Items {
    return Items.of(readItemTable(arrays, nItems), nItems);
  }

  /**
   * The items of a log.
   *
   * @throws BundleError the bytes violate SPEC section 14.
   */
  static async ofLog(data: Bytes, nItems: number): Promise<Items> {
    return Items.of(await readItemLog(data, nItems), nItems);
  }

  private static of({ itemId: ids, title: titles, fields }: ItemColumns, nItems: number): Items {
    for (const [name, length] of [["item_id", ids.length], ["title", titles.length], ...lengthsOf(fields)] as const) {
      if (length !== nItems)
        throw new BundleError(`${FILE}: column ${name} has ${length} rows, the manifest says ${nItems}`);
    }
    const items = new Items(ids, titles, fields);
    for (const [name, field] of fields) checkIndices(name, field);
    if (items.rows.size !== nItems) throw new BundleError(`${FILE}: an item id occurs twice`);
    return items;
  }

  /** The catalogue row of an item id, or undefined if the catalogue does not contain it. */
  rowOf(id: string): number | undefined {
    return this.rows.get(id);
  }

  /** The catalogue rows of item ids; unknown ids are skipped. */
  rowsOf(ids: readonly string[]): number[] {
    return ids.map((id) => this.rows.get(id)).filter((row) => row !== undefined);
  }

  /** All fields by name, in the file's order. */
  factFields(): [string, FactField][] {
    return [...this.fields];
  }

  /** The facts of one item. */
  facts(row: number): ItemFacts {
    const known = new Map<string, string[]>();
    for (const [name, { values, rows }] of this.fields) {
      const found = (rows[row] ?? []).flatMap((index) => values[index] ?? []);
      if (found.length > 0) known.set(name, found);
    }
    return known;
  }
}

function lengthsOf(fields: ReadonlyMap<string, FactField>): [string, number][] {
  return [...fields].map(([name, { rows }]) => [name, rows.length]);
}
