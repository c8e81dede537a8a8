/**
 * Parses sentences by rules over the words of a language and of a catalogue. The same as
 * `edge_runtime/conversation/rules.py`.
 *
 * The elements of a sentence are read from left to right with a polarity: what is named is wanted, excluded or preferred. A
 * negation holds until a "but" or the end of a sentence, or, after something was named, a new "with" or "something".
 */

import { at } from "../at";
import type { ItemFacts } from "../items";
import type { Lexicon, Meaning } from "./lexicon";
import {
  changesList,
  distinctBy,
  type Intent,
  keyOfWish,
  type Limit,
  limitOf,
  type Query,
  queryOf,
  type Wish,
} from "./query";
import { type Element, scan } from "./scanning";
import { tokensOf } from "./tokens";

type Polarity = "want" | "not" | "prefer";

/** A side of a limit. */
type Operator = "atLeast" | "above" | "atMost" | "below";

/**
 * Why a reference has no target: there is no such item, the items lack the fact, or the item has no such value; `which` if
 * several items may be meant.
 */
export type Problem = "no_item" | "no_field" | "no_value" | "which";

const AROUND = 0.2;
const VARIETY = 0.5;
const SURPRISE = 0.8;
const [FIRST_YEAR, LAST_YEAR] = [1800, 2100];
const LONGEST_TITLE = 10;
const INTENTS = ["why", "surprise", "more", "list"] as const;
const YEAR = "year";
const PRICE = "price";

/** Cue to the limit that it means, and the fact that it is always about. */
const LIMITS: ReadonlyMap<string, readonly [limit: Operator | "around", of: string | null]> = new Map([
  ["below", ["below", null]],
  ["at_most", ["atMost", null]],
  ["above", ["above", null]],
  ["at_least", ["atLeast", null]],
  ["before", ["below", YEAR]],
  ["after", ["above", YEAR]],
  ["since", ["atLeast", YEAR]],
  ["around", ["around", null]],
] as const);
const LIMIT_NAMES = [...LIMITS.keys()];
const NEGATED = { below: "atLeast", atMost: "above", above: "atMost", atLeast: "below" } as const;

const ASKING = [
  "not",
  "only",
  "prefer",
  "love",
  "want",
  "like",
  "unlike",
  "less",
  "dearer",
  "newer",
  "older",
  "varied",
  "instead",
  "suffix_not",
];

/** What a sentence may refer to. */
export interface Context {
  /** Item ids of the list on the screen, best first. */
  readonly shown: readonly string[];
  /** Id of the item that was talked about last. */
  readonly about: string | null;
  /** The facts of an item by its id. */
  readonly facts: (itemId: string) => ItemFacts;
}

/** What a parser made of a sentence. */
export interface Parsed {
  readonly query: Query;
  /** The words that were not understood, as written. */
  readonly notUnderstood: readonly string[];
  readonly problem: Problem | null;
  /** The fact that the problem is about, or an empty text. */
  readonly ofProblem: string;
  /** Whether the value that a reference means is not wanted. */
  readonly excludes: boolean;
  /** Whether it has a word of the language that asks for something, unlike words to search for. */
  readonly isSentence: boolean;
}

/** Turns a sentence into a query. */
export interface Parser {
  parse(text: string, context: Context): Parsed;
}

/** The parser that is always there. */
export class RuleParser implements Parser {
  constructor(
    private readonly lexicon: Lexicon,
    private readonly itemIds: readonly string[],
  ) {}

  parse(text: string, context: Context): Parsed {
    return new Reading(scan(tokensOf(text), this.lexicon), this.lexicon, this.itemIds, context).result();
  }
}

/** A wish with how it was said. */
interface Said {
  readonly wish: Wish;
  polarity: Polarity;
  /** What joins it to the wish before: `or`, `,` or nothing. */
  joined: string;
  /** Whether it is a word of titles, and no value of a fact. */
  readonly isLoose: boolean;
}

/** The state of reading one sentence. */
class Reading {
  private polarity: Polarity = "want";
  private nNamed = 0;
  private said: Said[] = [];
  private readonly limits: Limit[] = [];
  private readonly similar: string[] = [];
  private readonly unlike: string[] = [];
  private readonly unknown: string[] = [];
  private problem: Problem | null = null;
  private ofProblem = "";
  private excludes = false;
  private limit: string | null = null;
  private ofField: string | null = null;
  private likes = false;
  private isAlike = false;
  private loves = false;
  private joined = "";
  private item: string | null = null;
  private itemUsed = true;
  private index = 0;
  private likedAt = -2;

