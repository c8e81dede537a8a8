/** Pictures of the items (SPEC section 7): JPEG, PNG or WebP bytes by row, as data URLs. */

import { type Arrays, loadArrays, take } from "./arrays";
import type { Bundle } from "./bundle";
import { BundleError } from "./errors";

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

  /** @throws BundleError the offsets do not cover the data in ascending order. */
  static read(arrays: Arrays, nItems: number): Pictures {
    const offset = take(arrays, "offset", "U32", [nItems + 1], FILE);
    const data = take(arrays, "data", "U8", [arrays.get("data")?.shape[0] ?? 0], FILE);
    if (
      offset[0] !== 0 ||
      offset[nItems] !== data.length ||
      offset.some((at, i) => i > 0 && at < (offset[i - 1] as number))
    ) {
      throw new BundleError(`${FILE}: the offsets do not cover the data in ascending order`);
    }
    return new Pictures(offset, data);
  }

  /** The picture of a row as a data URL; null if there is none in a supported format. */
  url(row: number): string | null {
    const bytes = this.data.subarray(this.offset[row], this.offset[row + 1]);
    const type = typeOf(bytes);
    if (type === null) return null;
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return `data:${type};base64,${btoa(text)}`;
  }
}

/** The media type by the first bytes, because the bundle does not state it. */
function typeOf(bytes: Uint8Array): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("\x89PNG")) return "image/png";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "image/webp" : null;
}
