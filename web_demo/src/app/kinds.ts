/** The words for what the items of a catalogue are; those of a shop also serve a kind that this page does not know. */

import { ARTICLES, SHOP, VIDEO } from "../runtime/constants";
import { type Texts, t } from "./texts";

export type KindWords = Texts["kinds"]["shop"];

/** The words of a kind; null while no catalogue is open. */
export function wordsOf(kind: string | null): KindWords {
  if (kind === null) return t.kinds.none;
  return kind === VIDEO || kind === ARTICLES ? t.kinds[kind] : t.kinds[SHOP];
}
