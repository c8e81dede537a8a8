/** The page's verifier of signed metadata (The Update Framework), without input and output. */

export { signatureCrypto } from "./choice";
export { drive, type Found, type Steps, type TargetFile, target, update, type Wanted } from "./client";
export { type SignatureCrypto, webCrypto } from "./crypto";
export { type Floors, filesOf, pinned, raised, restored, type TrustedMetadata } from "./trusted";
