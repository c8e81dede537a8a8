/** The words for what the items of a catalogue are; those of a shop also serve a kind that this page does not know. */

import { ARTICLES, SHOP, VIDEO } from "../runtime/constants";

export interface KindWords {
  readonly search: string;
  /** Heading of the list before the first choice. */
  readonly popular: string;
  readonly seenAll: string;
  /** Of an item that a newer catalogue no longer has. */
  readonly gone: string;
}

const WORDS: ReadonlyMap<string, KindWords> = new Map([
  [
    SHOP,
    {
      search: "Search the shop",
      popular: "Popular in this shop",
      seenAll: "You have seen everything in this shop.",
      gone: "no longer in this shop",
    },
  ],
  [
    VIDEO,
    {
      search: "Search the videos",
      popular: "Popular videos",
      seenAll: "You have seen all the videos.",
      gone: "no longer among the videos",
    },
  ],
  [
    ARTICLES,
    {
      search: "Search the articles",
      popular: "Popular articles",
      seenAll: "You have seen all the articles.",
      gone: "no longer among the articles",
    },
  ],
]);

/** While no catalogue is open. */
const NOTHING_OPEN: KindWords = {
  search: "Search",
  popular: "Popular",
  seenAll: "There is nothing left to see.",
  gone: "no longer there",
};

/** The words of a kind; null while no catalogue is open. */
export function wordsOf(kind: string | null): KindWords {
  return kind === null ? NOTHING_OPEN : (WORDS.get(kind) ?? WORDS.get(SHOP) ?? NOTHING_OPEN);
}
