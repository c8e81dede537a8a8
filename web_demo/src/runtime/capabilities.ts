/** What this browser offers to engines. */

/** (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt)): valid if 128-bit SIMD is supported. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** Whether this browser offers a graphics processor to this page. */
export async function hasWebGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
  return gpu !== undefined && (await gpu.requestAdapter().catch(() => null)) !== null;
}

/** Whether this browser supports SIMD, which the builds of ONNX Runtime and llama.cpp need. */
export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD_PROBE);
}
