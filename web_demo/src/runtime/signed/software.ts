/** SHA-256 and Ed25519 without WebCrypto, which browsers withhold from pages loaded over plain http. Loaded on demand. */

import { hashes, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { SignatureCrypto } from "./crypto";

hashes.sha512 = sha512;

export const softwareCrypto: SignatureCrypto = {
  sha256: async (data) => Array.from(sha256(data), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  // Without ZIP 215, which accepts more encodings of a point than browsers and devices do.
  verifyEd25519: async (publicKey, signature, message) => verify(signature, message, publicKey, { zip215: false }),
};