  constructor(
    private readonly elements: readonly Element[],
    private readonly lexicon: Lexicon,
    private readonly itemIds: readonly string[],
    private readonly context: Context,
  ) {}

  /** Read all elements. */
  result(): Parsed {
    let index = 0;
    while (index < this.elements.length) {
      this.index = index;
      index += this.read(index);
    }
    this.leaveItem();
    if (this.isAlike && this.likes) this.meanLast();
    return this.parsed();
  }

  // Elements

  /** Read the element at an index; returns how many were used. */
  private read(index: number): number {
    const element = at(this.elements, index);
    if (element.gap === 2 && index > 0) this.endClause();
    if (element.isUnknown) {
      this.unknown.push(element.shown);
      return 1;
    }
    if (this.isCarrier(index)) return 1;
    if (element.meaning !== null) return this.name(index, element.meaning);
    const { cue } = element;
    if (element.number !== null || cue?.number || cue?.decade) return this.number(index);
    if (cue === null) return 1;
    if (cue.position !== null) {
      this.point(cue.position);
      return 1;
    }
    return cue.field === null ? this.cue(index) : this.field(index, cue.field);
  }

  /** Whether an element only carries the value before it, such as "scent" of "rose scent". */
  private isCarrier(index: number): boolean {
    const element = at(this.elements, index);
    if (index === 0 || element.gap !== 0 || !element.isCue("carrier")) return false;
    return at(this.elements, index - 1).meaning !== null;
  }

  private cue(index: number): number {
    const element = at(this.elements, index);
    if (element.isCue(...LIMIT_NAMES) && this.isNumber(index + 1)) return this.beginLimit(index);
    const action = this.actions.find(([names]) => element.isCue(...names));
    action?.[1](index);
    return 1;
  }

  private readonly actions: readonly (readonly [names: readonly string[], act: (index: number) => void])[] = [
    [["unlike", "like", "alike"], (index) => this.like(index)],
    [["not"], (index) => this.exclude(index)],
    [["less", "dearer", "newer", "older"], (index) => this.relative(index)],
    [["only"], () => this.only()],
    [["love", "prefer"], (index) => this.prefer(index)],
    [["but"], () => this.turn()],
    [["or"], (index) => this.or(index)],
    [["this"], (index) => this.this(index)],
    [LIMIT_NAMES, (index) => this.beginLimit(index)],
    [["than"], () => this.than()],
    [["want", "with", "between"], (index) => this.want(index)],
  ];

  /** Whether a number is at an index, if need be behind words without meaning. */
  private isNumber(index: number): boolean {
    const element = this.elements.slice(index).find(({ isSkipped }) => !isSkipped);
    return element !== undefined && element.value !== null;
  }

  private endClause(): void {
    this.leaveItem();
    [this.polarity, this.nNamed] = ["want", 0];
    [this.limit, this.ofField, this.joined] = [null, null, ""];
    [this.likes, this.loves] = [false, false];
  }

  private exclude(index: number): void {
    this.loves = false;
    const following = this.elements[index + 1];
    const isLast = following === undefined || following.gap > 0;
    const last = this.said.at(-1);
    if (isLast && last !== undefined && this.nNamed > 0 && this.polarity !== "not") {
      last.polarity = "not"; // "boots, no"
      return;
    }
    [this.polarity, this.nNamed, this.joined] = ["not", 0, ""];
  }

  private want(index: number): void {
    if (this.polarity === "want" || this.nNamed > 0) {
      if (this.polarity === "not") this.leaveItem();
      [this.polarity, this.nNamed] = ["want", 0];
    }
    if (at(this.elements, index).isCue("between")) this.limit = "between";
    this.ofField = null;
  }

  private turn(): void {
    this.leaveItem();
    [this.polarity, this.nNamed, this.likes, this.joined] = ["want", 0, false, ""];
  }

