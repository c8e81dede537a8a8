/** Bytes with a buffer of their own, which WebCrypto and Blob require. */
export type Bytes = Uint8Array<ArrayBuffer>;
