/** Names and facts of the items (SPEC section 6). */

import { BundleError, messageOf } from "./errors";
import { type Bytes, Fields, isInteger, parseJson } from "./json";

const MAX_INFLATED_BYTES = 64 << 20;
const FILE = "items.json.z";

/** One kind of fact: its distinct values, and for each row the indices of those that are true of it. */
export interface Column {
  readonly values: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

/** What is known of one item: field name to values, fields without a value left out. */
export type ItemFacts = ReadonlyMap<string, readonly string[]>;

/** What may be said of the items; row `i` is catalogue row `i`. */
export class Items {
  private readonly rowOf: ReadonlyMap<string, number>;

  private constructor(
    readonly ids: readonly string[],
    readonly titles: readonly string[],
    private readonly fields: ReadonlyMap<string, Column>,
  ) {
    this.rowOf = new Map(ids.map((id, row) => [id, row]));
  }

  /**
   * Inflate and check `items.json.z`.
   *
   * @throws BundleError the bytes break SPEC section 6, or inflate beyond its limit.
   */
  static async read(data: Bytes, nItems: number): Promise<Items> {
    const fields = Fields.of(parseJson(await inflate(data), FILE), FILE);
    const ids = fields.texts("item_id");
    const titles = fields.texts("title");
    const columns = readColumns(fields.object("fields"));
    for (const [name, length] of [["item_id", ids.length], ["title", titles.length], ...lengthsOf(columns)] as const) {
      if (length !== nItems)
        throw new BundleError(`${FILE}: column ${name} has ${length} rows, the manifest says ${nItems}`);
    }
    if (ids.some((id) => id.length === 0 || [...id].length > 256))
      throw new BundleError(`${FILE}: an item id is empty or long`);
    if (titles.some((title) => title.length === 0)) throw new BundleError(`${FILE}: an item has no title`);
    const items = new Items(ids, titles, columns);
    if (items.rowOf.size !== nItems) throw new BundleError(`${FILE}: an item id stands twice`);
    return items;
  }

  /** The catalogue row of an item id, or undefined when the catalogue lacks it. */
  row(id: string): number | undefined {
    return this.rowOf.get(id);
  }

  /** All fields by name, in the file's order. */
  columns(): [string, Column][] {
    return [...this.fields];
  }

  /** What is known of one item. */
  facts(row: number): ItemFacts {
    const known = new Map<string, string[]>();
    for (const [name, { values, rows }] of this.fields) {
      const indices = rows[row] ?? [];
      if (indices.length > 0)
        known.set(
          name,
          indices.map((index) => values[index] as string),
        );
    }
    return known;
  }
}

function readColumns(fields: Fields): Map<string, Column> {
  const columns = new Map<string, Column>();
  for (const name of fields.names()) {
    const column = fields.object(name);
    const values = column.texts("values");
    const rows = column.list("rows", 0, Number.POSITIVE_INFINITY).map((row) => {
      if (!Array.isArray(row) || !row.every((index) => isInteger(index) && index >= 0 && index < values.length)) {
        throw new BundleError(`${FILE}: field ${name} points outside its values`);
      }
      return row as number[];
    });
    columns.set(name, { values, rows });
  }
  return columns;
}

function lengthsOf(columns: ReadonlyMap<string, Column>): [string, number][] {
  return [...columns].map(([name, { rows }]) => [name, rows.length]);
}

/** Undo zlib (RFC 1950), stopping at the limit. */
async function inflate(data: Bytes): Promise<Uint8Array> {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces: Uint8Array[] = [];
  let total = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      total += next.value.length;
      if (total > MAX_INFLATED_BYTES) throw new BundleError(`${FILE}: inflates beyond ${MAX_INFLATED_BYTES} bytes`);
      pieces.push(next.value);
    }
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError(`${FILE}: not one whole zlib stream (${messageOf(error)})`);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  const text = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
  // Some inflaters ignore what stands behind the stream; the stream's own checksum tells where it ended.
  if (data.length < 6 || new DataView(data.buffer, data.byteOffset + data.length - 4).getUint32(0) !== adler32(text)) {
    throw new BundleError(`${FILE}: the stream does not end where the file ends`);
  }
  return text;
}

/** RFC 1950, section 8.2. */
function adler32(data: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return b * 65_536 + a;
}