  private prefer(index: number): void {
    if (this.polarity === "not" && this.nNamed === 0) return; // "no more boots", "I don't like boots"
    this.loves = at(this.elements, index).isCue("love");
    [this.polarity, this.nNamed] = ["prefer", 0];
  }

  private only(): void {
    [this.polarity, this.nNamed] = ["want", 0];
  }

  private like(index: number): void {
    const element = at(this.elements, index);
    if (element.isCue("unlike")) [this.polarity, this.nNamed] = ["not", 0];
    [this.likes, this.isAlike] = [true, element.isCue("alike")];
  }

  private or(index: number): void {
    this.joined = "or";
    this.likes = this.likes || this.likedAt === index - 1; // "like this or that"
  }

  private than(): void {
    if (this.polarity === "prefer" && this.nNamed > 0) [this.polarity, this.nNamed] = ["not", 0];
  }

  private relative(index: number): void {
    const element = at(this.elements, index);
    const name = element.isCue("newer", "older") ? this.year : this.price;
    if (name === null) {
      this.unknown.push(element.shown);
      return;
    }
    const isLess = element.isCue("less", "older") !== (this.polarity === "not" && this.nNamed === 0);
    this.limits.push(limitOf(name, { thanShown: isLess ? "less" : "more" }));
  }

  private beginLimit(index: number): number {
    const element = at(this.elements, index);
    if (this.polarity === "prefer" && this.nNamed > 0 && !this.isNumber(index + 1)) {
      [this.polarity, this.nNamed] = ["not", 0]; // "I prefer tea over coffee"
      return 1;
    }
    this.limit = ["between", ...LIMIT_NAMES].find((name) => element.isCue(name)) ?? null;
    return 1;
  }

  // Items

  /** Take an item of the list as the one that is meant. */
  private point(position: number): void {
    const { shown } = this.context;
    const itemId = position === -1 ? shown.at(-1) : shown[position - 1];
    if (itemId === undefined) this.problem = "no_item";
    else this.mean(itemId);
  }

  /** Take the item that was talked about last, unless a fact follows, such as in "that brand". */
  private this(index: number): void {
    const cue = this.next(index)?.cue ?? null;
    if (cue !== null && (cue.field !== null || cue.position !== null)) return;
    if (this.context.about !== null) this.mean(this.context.about);
    else if (this.likes || this.polarity === "not") [this.itemUsed, this.item] = [false, null];
  }

  private mean(itemId: string): void {
    this.leaveItem();
    [this.item, this.itemUsed] = [itemId, false];
    if (!(this.likes || this.loves)) return;
    (this.polarity === "not" ? this.unlike : this.similar).push(itemId);
    [this.itemUsed, this.likes, this.loves] = [true, false, false];
    this.nNamed += 1;
    this.likedAt = this.index;
  }

  /** Take the item of the sentence, or the one that was talked about last, for "something similar". */
  private meanLast(): void {
    const item = this.item ?? this.context.about;
    if (item !== null) this.similar.push(item);
    else if (this.said.length + this.limits.length + this.similar.length === 0) this.problem = "no_item";
  }

  /** Decide what an item means that was pointed at, and has no "like" and no fact with it. */
  private leaveItem(): void {
    if (this.itemUsed) return;
    this.itemUsed = true;
    if (this.likes && this.item !== null && this.isAlike) {
      this.similar.push(this.item); // "the second is nice, show me similar ones"
      this.likes = false;
    } else if (this.polarity === "not" && this.nNamed === 0) {
      if (this.item === null) this.problem = "no_item";
      else this.unlike.push(this.item);
    } else if (this.likes && this.item === null) this.problem = "no_item";
  }

  /** Read the name of a fact: of the item that is meant, or of the value that follows. */
  private field(index: number, name: string): number {
    const before = this.before(index);
    const isOfItem = before?.isCue("this", "same", "other") === true;
    if (!this.lexicon.fieldNames.has(name)) {
      if (isOfItem) [this.problem, this.ofProblem] = ["no_field", at(this.elements, index).shown];
      return 1;
    }
    const used = this.ofTitle(index, name);
    if (used > 0) return used;
    const isOther = before?.isCue("other") === true;
    if ((this.next(index)?.meaning ?? null) !== null) {
      this.ofField = name;
      if (isOther) this.exclude(index);
      return 1;
    }
    const pointed = this.pointedAfter(index);
    const isReference = !this.itemUsed || isOfItem;
    if (this.lexicon.numeric.has(name) || !(isReference || pointed > 0)) {
      this.ofField = name;
      return 1;
    }
    this.refer(name, isOther);
    return 1 + pointed;
  }

