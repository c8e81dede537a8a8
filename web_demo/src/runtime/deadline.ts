/** An end to waiting for what may never answer: the browser's storage, a worker that hangs. */

/** Nothing came in time. */
export class DeadlineError extends Error {
  override name = "DeadlineError";
}

/**
 * What `work` gives, if it gives it in time. It is not stopped: what it gives later is dropped.
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
