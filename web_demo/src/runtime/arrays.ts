/**
 * Reads arrays from safetensors bytes: the strict subset of SPEC section 9.
 *
 * The digest of the bytes has been verified before. The host must be little-endian, as all browsers' hosts are.
 */

import type { Bytes } from "./bytes";
import { DTYPE_BYTES, MAX_DIMENSION, MAX_EXTENT, MAX_HEADER_BYTES, MAX_RANK } from "./constants";
import { BundleError } from "./errors";
import { Fields, isInteger } from "./fields";
import { type Json, parseJson } from "./json";

interface DataOf {
  F32: Float32Array<ArrayBuffer>;
  I32: Int32Array<ArrayBuffer>;
  U32: Uint32Array<ArrayBuffer>;
  I8: Int8Array<ArrayBuffer>;
  U8: Uint8Array<ArrayBuffer>;
}

export type Dtype = keyof DataOf;

/** One tensor: row-major data of a shape. */
export interface NdArray<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DataOf[D];
}

export type Arrays = ReadonlyMap<string, NdArray>;

/**
 * Read all tensors of a safetensors file.
 *
 * @throws BundleError the bytes violate SPEC section 9.
 */
export function loadArrays(file: Bytes, source: string): Arrays {
  const { header, body } = splitArrays(file, source);
  const arrays = new Map<string, NdArray>();
  for (const entry of readEntries(header, body.length, source)) {
    // Copied, because the data may not be aligned to four bytes in the file.
    const data = viewOf(entry.dtype, body.slice(entry.start, entry.stop).buffer);
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new BundleError(`${source}: tensor ${entry.name} contains NaN or infinity`);
    }
    arrays.set(entry.name, { dtype: entry.dtype, shape: entry.shape, data });
  }
  return arrays;
}

/**
 * Read the tensors of a header in the order of their bytes, which they cover without gaps.
 *
 * @throws BundleError the header violates SPEC section 9.
 */
export function readEntries(header: Uint8Array, bodyBytes: number, source: string): Entry[] {
  const fields = Fields.of(parseJson(header, source), source).without("__metadata__");
  const entries = fields.names().map((name) => readEntry(fields, name, bodyBytes));
  entries.sort((a, b) => a.start - b.start || a.stop - b.stop);
  let end = 0;
  for (const entry of entries) {
    if (entry.start !== end) {
      throw new BundleError(`${source}: tensor ${entry.name} starts at byte ${entry.start}, expected ${end}`);
    }
    end = entry.stop;
  }
  if (end !== bodyBytes) throw new BundleError(`${source}: ${bodyBytes - end} bytes belong to no tensor`);
  return entries;
}

/**
 * Return the data of a tensor with an expected dtype and shape.
 *
 * @throws BundleError it is missing, or its dtype or shape differs.
 */
export function take<D extends Dtype>(
  arrays: Arrays,
  name: string,
  dtype: D,
  shape: readonly number[],
  source: string,
): DataOf[D] {
  const array = arrays.get(name);
  if (array === undefined) throw new BundleError(`${source}: tensor ${name} is missing`);
  if (!hasDtype(array, dtype) || array.shape.join() !== shape.join()) {
    throw new BundleError(`${source}: tensor ${name} is ${array.dtype}[${array.shape}], expected ${dtype}[${shape}]`);
  }
  return array.data;
}

function hasDtype<D extends Dtype>(array: NdArray, dtype: D): array is NdArray<D> {
  return array.dtype === dtype;
}

/** A tensor of a header that was checked; its bytes are `start` to `stop` after the header. */
export interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly stop: number;
}

/**
 * Split a file into the text of its header and the data.
 *
 * @throws BundleError the header is longer than allowed, or than the file.
 */
export function splitArrays(file: Bytes, source: string): { header: Bytes; body: Bytes } {
  if (file.length < 8) throw new BundleError(`${source}: ${file.length} bytes are too few for a safetensors file`);
  const length = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, file.length - 8))) {
    throw new BundleError(`${source}: the header states a length of ${length} bytes, more than allowed or present`);
  }
  const start = 8 + Number(length);
  return { header: file.subarray(8, start), body: file.subarray(start) };
}

function readEntry(header: Fields, name: string, bodyBytes: number): Entry {
  const fields = header.nested(name);
  const where = fields.where;
  const unknown = fields.names().filter((field) => !["dtype", "shape", "data_offsets"].includes(field));
  if (unknown.length > 0) throw new BundleError(`${where}: unknown fields ${unknown}`);
  const dtype = fields.text("dtype");
  if (!isDtype(dtype))
    throw new BundleError(`${where}: dtype ${dtype.slice(0, 20)}, expected one of ${Object.keys(DTYPE_BYTES)}`);
  const shape = integers(fields.list("shape", { min: 0, max: MAX_RANK }), where);
  const [start, stop] = integers(fields.list("data_offsets", { min: 2, max: 2 }), where);
  // Zero dimensions count as one here: no library checks the others of a tensor without elements.
  const extent = shape.reduce((product, n) => product * Math.max(n, 1), DTYPE_BYTES[dtype]);
  if (shape.some((n) => n >= MAX_DIMENSION) || extent > MAX_EXTENT) {
    throw new BundleError(`${where}: the shape is [${shape}]`);
  }
  const size = shape.reduce((product, n) => product * n, DTYPE_BYTES[dtype]);
  if (start === undefined || stop === undefined || start > stop || stop > bodyBytes || stop - start !== size) {
    throw new BundleError(`${where}: spans bytes ${start} to ${stop}, expected ${size} bytes within ${bodyBytes}`);
  }
  return { name, dtype, shape, start, stop };
}

function integers(list: readonly Json[], where: string): number[] {
  return list.map((entry) => {
    if (!isInteger(entry) || entry < 0) throw new BundleError(`${where}: expected counts, found ${typeof entry}`);
    return entry;
  });
}

function isDtype(text: string): text is Dtype {
  return Object.hasOwn(DTYPE_BYTES, text);
}

function viewOf(dtype: Dtype, buffer: ArrayBuffer): DataOf[Dtype] {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "I32":
      return new Int32Array(buffer);
    case "U32":
      return new Uint32Array(buffer);
    case "I8":
      return new Int8Array(buffer);
    case "U8":
      return new Uint8Array(buffer);
  }
}
