/** SHA-256 and Ed25519, of which the verifier needs nothing else. */

import type { Bytes } from "../bytes";
import { sha256 } from "../digest";
import { InsecureAddressError } from "../errors";

/** The cryptography of a verifier. */
export interface SignatureCrypto {
  /** Lower-case hex SHA-256. */
  readonly sha256: (data: Bytes) => Promise<string>;
  /** Whether a signature of a message is valid (RFC 8032): 32 and 64 bytes. */
  readonly verifyEd25519: (publicKey: Bytes, signature: Bytes, message: Bytes) => Promise<boolean>;
}

/** The browser's cryptography: Chrome from 137, Firefox from 129, Safari from 17. */
export const webCrypto: SignatureCrypto = { sha256, verifyEd25519 };

async function verifyEd25519(publicKey: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new InsecureAddressError("Browsers do not verify signatures for pages that were loaded over plain http.");
  }
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") throw error;
    return false; // not a point of the curve
  }
  return crypto.subtle.verify("Ed25519", key, signature, message);
}
