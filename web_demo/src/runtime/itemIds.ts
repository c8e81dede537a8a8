/** Checks item ids that a caller gives. */

import { shown } from "./filters/conditions";

/** A set of rows to leave out, of which only membership is asked. */
export interface Rows {
  has(row: number): boolean;
}

/**
 * The ids as a list.
 *
 * @param what the argument's name, for the message.
 * @throws TypeError it is one string, whose characters would be taken for ids, or holds something other than strings.
 */
export function checkedIds(what: string, ids: Iterable<string>): readonly string[] {
  if (typeof ids === "string") {
    throw new TypeError(`${what} must be a list of item ids, got the string ${shown(ids)}. Pass [${shown(ids)}].`);
  }
  if (typeof ids !== "object" || ids === null || !(Symbol.iterator in ids)) {
    throw new TypeError(`${what} must be a list of item ids, got ${shown(ids)}. Pass for example ["item-7"].`);
  }
  const list = [...ids];
  const wrong = list.find((id) => typeof id !== "string");
  if (wrong !== undefined) throw new TypeError(`each id of ${what} must be a string, got ${shown(wrong)}.`);
  return list;
}
