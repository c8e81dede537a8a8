/** Chooses what verifies signatures here. */

import type { Bytes } from "../bytes";
import { type SignatureCrypto, webCrypto } from "./crypto";

/** Test 3 of RFC 8032: public key, signature and message. */
const KNOWN = [
  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  "af82",
].map((hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));

/** WebCrypto if the browser offers it to this page and it knows Ed25519, else software, which is loaded then. */
export async function signatureCrypto(): Promise<SignatureCrypto> {
  if (await isCorrect(webCrypto)) return webCrypto;
  const { softwareCrypto } = await import("./software");
  return softwareCrypto;
}

async function isCorrect(crypto: SignatureCrypto): Promise<boolean> {
  const [key, signature, message] = KNOWN as [Bytes, Bytes, Bytes];
  try {
    return await crypto.verifyEd25519(key, signature, message);
  } catch {
    return false; // not supported, or not in a secure context
  }
}