  /** Read the title in "the director of Jaws"; returns the number of elements used, 0 if there is none. */
  private ofTitle(index: number, name: string): number {
    let end = index + 1;
    while (this.elements[end]?.isSkipped || this.elements[end]?.isCue("with")) end++;
    const titled = this.elements[end];
    if (end === index + 1 || titled === undefined || !at(this.elements, index + 1).isCue("with")) return 0;
    const isTitle = titled.meaning !== null && titled.meaning.fields.length === 0;
    const row = isTitle ? this.lexicon.titleRow(titled.text) : null;
    if (row === null) return 0;
    this.item = at(this.itemIds, row);
    this.refer(name, false);
    return end + 1 - index;
  }

  /** Take the item that follows, as in "the brand of the third"; returns the number of elements used. */
  private pointedAfter(index: number): number {
    for (const [offset, element] of this.elements.slice(index + 1, index + 5).entries()) {
      const position = element.cue?.position ?? null;
      if (position !== null) {
        this.itemUsed = true;
        this.point(position);
        this.itemUsed = true;
        return offset + 1;
      }
      if (element.isCue("this") && this.context.about !== null) {
        this.item = this.context.about;
        return offset + 1;
      }
      if (!(element.isSkipped || element.isCue("like", "than", "with", "number_of"))) break;
    }
    return 0;
  }

  private refer(name: string, isOther: boolean): void {
    const item = this.item ?? this.context.about;
    const isExcluded = isOther || this.polarity === "not";
    this.itemUsed = true;
    if (item === null) {
      [this.problem, this.ofProblem, this.excludes] = ["which", name, isExcluded];
      return;
    }
    const values = this.context.facts(item).get(name) ?? [];
    if (values.length === 0) {
      [this.problem, this.ofProblem] = ["no_value", name];
      return;
    }
    const polarity = isExcluded ? "not" : this.polarity;
    this.said.push({ wish: { field: name, values }, polarity, joined: "", isLoose: false });
    this.nNamed += 1;
  }

  // Values

  /** Read a value or a word of the catalogue, or a title. */
  private name(index: number, meaning: Meaning): number {
    const element = at(this.elements, index);
    const used = this.likes || this.loves ? this.title(index) : 0;
    if (used > 0) return used;
    const wish = this.restricted(meaning, element.text);
    const following = this.elements[index + 1];
    const isFree = following !== undefined && following.gap === 0 && following.isCue("suffix_not");
    const joined = this.joined || (element.gap === 1 ? "," : "");
    const isLoose = wish.field === null && meaning.fields.length === 0 && wish.values.length === 1;
    this.said.push({ wish, polarity: isFree ? "not" : this.polarityOf(meaning), joined, isLoose });
    this.nNamed += 1;
    [this.joined, this.limit] = ["", null];
    return isFree ? 2 : 1;
  }

  /** What merely suits the words, or is only likened to, is preferred. */
  private polarityOf({ isRelated }: Meaning): Polarity {
    return this.polarity === "want" && (isRelated || this.likes) ? "prefer" : this.polarity;
  }

  /** A wish in the fact that was named before it. */
  private restricted({ wish, fields }: Meaning, text: string): Wish {
    const field = this.ofField;
    if (field === null || this.lexicon.numeric.has(field)) return wish;
    if (fields.includes(field)) return { field, values: wish.values };
    const values = this.lexicon.valuesWith(field, text);
    return values.length > 0 ? { field, values } : wish;
  }

  /** Take the longest run of words that is a title as the item that is meant; returns the number of elements. */
  private title(index: number): number {
    let end = index + 1;
    while (this.elements[end]?.gap === 0 && end - index < LONGEST_TITLE) end++;
    let start = index;
    while (start > 0 && at(this.elements, start - 1).isSkipped && at(this.elements, start).gap === 0) start--;
    for (let last = end; last > index; last--) {
      const words = this.elements.slice(start, last).map(({ text }) => text);
      const row = this.lexicon.titleRow(words.join(" "));
      if (row === null || !this.isTitle(index, last)) continue;
      (this.polarity === "not" ? this.unlike : this.similar).push(at(this.itemIds, row));
      [this.likes, this.loves] = [false, false];
      this.nNamed += 1;
      this.likedAt = last - 1;
      if (this.polarity === "prefer") this.polarity = "want";
      return last - index;
    }
    return 0;
  }

