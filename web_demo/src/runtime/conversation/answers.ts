/**
 * Writes answers, chips and questions in words, from the sentences of a language. The same as
 * `edge_runtime/conversation/answers.py`.
 */

import { clean } from "../reasons/quoting";
import { highOf, lowOf } from "./compose";
import type { Part, Parts } from "./parts";
import type { Limit, Wish } from "./query";
import { listOf, type Words } from "./words";

const MAX_SHOWN = 60;
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
  chip({ kind, wish, limit, itemId }: Part): string {
    if (wish !== null) return this.pattern(kind, { value: this.values(wish) });
    if (limit !== null) return this.limit(limit);
    if (itemId !== null) return this.pattern(kind, { value: shown(this.title(itemId)) });
    return this.pattern("variety");
  }

  /** The texts of several chips. */
  chips(parts: Parts): string {
    return parts.map((part) => this.chip(part)).join(this.say("joint"));
  }

  /** What a person wrote, between quotation marks. */
  quoted(words: readonly string[]): string {
    return words.map((word) => this.say("quoted", { word: shown(word) })).join(this.say("joint"));
  }

  /** The alternatives of a wish; of many only the first. */
  values({ values }: Wish): string {
    const [first = "", ...more] = values.slice(0, 3).map(shown);
    const text = more.reduce((a, b) => this.pattern("or", { a, b }), first);
    return text + (values.length > 3 ? " …" : "");
  }

  /** What a fact is called. */
  field(name: string): string {
    return listOf(this.words.fields, name)[0] ?? shown(name.replaceAll("_", " "));
  }

  private limit(limit: Limit): string {
    const [low, high] = [lowOf(limit), highOf(limit)];
    const field = this.field(limit.field);
    if (low !== null && high !== null) {
      if (low === high) return this.pattern("exactly", { field, n: numberText(low) });
      return this.pattern("between", { field, n: numberText(low), m: numberText(high) });
    }
    for (const [name, side] of SIDES) {
      const value = limit[side];
      if (value !== null) return this.pattern(name, { field, n: numberText(value) });
    }
    return field;
  }

  private pattern(name: string, slots: Slots = {}): string {
    return filled(this.words.chips[name] ?? "", slots);
  }
}

/** A pattern with its slots filled in one pass, so that braces in a title are no slots. */
function filled(pattern: string, slots: Slots): string {
  return pattern.replace(/\{([a-z]+)\}/g, (_, name: string) => slots[name] ?? "");
}

/** A catalogue text on one line, without marks that could close a quotation, and not too long. */
export function shown(text: string): string {
  const characters = Array.from(clean(text));
  if (characters.length <= MAX_SHOWN) return characters.join("");
  return `${characters
    .slice(0, MAX_SHOWN - 1)
    .join("")
    .trimEnd()}…`;
}

/** A number without a decimal part if it has none, else with two decimals, of two equally near ones the even one. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const isTie = Number.isInteger(value * 8) && !Number.isInteger(value * 4);
  const low = Math.floor(value * 100);
  return (isTie ? (low % 2 === 0 ? low : low + 1) / 100 : value).toFixed(2);
}
