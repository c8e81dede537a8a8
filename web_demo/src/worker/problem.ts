/** An error as the page shows it. */

import { messageOf, NotDeletedError } from "../runtime/errors";
import type { Problem } from "./protocol";

export function problemOf(error: unknown): Problem {
  return { kind: error instanceof NotDeletedError ? "not deleted" : "other", why: messageOf(error) };
}
