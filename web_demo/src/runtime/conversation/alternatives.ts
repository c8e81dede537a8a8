/** Joins the wishes of a sentence that are alternatives. The same as `edge_runtime/conversation/alternatives.py`. */

import { at } from "../at";
import type { Lexicon } from "./lexicon";
import { keyOfWish } from "./query";
import { type Said, saidOf } from "./reading";

/** The wishes with alternatives joined: after "or", and values of a fact that no item has both of. */
export function withAlternatives(said: readonly Said[], lexicon: Lexicon): Said[] {
  const joined: Said[] = [];
  for (const one of withCommas(withShared(said)).reverse()) {
    const after = joined.at(-1);
    if (after !== undefined && one.polarity === after.polarity && areAlternatives(one, after, lexicon)) {
      const field = one.wish.field === after.wish.field ? one.wish.field : null;
      const values = [...new Set([...one.wish.values, ...after.wish.values])];
      const words = one.words.length > 0 && after.words.length > 0 ? [...one.words, ...after.words] : [];
      joined[joined.length - 1] = saidOf({ field, values }, one.polarity, one.joined, words);
    } else joined.push(one);
  }
  return joined.reverse();
}

function areAlternatives(one: Said, after: Said, lexicon: Lexicon): boolean {
  if (after.polarity === "not") return false;
  if (after.joined === "or") return true;
  const { field } = one.wish;
  if (field === null || field !== after.wish.field || one.polarity !== "want") return false;
  return lexicon.single.has(field) || !lexicon.hasAll([one.wish, after.wish]);
}

/** The wishes with what both alternatives share after both, as in "coconut oil or argan oil". */
function withShared(said: readonly Said[]): Said[] {
  const result = [...said];
  for (let index = result.length - 4; index >= 0; index--) {
    const four = result.slice(index, index + 4);
    const [one, shared, other, again] = [at(four, 0), at(four, 1), at(four, 2), at(four, 3)];
    const areTwo = other.joined === "or" && shared.joined === "" && again.joined === "";
    const isOneKind = four.every(({ polarity }) => polarity === one.polarity);
    if (areTwo && isOneKind && keyOfWish(again.wish) === keyOfWish(shared.wish))
      result.splice(index, 4, one, other, shared);
  }
  return result;
}

/** The wishes of "a, b or c" as if all were joined by "or". */
function withCommas(said: readonly Said[]): Said[] {
  const result = said.map((one) => ({ ...one }));
  for (let index = result.length - 1; index > 1; index--) {
    const [first, before, one] = [at(result, index - 2), at(result, index - 1), at(result, index)];
    // Not "a hair dryer, Aster or Birch".
    const isOneKind = first.wish.field === before.wish.field && before.wish.field === one.wish.field;
    if (one.joined === "or" && before.joined === "," && isOneKind) before.joined = "or";
  }
  return result;
}