  /** Whether a run may be a title: one value of a fact alone is taken for the value. */
  private isTitle(start: number, end: number): boolean {
    return end - start > 1 || (this.elements[start]?.meaning?.fields.length ?? 0) === 0;
  }

  // Numbers

  /** Read a number: an item of the list, a decade, or a limit. */
  private number(index: number): number {
    const element = at(this.elements, index);
    const decade = element.cue?.decade ?? null;
    if (decade !== null) return this.years(decade, decade + 9);
    const { value } = element;
    if (value === null) return 1;
    const following = this.elements[index + 1];
    if (following !== undefined && following.gap === 0 && following.isCue("decade") && value % 10 === 0) {
      const first = value >= FIRST_YEAR ? Math.trunc(value) : 1900 + Math.trunc(value);
      return this.years(first, first + 9) + 1;
    }
    if (this.isPointed(index) || (this.likes && this.limit === null)) {
      this.point(Math.trunc(value));
      return 1;
    }
    return this.limitAt(index, value);
  }

  /** Whether a number is that of an item, as in "number 4" and "hide 2". */
  private isPointed(index: number): boolean {
    if (this.before(index)?.isCue("number_of", "why") === true) return true;
    return this.polarity === "not" && this.nNamed === 0 && this.limit === null && this.next(index) === null;
  }

  private years(first: number, last: number): number {
    const name = this.year;
    this.limit = null;
    if (name === null) {
      this.unknown.push(String(first));
      return 1;
    }
    let [atLeast, atMost] = [first, last];
    const before = this.limits.at(-1);
    if (before?.field === name && before.atLeast !== null && before.atMost !== null) {
      this.limits.pop(); // "from the 80s or 90s"
      atLeast = Math.min(first, Math.trunc(before.atLeast));
      atMost = Math.max(last, Math.trunc(before.atMost));
    }
    this.limits.push(limitOf(name, { atLeast, atMost }));
    return 1;
  }

  /** Read a number with what limits it, before or after: "under 30", "30 or less", "20 to 40". */
  private limitAt(index: number, value: number): number {
    let used = 1 + this.nCues(index + 1, "currency");
    const hasCurrency = this.hasCurrency(index);
    const following = this.elements[index + used];
    const other = this.numberAfterTo(index + used);
    let kind = this.limit;
    this.limit = null;
    if (other !== null && !["below", "at_most", "before"].includes(kind ?? "")) {
      const [atLeast, atMost] = [Math.min(value, other), Math.max(value, other)];
      this.addLimit(this.numberField(atLeast, null, hasCurrency), index, { atLeast, atMost });
      used += 2;
      return used + this.nCues(index + used, "currency", "between");
    }
    if ((kind === null || kind === "between") && following?.gap === 0 && following.isCue(...LIMIT_NAMES)) {
      kind = LIMIT_NAMES.find((name) => following.isCue(name)) ?? null;
      used += 1;
    }
    this.oneLimit(index, value, kind, hasCurrency);
    return used;
  }

  /** The number of elements from an index on that are some cues. */
  private nCues(index: number, ...names: readonly string[]): number {
    let end = index;
    while (this.elements[end]?.isCue(...names)) end++;
    return end - index;
  }

  private oneLimit(index: number, value: number, kind: string | null, hasCurrency: boolean): void {
    const limit = LIMITS.get(kind ?? "");
    if (limit !== undefined) {
      this.sidedLimit(index, value, limit, hasCurrency);
      return;
    }
    const isWritten = at(this.elements, index).cue === null;
    if (hasCurrency) this.addLimit(this.price, index, { atMost: value });
    else if (FIRST_YEAR <= value && value <= LAST_YEAR && this.year !== null) {
      this.addLimit(this.year, index, { atLeast: value, atMost: value });
    } else if (kind === "between" && this.price !== null && isWritten) {
      this.addLimit(this.price, index, { atLeast: value });
    } else if (isWritten) this.text(at(this.elements, index));
  }

