/** A reason cut into pieces, so that the page can mark the facts in it. */

import type { Items } from "../items";
import type { Fact } from "./facts";
import { predicate, type Sentence } from "./sentences";
import { saidTitle, saidValue } from "./words";

/** A piece of a sentence; `fact` pieces are the ones to mark. */
export interface Piece {
  readonly text: string;
  readonly fact: boolean;
}

/** One fact as words behind the item, such as "comes from “OPI”, like “OPI Simmer”". */
export function markedFact(fact: Fact, items: Items): readonly Piece[] {
  const like = fact.historyRow === null ? "" : `, like “${saidTitle(items.titles[fact.historyRow] ?? "")}”`;
  return marked({ text: `${predicate(fact)}${like}`, cited: [fact] }, items);
}

/** Cut a sentence around what its facts say. */
export function marked({ text, cited }: Sentence, items: Items): readonly Piece[] {
  const said = cited.flatMap((fact) => {
    if (fact.kind === "popular") return [predicate(fact).replace(/^is /, "")];
    const past = fact.historyRow === null ? [] : [saidTitle(items.titles[fact.historyRow] ?? "")];
    return [saidValue(fact.value), ...past];
  });
  let pieces: Piece[] = [{ text, fact: false }];
  // The longer first, so that a title which holds a brand is marked as one.
  for (const words of [...new Set(said)].sort((a, b) => b.length - a.length)) {
    if (words !== "") pieces = pieces.flatMap((piece) => (piece.fact ? [piece] : cut(piece.text, words)));
  }
  return pieces;
}

/** Mark the last place, because the template names a fact behind the item's own title. */
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
