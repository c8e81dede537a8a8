/** The words for what the items of a catalogue are; those of a shop also serve a kind that this page does not know. */

import { ARTICLES, SHOP, VIDEO } from "../runtime/constants";
import { type Texts, t } from "./texts";

export type KindWords = Texts["kinds"]["shop"];

/** A kind that has words of its own; `shop` for one that this page does not know. */
export function knownKind(kind: string): "shop" | "video" | "articles" {
  return kind === VIDEO || kind === ARTICLES ? kind : SHOP;
}

/** The words of a kind; null while no catalogue is open. */
export function wordsOf(kind: string | null): KindWords {
  return t.kinds[kind === null ? "none" : knownKind(kind)];
}
