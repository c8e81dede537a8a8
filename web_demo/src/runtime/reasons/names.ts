/**
 * Short names for the items of a history, as a person would say them: `nail polish` or “Toy Story”.
 *
 * The same as `edge_runtime/reasons/names.py`.
 */

import type { FactFinder } from "./facts";
import { withoutLegalForm, withoutMaker } from "./makers";
import { clean } from "./quoting";
import { isPlain, lengthOf, lowerWords, rules, shorten } from "./words";

const BRACKET = /[([{|]/u;
const CUT = /[,:;]| [-–—] | [0-9]/u;
const AMOUNT =
  /[ ,.-]+[0-9][0-9.]*[ -]?(?:oz|fl|ounces?|fluid|ml|g|grams?|kg|lbs?|count|ct|pcs?|pieces?|packs?|inch|l|mm|cm)(?:[^a-z0-9]|$)/iu;
const AND = / & | and |, | \/ /u;
const LETTER = /^\p{L}$/u;
const WORD_CHARACTER = /^[\p{L}\p{N}']$/u;
const FEW_ITEMS = 20;
const KINDS = 16;
const SHORTEST = 10;

/** A name of an item. */
export interface Name {
  /** Cleaned text, not empty. */
  readonly text: string;
  /** Whether it is the title or its beginning, which is shown between quotation marks. */
  readonly isTitle: boolean;
  /** The kind by which the item is called; empty for a title. */
  readonly kind: string;
  /** The maker by which it is called too; else empty. */
  readonly maker: string;
  /** What it may be called by its title; empty if that is not its own. */
  readonly title: string;
}

/** What an item is, such as `nail polish`, and its words without plural endings. */
interface Kind {
  readonly noun: string;
  readonly words: readonly string[];
}

/**
 * Names of the items `rows` of a history, each of which means one item only; an item that has none is left out.
 *
 * @param others further items of the history, which a name must not mean either.
 */
export function shortNames(
  finder: FactFinder,
  rows: readonly number[],
  others: readonly number[] = [],
): ReadonlyMap<number, Name> {
  const words = new Map([...rows, ...others].map((row) => [row, new Set(tokens(finder.items.titles[row] ?? ""))]));
  const candidates = new Map([...words.keys()].map((row) => [row, candidatesOf(finder, row, words)]));
  const counts = new Map<string, number>();
  for (const names of candidates.values()) {
    for (const [, text] of new Map(names.map((name) => [`${name.isTitle} ${name.text}`, name.text]))) {
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  }
  const named = new Map<number, Name>();
  for (const row of rows) {
    const own = candidates.get(row)?.filter(({ text }) => counts.get(text) === 1) ?? [];
    const title = own.find(({ isTitle }) => isTitle)?.text ?? "";
    if (own[0] !== undefined) named.set(row, { ...own[0], title });
  }
  return named;
}

/** The kind, the maker and the kind, the beginning of the title, and the title. */
function candidatesOf(finder: FactFinder, row: number, words: ReadonlyMap<number, ReadonlySet<string>>): Name[] {
  const title = inOrder(clean(finder.items.titles[row] ?? ""));
  const makers = makersOf(finder, row);
  const start = beginning(withoutMaker(title, makers));
  const names = [start, shorten(title, rules.titleLength)].map((text) => nameOf(text));
  const kind = kindOf(finder, row);
  if (kind !== null) {
    const [maker = ""] = makers;
    const made = `${maker} ${kind.noun}`;
    const isName = maker !== "" && isPlain(maker) && lengthOf(made) <= rules.nameLength;
    if (isName) names.unshift(nameOf(made, kind.noun, maker));
    const isOfOther = [...words].some(([other, its]) => other !== row && kind.words.every((word) => its.has(word)));
    if (!isOfOther) names.unshift(nameOf(kind.noun, kind.noun));
  }
  return names.filter(({ text }) => text !== "");
}

/** A name that is a title, or has a kind. */
function nameOf(text: string, kind = "", maker = ""): Name {
  return { text, isTitle: kind === "", kind, maker, title: "" };
}

/** Whether the kind of a name is an English noun of which there may be another one: no boots, and no makeup. */
export function isCountable({ kind }: Name): boolean {
  const last = lastWord(kind);
  return !rules.pluralOnly.has(last) && !rules.uncountable.has(last);
}

/** Whether a value of the catalogue, such as `Shampoos`, is the kind by which an item is called. */
export function isCalled(name: Name, kind: string): boolean {
  if (name.kind === "") return false;
  const [own, other] = [tokens(name.kind), tokens(kind)];
  return own.length === other.length && own.every((word, index) => word === other[index]);
}

/** What an item is, by its rarest kind, if its title says it too. Only what someone makes is called by its kind. */
function kindOf(finder: FactFinder, row: number): Kind | null {
  if (!finder.fields.some(({ group }) => group === "maker")) return null;
  const rarest = finder.rarest("kind", row);
  const most = Math.max(FEW_ITEMS, Math.floor(finder.items.titles.length / KINDS));
  if (rarest === undefined || rarest.count > most) return null;
  const title = tokens(finder.items.titles[row] ?? "");
  for (const noun of nounsOf(clean(rarest.field.values[rarest.index] ?? ""))) {
    const words = tokens(noun);
    if (isPlain(noun) && !rules.notAKind.has(noun.toLowerCase()) && namesAThing(words, title)) return { noun, words };
  }
  return null;
}

/** The words of a text with small letters, without plural endings, and each other character but spaces. */
function tokens(text: string): string[] {
  const found: string[] = [];
  let word = "";
  for (const char of [...clean(text).toLowerCase(), " "]) {
    if (WORD_CHARACTER.test(char)) {
      word += char;
      continue;
    }
    if (word !== "") found.push(stem(word));
    if (char !== " ") found.push(char);
    word = "";
  }
  return found;
}

/** Whether a title has the words of a noun in their order, and not as the beginning of a compound. */
function namesAThing(noun: readonly string[], title: readonly string[]): boolean {
  return title.some((_, start) => {
    const end = start + noun.length;
    if (end > title.length || !noun.every((word, index) => word === title[start + index])) return false;
    const next = title[end];
    return next === undefined || rules.afterAKind.has(next) || ![...next].every((char) => LETTER.test(char));
  });
}

/** An English noun as one thing is called; what has no plural ending stays as it is, and so do boots. */
function singular(noun: string): string {
  return rules.pluralOnly.has(lastWord(noun)) ? noun : stem(noun);
}

/** An English noun without its plural ending. */
function stem(noun: string): string {
  const last = lastWord(noun);
  if (lengthOf(last) < 4 || /(ss|us|is|'s)$/.test(last)) return noun;
  if (last.endsWith("ies")) return `${noun.slice(0, -3)}y`;
  if (/(sses|shes|ches|xes)$/.test(last)) return noun.slice(0, -2);
  return last.endsWith("s") ? noun.slice(0, -1) : noun;
}

function lastWord(noun: string): string {
  return noun.slice(noun.lastIndexOf(" ") + 1).toLowerCase();
}

/** The nouns of a kind, such as `cream` and `moisturizer` of `Creams & Moisturizers`. */
function nounsOf(kind: string): string[] {
  const parts = kind.split(AND).filter((part) => part !== "");
  const isPlural = (part: string) => part.endsWith("s");
  // In `Hair & Scalp Treatments` only the last part is one: if that is a plural, nouns are plurals.
  const nouns = isPlural(parts.at(-1) ?? "") ? parts.filter(isPlural) : parts;
  return nouns.map((part) => singular(lowerWords(part)));
}

/** `The Iron Giant` for `Iron Giant, The`. */
function inOrder(title: string): string {
  const at = title.lastIndexOf(", ");
  const last = title.slice(at + 2);
  if (at < 0 || !rules.articles.has(last)) return title;
  return `${last}${last.endsWith("'") ? "" : " "}${title.slice(0, at)}`;
}

/** A title up to its first bracket or amount; and if it is still long, up to its first mark or number. */
function beginning(title: string): string {
  const open = trimmed(title.split(BRACKET, 1)[0] ?? "") || title;
  const amount = open.search(AMOUNT);
  const start = amount >= 0 && lengthOf(open.slice(0, amount)) >= SHORTEST ? open.slice(0, amount) : open;
  if (lengthOf(start) <= rules.nameLength) return start;
  const cut = trimmed(start.split(CUT, 1)[0] ?? "");
  const length = lengthOf(cut);
  const isName = cut.includes(" ") && length >= SHORTEST && length <= rules.nameLength;
  return isName ? cut : shorten(start, rules.nameLength);
}

function trimmed(text: string): string {
  return text.replace(/^ +| +$/g, "");
}

/** The makers of an item, without legal forms. */
function makersOf(finder: FactFinder, row: number): string[] {
  return finder.fields
    .filter(({ group }) => group === "maker")
    .flatMap((field) => finder.values(field, row).map((index) => withoutLegalForm(clean(field.values[index] ?? ""))));
}
