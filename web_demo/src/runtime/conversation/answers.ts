/**
 * Writes answers, chips and questions in words, from the sentences of a language. The same as
 * `edge_runtime/conversation/answers.py`.
 */

import { clean } from "../reasons/quoting";
import { highOf, lowOf } from "./compose";
import type { Part, Parts } from "./parts";
import type { Limit } from "./query";
import { phraseOf } from "./tokens";
import { LENGTHS, listOf, type Words } from "./words";

const MAX_SHOWN = 60;
const MAX_TITLE = 40;
const MAX_VALUES = 3;
const MAX_FIELDS = 6;
const SIDES = [
  ["below", "below"],
  ["at_most", "atMost"],
  ["above", "above"],
  ["at_least", "atLeast"],
] as const;

type Slots = Readonly<Record<string, string>>;

/** Puts parts of a conversation into words. */
export class Sayings {
  /** @param title returns the title of an item by its id. */
  constructor(
    private readonly words: Words,
    private readonly title: (itemId: string) => string,
  ) {}

  /** A sentence of the language with its slots filled. */
  say(name: string, slots: Slots = {}): string {
    return filled(this.words.answers[name] ?? "", slots);
  }

  /** The text of a chip. */
  chip({ kind, wish, limit, itemId, said }: Part): string {
    if (wish !== null) {
      const isNamed = areEqual(said.map(phraseOf), wish.values.map(phraseOf));
      return this.pattern(kind, { value: this.some(isNamed || said.length === 0 ? wish.values : said) });
    }
    if (limit !== null) return this.limit(limit, this.words.chips);
    if (itemId !== null) return this.pattern(kind, { value: shortTitle(this.title(itemId)) });
    return this.pattern("variety");
  }

  /** What a chip stands for if its text is shorter: all values, the fact of a number, or the title; or an empty text. */
  details(part: Part): string {
    const { kind, wish, limit, itemId } = part;
    let full = "";
    if (wish !== null)
      full = this.pattern(kind, { value: this.either([...new Set(wish.values)].map((value) => shown(value))) });
    else if (limit !== null) full = this.limit(limit, {});
    else if (itemId !== null) full = this.pattern(kind, { value: clean(this.title(itemId)) });
    return full === this.chip(part) ? "" : full;
  }

  /** The texts of several chips. */
  chips(parts: Parts): string {
    return parts.map((part) => this.chip(part)).join(this.say("joint"));
  }

  /** What a person wrote, between quotation marks. */
  quoted(words: readonly string[]): string {
    return words.map((word) => this.say("quoted", { word: shown(word) })).join(this.say("joint"));
  }

  /** Alternatives; of many only the first. */
  private some(values: readonly string[]): string {
    return (
      this.either(values.slice(0, MAX_VALUES).map((value) => shown(value))) + (values.length > MAX_VALUES ? " …" : "")
    );
  }

  /** Alternatives, such as "red, teal or blue". */
  either(texts: readonly string[]): string {
    return this.listed("or", texts);
  }

  /** What a fact is called. */
  field(name: string): string {
    const names = LENGTHS.includes(name) ? listOf(this.words.lengths, "name") : listOf(this.words.fields, name);
    return names[0] ?? shown(name.replaceAll("_", " "));
  }

  /** What the facts of a catalogue are called, those with a name of this language. */
  fields(names: ReadonlySet<string>): string {
    const known = [...Object.keys(this.words.fields), ...LENGTHS].filter((name) => names.has(name));
    return this.listed(
      "and",
      known.slice(0, MAX_FIELDS).map((name) => this.field(name)),
    );
  }

  private listed(joinedBy: string, texts: readonly string[]): string {
    const first = texts.slice(0, -1);
    const last = texts.at(-1) ?? "";
    return first.length > 0 ? this.pattern(joinedBy, { a: first.join(this.say("joint")), b: last }) : last;
  }

  /** A limit in words, by the short pattern of its fact if there is one. */
  private limit(limit: Limit, short: Slots): string {
    const [low, high] = [lowOf(limit), highOf(limit)];
    const field = this.field(limit.field);
    const side = SIDES.find(([, of]) => limit[of] !== null);
    if (side === undefined) return field;
    let [name, n]: [string, number | null] = ["between", low];
    if (low === null || high === null) [name, n] = [side[0], limit[side[1]]];
    else if (low === high) name = "exactly";
    const mark = this.words.decimal;
    const slots = { field, n: numberText(n ?? 0, mark), ...(high === null ? {} : { m: numberText(high, mark) }) };
    return filled(short[`${name}_${limit.field}`] ?? this.words.chips[name] ?? "", slots);
  }

  private pattern(name: string, slots: Slots = {}): string {
    return filled(this.words.chips[name] ?? "", slots);
  }
}

/** A pattern with its slots filled in one pass, so that braces in a title are no slots. */
function filled(pattern: string, slots: Slots): string {
  return pattern.replace(/\{([a-z]+)\}/g, (_, name: string) => slots[name] ?? "");
}

/** A catalogue text on one line, without marks that could close a quotation, cut at a word if it is long. */
export function shown(text: string, most = MAX_SHOWN): string {
  const characters = Array.from(clean(text));
  if (characters.length <= most) return characters.join("");
  const cut = characters.slice(0, most - 1);
  const space = cut.lastIndexOf(" ");
  return `${cut
    .slice(0, space >= Math.floor(most / 2) ? space : cut.length)
    .join("")
    .trimEnd()}…`;
}

/** A title up to its first comma or bracket, cut at a word if it is long. */
export function shortTitle(text: string): string {
  const cleaned = clean(text);
  return shown(cleaned.split(/, | \(/)[0]?.trimEnd() || cleaned, MAX_TITLE);
}

/** Whether two lists have the same texts. */
export function areEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

/** A number without a decimal part if it has none, else with two decimals, of two equally near ones the even one. */
export function numberText(value: number, mark = "."): string {
  if (Number.isInteger(value)) return String(value);
  const isTie = Number.isInteger(value * 8) && !Number.isInteger(value * 4);
  const low = Math.floor(value * 100);
  return (isTie ? (low % 2 === 0 ? low : low + 1) / 100 : value).toFixed(2).replace(".", mark);
}
