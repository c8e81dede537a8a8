/** Errors of bundles, engines and the browser's storage; the page shows their messages. */

/** The files are not a valid bundle. */
export class BundleError extends Error {
  override name = "BundleError";
}

/** The bundle needs a newer reader. */
export class BundleVersionError extends BundleError {
  override name = "BundleVersionError";
}

/** A file does not match its manifest: it was truncated or changed. */
export class BundleIntegrityError extends BundleError {
  override name = "BundleIntegrityError";

  constructor(file: string, expected: string, found: string) {
    super(
      `${file}: found ${found}, but the manifest says ${expected}. The download was truncated or the file was changed.`,
    );
  }
}

/** No engine of the bundle computes here what it must, and none will before something changes. */
export class SelfTestError extends BundleError {
  override name = "SelfTestError";
}

/** A delta is malformed, or does not lead to the file that the manifest states. */
export class DeltaError extends BundleError {
  override name = "DeltaError";

  constructor(source: string, problem: string) {
    super(`${source}: ${problem}. The delta cannot be used; the whole file is needed.`);
  }
}

/** The server could not be reached, or did not respond with the file. */
export class FetchError extends Error {
  override name = "FetchError";

  /** @param status the HTTP status; null if there was no response. */
  constructor(
    message: string,
    readonly status: number | null = null,
  ) {
    super(message);
  }
}

/** The offered release is older, invalid, damaged or not signed as it must be. */
export class UpdateRefusedError extends Error {
  override name = "UpdateRefusedError";
}

/** The signed metadata expired, so that updates are refused; the bundle in use goes on working. */
export class ExpiredMetadataError extends UpdateRefusedError {
  override name = "ExpiredMetadataError";

  /** @param staleSince when it expired, in seconds since 1970. */
  constructor(
    message: string,
    readonly staleSince: number,
  ) {
    super(message);
  }
}

/** An engine cannot be used: the browser does not support it, or its file or self-test failed. */
export class EngineError extends Error {
  override name = "EngineError";
}

/** The page is not in a secure context, so WebCrypto and Cache Storage are not available. */
export class InsecureAddressError extends Error {
  override name = "InsecureAddressError";
}

/** The browser's storage refuses a request or does not respond. */
export class StorageError extends Error {
  override name = "StorageError";
}

/** Data that should have been deleted could not be reached, and may still exist. */
export class NotDeletedError extends StorageError {
  override name = "NotDeletedError";
}

/** What is wrong with a history file: `cut` if it is damaged, `newer` if it is of a later version. */
export type HistoryFileProblem = "too large" | "no passphrase" | "wrong passphrase" | "cut" | "newer" | "other file";

/** A history file is damaged, of another program, or encrypted with another passphrase. */
export class HistoryFileError extends Error {
  override name = "HistoryFileError";

  constructor(
    readonly problem: HistoryFileProblem,
    message: string,
  ) {
    super(message);
  }
}

/** The catalogue has no such item. */
export class UnknownItemError extends Error {
  override name = "UnknownItemError";
}

/** A filter names a fact that no item has, or compares it with a value of another kind. */
export class FilterError extends Error {
  override name = "FilterError";
}

/** The recommender was closed before the call. */
export class ClosedError extends Error {
  override name = "ClosedError";
}

/** The message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
