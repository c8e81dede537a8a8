/** What a newer release would change in this user's list, before it is switched to. */

import type { Preview } from "./protocol";

/** One item of a list. */
export interface Listed {
  readonly itemId: string;
  readonly title: string;
}

/** Compare the list of the release in use with that of a newer one. */
export function compareLists(before: readonly Listed[], after: readonly Listed[]): Preview {
  const known = new Set(before.map(({ itemId }) => itemId));
  const entering = after.filter(({ itemId }) => !known.has(itemId)).map(({ title }) => title);
  const isSameOrder = after.every(({ itemId }, at) => itemId === before[at]?.itemId);
  return { of: after.length, entering, isReordered: entering.length === 0 && !isSameOrder };
}
