/** The stored position of the diversity slider. */

import type { History } from "../runtime/events";

export const DIVERSITY = "diversity";
/** Its name in the first versions of the page, which may still be stored. */
const FORMER_NAME = "variety";

export async function readDiversity(history: Pick<History, "setting">): Promise<number> {
  const stored = (await history.setting(DIVERSITY)) ?? (await history.setting(FORMER_NAME));
  return typeof stored === "number" ? stored : 0;
}

/** Store a position; 0, the default, is stored as nothing. */
export async function storeDiversity(history: Pick<History, "set">, diversity: number): Promise<void> {
  await history.set(DIVERSITY, diversity === 0 ? null : diversity);
  // Only now: until the slider moves, another tab may still run a version that reads the former name.
  await history.set(FORMER_NAME, null);
}