  private sidedLimit(
    index: number,
    value: number,
    [operator, of]: readonly [Operator | "around", string | null],
    hasCurrency: boolean,
  ): void {
    const name = this.numberField(value, of, hasCurrency);
    if (operator === "around") {
      const wide = name === this.year ? 0 : AROUND * value;
      this.addLimit(name, index, { atLeast: value - wide, atMost: value + wide });
      return;
    }
    const isNegated = this.polarity === "not" && this.nNamed === 0;
    this.addLimit(name, index, { [isNegated ? NEGATED[operator] : operator]: value });
  }

  /** Take a number as a word of a title, such as that of "SPF 50". */
  private text(element: Element): void {
    const before = this.said.at(-1);
    const [word, ...more] = before?.wish.values ?? [];
    if (before?.wish.field === null && more.length === 0 && this.lexicon.hasText(element.text)) {
      const text = `${word} ${element.text}`;
      if (this.lexicon.hasText(text)) {
        this.said[this.said.length - 1] = { ...before, wish: { field: null, values: [text] } };
        return;
      }
    }
    this.unknown.push(element.shown);
  }

  private addLimit(name: string | null, index: number, limits: Partial<Limit>): void {
    if (name === null) this.unknown.push(at(this.elements, index).shown);
    else this.limits.push(limitOf(name, limits));
  }

  private numberField(value: number, of: string | null, hasCurrency: boolean): string | null {
    if (this.ofField !== null && this.lexicon.numeric.has(this.ofField)) return this.ofField;
    const isYear = of === YEAR || (FIRST_YEAR <= value && value <= LAST_YEAR);
    return this.year !== null && !hasCurrency && isYear ? this.year : this.price;
  }

  /** The second number of "20 to 40". */
  private numberAfterTo(index: number): number | null {
    if (this.elements[index]?.isCue("to") !== true) return null;
    return this.elements[index + 1]?.value ?? null;
  }

  private hasCurrency(index: number): boolean {
    return this.elements.slice(Math.max(0, index - 1), index + 2).some((element) => element.isCue("currency"));
  }

  private get price(): string | null {
    return this.lexicon.numeric.has(PRICE) ? PRICE : null;
  }

  private get year(): string | null {
    return this.lexicon.numeric.has(YEAR) ? YEAR : null;
  }

  // Neighbours and the result

  /** The next element that is not without meaning, in the same clause. */
  private next(index: number): Element | null {
    for (const element of this.elements.slice(index + 1)) {
      if (element.gap === 2) return null;
      if (!(element.isSkipped || element.isCue("than"))) return element;
    }
    return null;
  }

  private before(index: number): Element | null {
    return this.elements.slice(0, index).findLast(({ isSkipped }) => !isSkipped) ?? null;
  }

  private parsed(): Parsed {
    this.leaveOutAccidents();
    const hasNumber = ({ field }: Limit) => this.limits.some((one) => one.field === field && one.thanShown === null);
    const query = this.withIntent(
      queryOf({
        ...this.wishes(),
        // With a number, "cheaper" says nothing more.
        limits: this.limits.filter((one) => one.thanShown === null || !hasNumber(one)),
        similarTo: [...new Set(this.similar)],
        unlike: [...new Set(this.unlike)],
        about: this.limits.length > 0 && this.similar.length === 0 ? this.item : null,
        replaces: this.has("instead"),
      }),
    );
    const { intent } = query;
    const isTaken = intent === "undo" || intent === "reset";
    const isHeard = isTaken || intent === "why" || intent === "list";
    const hasProblem = !isTaken && (intent !== "why" || this.problem === "no_item");
    return {
      query,
      notUnderstood: isHeard ? [] : [...new Set(this.unknown)],
      problem: hasProblem ? this.problem : null,
      ofProblem: this.ofProblem,
      excludes: this.excludes,
      isSentence: (intent !== "filter" && intent !== "nothing") || this.asks(),
    };
  }

