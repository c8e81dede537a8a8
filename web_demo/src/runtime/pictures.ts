/** Pictures of the items (SPEC section 7): JPEG, PNG or WebP bytes by row, as data URLs. */

import { type Arrays, loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";
import { MAX_PICTURE_BYTES, MAX_PICTURE_SIDE } from "./constants";
import { BundleError } from "./errors";
import { pictureHead } from "./pictureSize";

const FILE = "pictures.safetensors";

export class Pictures {
  private constructor(
    private readonly offset: Uint32Array,
    private readonly data: Uint8Array,
  ) {}

  /**
   * The pictures of a bundle, or null if it has none.
   *
   * @throws BundleError the file is damaged or violates the format.
   * @throws FetchError it cannot be downloaded.
   */
  static async of(bundle: Bundle): Promise<Pictures | null> {
    const { files, catalogue } = bundle.manifest;
    const entry = files.find(({ role }) => role === "pictures");
    if (entry === undefined) return null;
    const { data, name } = await bundle.read(entry);
    return Pictures.read(loadArrays(data, name), catalogue.nItems);
  }

  /** @throws BundleError the offsets do not cover the data in ascending order, or a picture is not allowed. */
  static read(arrays: Arrays, nItems: number): Pictures {
    const offset = take(arrays, "offset", "U32", [nItems + 1], FILE);
    const data = take(arrays, "data", "U8", [arrays.get("data")?.shape[0] ?? 0], FILE);
    if (
      offset[0] !== 0 ||
      offset[nItems] !== data.length ||
      offset.some((at, i) => i > 0 && at < (offset[i - 1] ?? 0))
    ) {
      throw new BundleError(`${FILE}: the offsets do not cover the data in ascending order`);
    }
    for (let row = 0; row < nItems; row++) checkPicture(data.subarray(offset[row], offset[row + 1]), row);
    return new Pictures(offset, data);
  }

  /** The picture of a row as a data URL; null if there is none. */
  url(row: number): string | null {
    const bytes = this.data.subarray(this.offset[row], this.offset[row + 1]);
    const head = pictureHead(bytes);
    if (head === null) return null;
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return `data:${head.type};base64,${btoa(text)}`;
  }
}

function checkPicture(bytes: Uint8Array, row: number): void {
  if (bytes.length === 0) return;
  const wrong = (what: string) => new BundleError(`${FILE}: the picture of item ${row} ${what}`);
  if (bytes.length > MAX_PICTURE_BYTES) {
    throw wrong(`has ${bytes.length} bytes, expected at most ${MAX_PICTURE_BYTES}`);
  }
  const head = pictureHead(bytes);
  if (head === null) throw wrong("is not a JPEG, PNG or WebP file");
  const { width, height } = head;
  if (Math.min(width, height) < 1 || Math.max(width, height) > MAX_PICTURE_SIDE) {
    throw wrong(`has ${width} x ${height} pixels, expected 1 to ${MAX_PICTURE_SIDE} a side`);
  }
}
