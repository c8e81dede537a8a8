/**
 * What a conversation needs of one open release: parsers by language, facts, and the lists of a query. The same as
 * `edge_runtime/conversation/hearing.py`.
 */

import { numberOf } from "../filters/conditions";
import type { ItemFacts, Items } from "../items";
import type { Finder } from "../search/finder";
import { shortTitle } from "./answers";
import type { Application } from "./apply";
import { Lexicon } from "./lexicon";
import type { Context, Parsed } from "./parsed";
import type { Wish } from "./query";
import { RuleParser } from "./rules";
import { separate, textsOf } from "./tokens";
import { LENGTHS, type Phrases, withLengths } from "./words";

const PRICE = "price";

/** The items of a release. */
export interface Catalogue {
  readonly items: Items;
  /** The facts of an item, live ones included. */
  readonly factsOf: (row: number) => ItemFacts;
  /** Names of the live facts. */
  readonly live: () => readonly string[];
}

/** Understands sentences about one catalogue. */
export class Hearing {
  private readonly lexicons = new Map<string, Lexicon>();

  constructor(
    private readonly catalogue: Catalogue,
    private readonly finder: Finder,
    readonly application: Application,
  ) {}

  /** The words of the catalogue and of a language. */
  lexicon(phrases: Phrases): Lexicon {
    const live = this.catalogue.live().filter((name) => name === PRICE);
    const key = `${phrases.language} ${live}`;
    const lexicon =
      this.lexicons.get(key) ?? new Lexicon(this.catalogue.items, this.finder, this.spoken(phrases), live);
    this.lexicons.set(key, lexicon);
    return lexicon;
  }

  private spoken(phrases: Phrases): Phrases {
    const isTimed = this.catalogue.items.factFields().some(([name]) => LENGTHS.includes(name));
    return isTimed ? withLengths(phrases) : phrases;
  }

  /** What a sentence asks for. */
  parse(text: string, phrases: Phrases, context: Context): Parsed {
    return new RuleParser(this.lexicon(phrases), this.catalogue.items.ids).parse(text, context);
  }

  /** Whether a text of at least two words is most of a title, such as "Some Like It Hot". */
  isTitle(text: string): boolean {
    const nWords = separate(textsOf(text)).length;
    const row = nWords > 1 ? this.finder.titled(text) : null;
    if (row === null) return false;
    return nWords * 2 > separate(textsOf(shortTitle(this.catalogue.items.titles[row] ?? ""))).length;
  }

  /** Whether the catalogue has an item. */
  readonly knows = (itemId: string): boolean => this.catalogue.items.rowOf(itemId) !== undefined;

  /** The facts of an item; none if the catalogue lacks it. */
  readonly facts = (itemId: string): ItemFacts => {
    const row = this.catalogue.items.rowOf(itemId);
    return row === undefined ? new Map() : this.catalogue.factsOf(row);
  };

  /** Whether an item has a value of a wish; not if the catalogue lacks it. */
  fulfils(itemId: string, wish: Wish): boolean {
    return this.application.holds(wish)[this.catalogue.items.rowOf(itemId) ?? -1] === 1;
  }

  /** The first number of a fact of each item that has one. */
  numbers(itemIds: readonly string[], field: string): number[] {
    const firstOf = (itemId: string) =>
      this.facts(itemId)
        .get(field)
        ?.map(numberOf)
        .find((number) => number !== null);
    return itemIds.map(firstOf).filter((number) => number !== undefined && number !== null);
  }

  /** The title of an item, or its id if the catalogue lacks it. */
  readonly title = (itemId: string): string => {
    const { items } = this.catalogue;
    return items.titles[items.rowOf(itemId) ?? -1] ?? itemId;
  };
}
