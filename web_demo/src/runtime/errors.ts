/** What can go wrong with a bundle, an engine or the browser's storage; the messages are read by people. */

/** The files are not a usable bundle. */
export class BundleError extends Error {
  override name = "BundleError";
}

/** A newer exporter wrote the bundle. */
export class BundleVersionError extends BundleError {
  override name = "BundleVersionError";
}

/** A file does not match its manifest: cut short on the way, or changed. */
export class BundleIntegrityError extends BundleError {
  override name = "BundleIntegrityError";

  constructor(file: string, expected: string, found: string) {
    super(
      `${file}: found ${found}, but the manifest says ${expected}. The download was cut short or the file was changed.`,
    );
  }
}

/** The server could not be reached, or answered with something else than the file. */
export class FetchError extends Error {
  override name = "FetchError";

  /** @param status what the server answered; null where it did not. */
  constructor(
    message: string,
    readonly status: number | null = null,
  ) {
    super(message);
  }
}

/** An engine cannot be used: the browser lacks something, or it failed the self-test. */
export class EngineError extends Error {
  override name = "EngineError";
}

/** The page came over plain http from another machine: browsers then withhold what checks and keeps files. */
export class InsecureAddressError extends Error {
  override name = "InsecureAddressError";
}

/** The browser's storage refuses or does not answer. */
export class StorageError extends Error {
  override name = "StorageError";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
