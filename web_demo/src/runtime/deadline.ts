/** Timeouts for calls that may never settle, such as those to the browser's storage. */

/** A promise did not settle in time. */
export class DeadlineError extends Error {
  override name = "DeadlineError";
}

/**
 * Return the result of `work` if it settles in time. `work` is not aborted; a later result is ignored.
 *
 * @throws DeadlineError with `message`, after `timeoutMs`.
 */
export async function within<T>(work: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(message)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
