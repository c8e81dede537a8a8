/** Items as a log: those of an earlier release as they were, and what each later one changed (SPEC section 14). */

import { type FactField, type ItemColumns, readItemColumns } from "./bundleJson";
import type { Bytes } from "./bytes";
import { MAX_STREAMS } from "./constants";
import { BundleError } from "./errors";
import { checkIndices, ItemTexts } from "./itemTexts";

const FILE = "items.json.z";
const LENGTH_BYTES = 4;

/** New ids, titles and facts of some items. */
interface Changes {
  readonly rows: readonly number[];
  readonly columns: ItemColumns;
}

/**
 * All columns after all changes.
 *
 * @throws BundleError the bytes violate SPEC section 14.
 */
export async function readItemLog(data: Bytes, nItems: number): Promise<ItemColumns> {
  const texts = new ItemTexts(nItems);
  let items: ItemColumns | null = null;
  for (const stream of streamsOf(data)) {
    const fields = await texts.read(stream);
    const columns = readItemColumns(fields);
    checkColumns(columns, columns.itemId.length);
    items = items === null ? columns : changed(items, { rows: fields.integers("rows"), columns });
  }
  if (items === null) throw new BundleError(`${FILE}: has no streams`);
  return items;
}

/** The streams; their lengths, and the number of them, are at the end. */
function streamsOf(data: Bytes): Bytes[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const n = data.length < LENGTH_BYTES ? 0 : view.getUint32(data.length - LENGTH_BYTES, true);
  const stop = data.length - (n + 1) * LENGTH_BYTES;
  if (n < 1 || n > MAX_STREAMS || stop < 0) {
    throw new BundleError(`${FILE}: has ${n} streams, expected 1 to ${MAX_STREAMS} and their lengths at the end`);
  }
  const streams: Bytes[] = [];
  let end = 0;
  for (let index = 0; index < n; index++) {
    const start = end;
    end += view.getUint32(stop + index * LENGTH_BYTES, true);
    streams.push(data.subarray(start, Math.min(end, stop)));
  }
  if (end !== stop) throw new BundleError(`${FILE}: has streams of ${end} bytes, expected ${stop}`);
  return streams;
}

function checkColumns({ title, fields }: ItemColumns, n: number): void {
  if (title.length !== n) throw new BundleError(`${FILE}: has ${title.length} titles, expected ${n}`);
  for (const [name, field] of fields) {
    if (field.rows.length !== n)
      throw new BundleError(`${FILE}: column ${name} has ${field.rows.length} rows, not ${n}`);
    checkIndices(name, field);
  }
}

/** Items after some changes. */
function changed(items: ItemColumns, { rows, columns }: Changes): ItemColumns {
  checkRows(rows, items.itemId.length, columns.itemId.length);
  if (columns.fields.size !== items.fields.size || [...items.fields.keys()].some((name) => !columns.fields.has(name))) {
    throw new BundleError(`${FILE}: changes other facts than the items have`);
  }
  if (rows.some((row, index) => row < items.itemId.length && items.itemId[row] !== columns.itemId[index])) {
    throw new BundleError(`${FILE}: an item has another id than before`);
  }
  const fields = [...items.fields].map(([name, field]): [string, FactField] => {
    const changes = columns.fields.get(name);
    return [name, changes === undefined ? field : merged(field, changes, rows)];
  });
  return {
    itemId: put(items.itemId, rows, columns.itemId),
    title: put(items.title, rows, columns.title),
    fields: new Map(fields),
  };
}

/** Changed rows ascend, and those of new items follow the last one without a gap. */
function checkRows(rows: readonly number[], nBefore: number, n: number): void {
  if (rows.length !== n) throw new BundleError(`${FILE}: changes ${rows.length} rows, and has ${n} items for them`);
  let before = -1;
  for (const row of rows) {
    if (row <= before || row > Math.max(before + 1, nBefore)) {
      throw new BundleError(`${FILE}: changes row ${row} after ${before} of ${nBefore} items`);
    }
    before = row;
  }
}

/** A fact after changes; a value that both have stays one value. */
function merged({ values, rows: before }: FactField, changes: FactField, rows: readonly number[]): FactField {
  const all = [...values];
  const indexOf = new Map(values.map((value, index) => [value, index]));
  const mapped = changes.values.map((value) => {
    const known = indexOf.get(value);
    if (known !== undefined) return known;
    indexOf.set(value, all.length);
    return all.push(value) - 1;
  });
  const places = changes.rows.map((row) => row.map((index) => mapped[index] ?? 0));
  return { values: all, rows: put(before, rows, places) };
}

/** A column with some values replaced, and those of rows behind the last one appended. */
function put<T>(column: readonly T[], rows: readonly number[], values: readonly T[]): T[] {
  const made = [...column];
  for (const [index, value] of values.entries()) made[rows[index] ?? made.length] = value;
  return made;
}
