/**
 * SHA-256 and Ed25519 in JavaScript, for browsers that offer neither: those of pages that were loaded over plain http, and
 * for Ed25519 alone those before Chrome 137, Firefox 129 and Safari 17. Loaded only where it is needed.
 */

import { hashes, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { Bytes } from "./bytes";

hashes.sha512 = sha512;

export function digestOf(data: Bytes): Uint8Array {
  return sha256(data);
}

export function verifyEd25519(publicKey: Bytes, signature: Bytes, message: Bytes): boolean {
  try {
    return verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false; // not a point of the curve
  }
}