  private withIntent(said: Query): Query {
    const names = said.must.length + said.mustNot.length + said.prefer.length > 0;
    const query = this.has("varied") ? { ...said, variety: VARIETY } : said;
    for (const intent of ["reset", "undo"] as const) {
      if (this.means(intent) && isLoose(query)) return queryOf({ intent });
    }
    const found: Intent | undefined = INTENTS.find((name) => this.means(name));
    const intent = found === undefined || (found === "why" && names) ? "filter" : found;
    if (intent === "why") return queryOf({ intent, about: this.item ?? this.context.about });
    if (intent === "surprise") return { ...query, intent, variety: SURPRISE };
    if (intent === "filter" && this.isTalk(query)) return queryOf({ intent: "nothing" });
    return { ...query, intent };
  }

  /** Whether a sentence asks for nothing: it changes nothing, or only words of titles are in small talk. */
  private isTalk(query: Query): boolean {
    return !changesList(query) || (isLoose(query) && this.has("small_talk", "question"));
  }

  private asks(): boolean {
    if (this.limits.length > 0) return true;
    return this.elements.some((element) => element.isCue(...ASKING) || (element.cue?.field ?? null) !== null);
  }

  /** Whether a sentence has a phrase for an intent, or is nothing but a short one, such as "back". */
  private means(intent: string): boolean {
    const alone = `${intent}_alone`;
    const isAlone = this.elements.every((element) => element.isSkipped || element.isCue(alone));
    return this.has(intent) || (isAlone && this.has(alone));
  }

  private has(...names: readonly string[]): boolean {
    return this.elements.some((element) => element.meaning === null && element.isCue(...names));
  }

  /** Leave out words of titles with which no item is left: they are part of the talk, such as "mother". */
  private leaveOutAccidents(): void {
    const wanted = this.said.filter(({ polarity, joined }) => polarity === "want" && joined !== "or");
    let loose = wanted.filter((one) => one.isLoose);
    const holds = (some: readonly Said[]) => this.lexicon.hasAll(some.map(({ wish }) => wish));
    if (wanted.length < 2 || loose.length === 0 || holds(wanted)) return;
    const accident = loose.find((one) => holds(wanted.filter((other) => other !== one)));
    if (accident !== undefined) loose = [accident];
    if (loose.length === wanted.length) return;
    const left = new Set(loose.map(keyOfSaid));
    this.said = this.said.filter((one) => !left.has(keyOfSaid(one)));
    this.unknown.push(...loose.map(({ wish }) => at(wish.values, 0)));
  }

  private wishes(): Pick<Query, "must" | "mustNot" | "prefer"> {
    const said = withAlternatives(this.said, this.lexicon);
    const those = (polarity: Polarity) =>
      distinctBy(
        said.filter((one) => one.polarity === polarity).map(({ wish }) => wish),
        keyOfWish,
      );
    return { must: those("want"), mustNot: those("not"), prefer: those("prefer") };
  }
}

/** Whether nothing but words of titles is wanted, which may be there by accident. */
function isLoose({ must, mustNot, prefer, limits, similarTo, unlike }: Query): boolean {
  const hasValues = [...must, ...prefer].some(({ field }) => field !== null);
  return !hasValues && [limits, similarTo, unlike, mustNot].every((parts) => parts.length === 0);
}

function keyOfSaid({ wish, polarity, joined, isLoose }: Said): string {
  return JSON.stringify([keyOfWish(wish), polarity, joined, isLoose]);
}

/** The wishes with alternatives joined: after "or", and values of a fact that no item has both of. */
function withAlternatives(said: readonly Said[], lexicon: Lexicon): Said[] {
  const joined: Said[] = [];
  for (const one of withCommas(said).reverse()) {
    const after = joined.at(-1);
    if (after !== undefined && one.polarity === after.polarity && areAlternatives(one, after, lexicon)) {
      const field = one.wish.field === after.wish.field ? one.wish.field : null;
      const values = [...new Set([...one.wish.values, ...after.wish.values])];
      joined[joined.length - 1] = {
        wish: { field, values },
        polarity: one.polarity,
        joined: one.joined,
        isLoose: false,
      };
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

/** The wishes of "a, b or c" as if all were joined by "or". */
function withCommas(said: readonly Said[]): Said[] {
  const result = said.map((one) => ({ ...one }));
  for (let index = result.length - 1; index > 0; index--) {
    const before = at(result, index - 1);
    if (result[index]?.joined === "or" && before.joined === ",") before.joined = "or";
  }
  return result;
}
