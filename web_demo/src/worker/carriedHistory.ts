/** Carries the history between devices of the user, as files. */

import type { Bytes } from "../runtime/bytes";
import { HistoryFileError, InsecureAddressError, messageOf } from "../runtime/errors";
import type { CountsClears, History } from "../runtime/events";
import type { Answer, Refusal } from "./protocol";

/** The history as a file, encrypted if there is a passphrase. */
export function exported(history: History, passphrase: string | null): Promise<Answer<Bytes>> {
  return answered(async () => {
    const { dumpHistory } = await import("../runtime/historyFile");
    const events = await history.all();
    return dumpHistory(
      events.map(({ itemId, event, at }) => ({ itemId, event, time: at })),
      passphrase,
    );
  });
}

/**
 * Add the events of a file; the answer is how many were new.
 *
 * @param titleOf the title of an item of the catalogue in use; null if it has none.
 */
export function imported(
  history: History & CountsClears,
  file: Bytes,
  passphrase: string | null,
  titleOf: (itemId: string) => string | null,
): Promise<Answer<number>> {
  return answered(async () => {
    const { clears } = history;
    const { readHistory } = await import("../runtime/historyFile");
    const events = await readHistory(file, passphrase);
    if (history.clears !== clears) {
      throw new DeletedError("the data was deleted while the file was read: nothing was added.");
    }
    return history.merge(
      events.map(({ itemId, event, time }) => ({ itemId, event, at: time, title: titleOf(itemId) })),
    );
  });
}

/** The history was cleared while a file was read. */
class DeletedError extends Error {}

async function answered<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { refused: refusalOf(error), why: messageOf(error) };
  }
}

/** What the user can do something about; anything else is thrown again. */
function refusalOf(error: unknown): Refusal["refused"] {
  if (error instanceof HistoryFileError) return error.problem;
  if (error instanceof InsecureAddressError) return "plain http";
  if (error instanceof DeletedError) return "deleted";
  if (error instanceof RangeError) return "not written";
  throw error;
}
