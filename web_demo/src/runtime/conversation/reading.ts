/** The state of reading one sentence from left to right. The same as `edge_runtime/conversation/reading.py`. */

import type { Lexicon } from "./lexicon";
import type { Context, Polarity, Problem } from "./parsed";
import type { Limit, Wish } from "./query";
import type { Element } from "./scanning";
import { LENGTHS } from "./words";

const YEAR = "year";
const PRICE = "price";

/** A wish with how it was said. */
export interface Said {
  readonly wish: Wish;
  polarity: Polarity;
  /** What joins it to the wish before: `or`, `,` or nothing. */
  joined: string;
  /** Whether it is a word of titles, and no value of a fact. */
  readonly isLoose: boolean;
  /** The words; empty if it is the value of an item. */
  readonly text: string;
  /** Index of its element; -1 if it has none. */
  readonly at: number;
  /** As of a token. */
  readonly gap: number;
  /** Whether it only suits what was said. */
  readonly isRelated: boolean;
  /** The words as they were written, of all alternatives; empty for the value of an item. */
  readonly words: readonly string[];
}

/** A wish that is no word of the sentence itself, such as the brand of an item. */
export function saidOf(wish: Wish, polarity: Polarity, joined = "", words: readonly string[] = []): Said {
  return { wish, polarity, joined, isLoose: false, text: "", at: -1, gap: 0, isRelated: false, words };
}

/** What a sentence asked for before it took some of it back, and whether it ended with a word that nobody knows. */
export type Corrected = Pick<Reading, "said" | "limits" | "similar" | "unlike" | "problem"> & {
  readonly isUnknown: boolean;
};

/** The state of reading one sentence. */
export class Reading {
  polarity: Polarity = "want";
  nNamed = 0;
  said: Said[] = [];
  limits: Limit[] = [];
  similar: string[] = [];
  unlike: string[] = [];
  unknown: string[] = [];
  problem: Problem | null = null;
  ofProblem = "";
  excludes = false;
  /** Facts that are asked for and the catalogue does not have. */
  readonly lacks: string[] = [];
  limit: string | null = null;
  ofField: string | null = null;
  likes = false;
  isAlike = false;
  loves = false;
  joined = "";
  item: string | null = null;
  itemUsed = true;
  index = 0;
  likedAt = -2;
  /** The item before a "but", which the list resembles if something is named after it. */
  compared: string | null = null;
  /** Whether what is excluded is to be replaced, as after "instead of", or was seen. */
  isReplaced = false;
  isSeen = false;
  /** What limited the last number. */
  limited: string | null = null;
  /** What was asked for before some of it is corrected. */
  corrected: Corrected | null = null;
  /** Whether it is open if what follows is wanted or refused; and the wishes of which it is. */
  isUnclear = false;
  unclear: readonly Wish[] = [];

  constructor(
    readonly elements: readonly Element[],
    readonly lexicon: Lexicon,
    readonly itemIds: readonly string[],
    readonly context: Context,
  ) {}

  /** The next element that is not without meaning, in the same clause. */
  next(index: number): Element | null {
    for (const element of this.elements.slice(index + 1)) {
      if (element.gap === 2) return null;
      if (!(element.isSkipped || element.isCue("than"))) return element;
    }
    return null;
  }

  /** The element before an index that is not without meaning. */
  before(index: number): Element | null {
    return this.elements.slice(0, index).findLast(({ isSkipped }) => !isSkipped) ?? null;
  }

  /** Whether a number is at an index, if need be behind words without meaning. */
  isNumber(index: number): boolean {
    const element = this.elements.slice(index).find(({ isSkipped }) => !isSkipped);
    return element !== undefined && element.value !== null;
  }

  /** Whether the sentence has one of some cues. */
  has(...names: readonly string[]): boolean {
    return this.elements.some((element) => element.meaning === null && element.isCue(...names));
  }

  /** The fact that is the price, if the items have one. */
  get price(): string | null {
    return this.lexicon.numeric.has(PRICE) ? PRICE : null;
  }

  /** The fact that is the year, if the items have one. */
  get year(): string | null {
    return this.lexicon.numeric.has(YEAR) ? YEAR : null;
  }

  /** The fact that says how long an item is, if the items have one. */
  get length(): string | null {
    return LENGTHS.find((name) => this.lexicon.numeric.has(name)) ?? null;
  }

  /** Take an item of the list as the one that is meant. */
  point(position: number): void {
    const { shown } = this.context;
    const itemId = position === -1 ? shown.at(-1) : shown[position - 1];
    if (itemId === undefined) [this.problem, this.ofProblem] = ["no_item", String(position)];
    else if (itemId === "")
      this.problem = "no_item"; // the catalogue lacks it
    else this.mean(itemId);
  }

  /** Take an item as the one that is meant; after a "like", the list should resemble it. */
  mean(itemId: string): void {
    this.leaveItem();
    [this.item, this.itemUsed] = [itemId, false];
    if (!(this.likes || this.loves)) return;
    (this.polarity === "not" ? this.unlike : this.similar).push(itemId);
    [this.itemUsed, this.likes, this.loves] = [true, false, false];
    this.nNamed += 1;
    this.likedAt = this.index;
  }

  /** Decide what an item means that was pointed at, and has no "like" and no fact with it. */
  leaveItem(): void {
    if (this.itemUsed) return;
    this.itemUsed = true;
    if (this.likes && this.item !== null && this.isAlike) {
      // "The second is nice, show me similar ones", or refused, of Chinese, which has the "like" at the end.
      (this.isNegated ? this.unlike : this.similar).push(this.item);
      this.likes = false;
    } else if (this.polarity === "not" && this.nNamed === 0) {
      if (this.item === null) this.problem = "no_item";
      else this.unlike.push(this.item);
    } else if (this.likes && this.item === null) this.problem = "no_item";
  }

  /** Begin anew: what was said before has no hold on what follows. */
  endClause(): void {
    this.leaveItem();
    this.turnTo("want");
    [this.limit, this.ofField, this.joined] = [null, null, ""];
    [this.likes, this.loves, this.isReplaced] = [false, false, false];
  }

  /** The elements between marks around an index. */
  clauseAt(index: number): readonly Element[] {
    const first = this.elements.findLastIndex(({ gap }, place) => place <= index && gap > 0);
    const next = this.elements.findIndex(({ gap }, place) => place > index && gap > 0);
    return this.elements.slice(Math.max(0, first), next < 0 ? undefined : next);
  }

  /** Let what follows be wanted, excluded or preferred. */
  turnTo(polarity: Polarity): void {
    [this.polarity, this.nNamed] = [polarity, 0];
  }

  /** Whether a negation has not yet named what it excludes. */
  get isNegated(): boolean {
    return this.polarity === "not" && this.nNamed === 0;
  }
}
