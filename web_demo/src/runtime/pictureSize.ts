/**
 * Type, width and height of an image file, read from its first bytes without decoding it (SPEC section 7): a picture of
 * a few kilobytes could decode to gigabytes.
 */

export interface PictureHead {
  readonly type: "image/png" | "image/jpeg" | "image/webp";
  readonly width: number;
  readonly height: number;
}

const PNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR";

/** The head of a PNG, JPEG or WebP file; null if the bytes are none of them. */
export function pictureHead(bytes: Uint8Array): PictureHead | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length >= 24 && textAt(bytes, 0, 16) === PNG) {
    return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (textAt(bytes, 0, 3) === "\xff\xd8\xff") return jpegHead(bytes, view);
  if (bytes.length >= 30 && textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 12) === "WEBP") {
    return webpHead(bytes, view);
  }
  return null;
}

/** Follow the segments up to the frame header (ITU-T T.81, annex B). */
function jpegHead(bytes: Uint8Array, view: DataView): PictureHead | null {
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    if (isFrame(marker)) return { type: "image/jpeg", width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    if (hasNoLength(marker) || view.getUint16(at + 2) < 2) return null;
  }
  return null;
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Markers that no segment follows, and the start of the pixels: none may come before the frame header. */
function hasNoLength(marker: number): boolean {
  return marker <= 0x01 || (marker >= 0xd0 && marker <= 0xda) || marker === 0xff;
}

/** Read the size from the first chunk (RFC 9649): lossy, lossless or extended. */
function webpHead(bytes: Uint8Array, view: DataView): PictureHead | null {
  const type = "image/webp";
  const kind = textAt(bytes, 12, 16);
  if (kind === "VP8 " && textAt(bytes, 23, 26) === "\x9d\x01\x2a") {
    return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (kind === "VP8L" && bytes[20] === 0x2f) {
    const bits = view.getUint32(21, true);
    return { type, width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (kind === "VP8X") {
    // 24 bits each: the top byte of the four belongs to the neighbour.
    return { type, width: 1 + (view.getUint32(24, true) & 0xffffff), height: 1 + (view.getUint32(26, true) >>> 8) };
  }
  return null;
}

function textAt(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
