/** Splits a reason into pieces, so that the page can highlight its facts. */

import type { Items } from "../items";
import type { Fact } from "./facts";
import { predicate, type Sentence } from "./sentences";
import { saidTitle, saidValue } from "./words";

/** A piece of a sentence; `fact` pieces are highlighted. */
export interface Piece {
  readonly text: string;
  readonly fact: boolean;
}

/** One fact as a predicate of the item, such as "comes from “OPI”, like “OPI Simmer”". */
export function markedFact(fact: Fact, items: Items): readonly Piece[] {
  const like = fact.historyRow === null ? "" : `, like “${saidTitle(items.titles[fact.historyRow] ?? "")}”`;
  return marked({ text: `${predicate(fact)}${like}`, cited: [fact] }, items);
}

/** Split a sentence around the texts of its facts. */
export function marked({ text, cited }: Sentence, items: Items): readonly Piece[] {
  const said = cited.flatMap((fact) => {
    if (fact.kind === "popular") return [predicate(fact).replace(/^is /, "")];
    const past = fact.historyRow === null ? [] : [saidTitle(items.titles[fact.historyRow] ?? "")];
    return [saidValue(fact.value), ...past];
  });
  let pieces: Piece[] = [{ text, fact: false }];
  // Longer texts first, so that a title that contains a brand is highlighted as a whole.
  for (const words of [...new Set(said)].sort((a, b) => b.length - a.length)) {
    if (words !== "") pieces = pieces.flatMap((piece) => (piece.fact ? [piece] : cut(piece.text, words)));
  }
  return pieces;
}

/** Highlight the last occurrence, because facts come after the item's own title. */
function cut(text: string, words: string): Piece[] {
  const at = text.lastIndexOf(words);
  if (at < 0) return [{ text, fact: false }];
  const pieces = [
    { text: text.slice(0, at), fact: false },
    { text: words, fact: true },
    { text: text.slice(at + words.length), fact: false },
  ];
  return pieces.filter((piece) => piece.text !== "");
}
