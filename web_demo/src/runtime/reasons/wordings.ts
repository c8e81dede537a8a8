/**
 * Puts facts into words: all wordings of a claim, in a style, a tone and a language. The same as
 * `edge_runtime/reasons/wordings.py`.
 */

import { CLICK, LIKE, PURCHASE } from "../constants";
import type { Claim } from "./claims";
import { type Fact, groupOfFact } from "./facts";
import type { Name } from "./names";
import type { Phrases } from "./phrasebook";
import { isAmount } from "./quoting";
import { capitalized, displayField, displayValue, isPlain, lowerWords, type Style, type Tone } from "./words";

const EVENTS: ReadonlySet<string> = new Set([CLICK, LIKE, PURCHASE]);
/** Groups of names, which keep their small letter at the start of a sentence, such as `theBalm`. */
const NAMES: ReadonlySet<string> = new Set(["maker", "creator", "cast"]);
const SLOT = /\{([a-z]+)\}/;

/** A piece of a sentence; the page highlights those that are a fact. */
export interface Piece {
  readonly text: string;
  readonly fact: boolean;
}

/** One way to say a claim. */
export interface Wording {
  readonly text: string;
  /** The text, in pieces. */
  readonly pieces: readonly Piece[];
  /** What it is said with, without the item's own words; two wordings with the same one sound alike. */
  readonly skeleton: string;
  readonly facts: readonly Fact[];
}

type Slots = Readonly<Record<string, readonly Piece[]>>;

/** Says claims in one style, tone and language. */
export class Speaker {
  /**
   * @param style `detailed` adds a second fact, where there is one.
   * @param names row of the history to its name.
   * @param events row of the history to the name of its newest event, where that is known.
   */
  constructor(
    readonly phrases: Phrases,
    readonly style: Style,
    readonly tone: Tone,
    readonly names: ReadonlyMap<number, Name>,
    private readonly events: ReadonlyMap<number, string>,
  ) {}

  /** All wordings of a claim. */
  wordings({ fact, seconds }: Claim): Wording[] {
    const [group, slots, patterns] = [groupOfFact(fact), this.slots(fact), this.patterns(fact)];
    const second = this.style === "detailed" ? seconds[0] : undefined;
    if (second === undefined) return patterns.map((pattern) => wordingOf(pattern, group, slots, [fact]));
    const said = pieced(this.phrases.also[groupOfFact(second)] ?? "", this.slots(second));
    const joins = this.phrases.detailed[this.tone];
    return patterns.map((pattern, index) => {
      const join = (joins[index % joins.length] ?? "").replace("{first}", () => pattern);
      return wordingOf(join, group, { ...slots, second: said }, [fact, second]);
    });
  }

  /** How an item of the history is named in a sentence. */
  past(row: number): string {
    const name = this.names.get(row);
    if (name === undefined || name.isTitle) return this.quoted(name?.text ?? "");
    const patterns = this.phrases.past[this.tone];
    const event = this.events.get(row) ?? "";
    return (patterns[EVENTS.has(event) ? event : "any"] ?? "").replace("{name}", () => name.text);
  }

  private patterns(fact: Fact): readonly string[] {
    const wordings = fact.kind === "shared" ? this.phrases.shared[groupOfFact(fact)] : this.phrases[fact.kind];
    return wordings?.[this.tone] ?? [];
  }

  private slots(fact: Fact): Slots {
    return {
      past: fact.historyRow === null ? [] : [{ text: this.past(fact.historyRow), fact: true }],
      value: [{ text: this.value(fact), fact: true }],
      field: [{ text: this.plain(displayField(fact.field)), fact: false }],
    };
  }

  private value(fact: Fact): string {
    const text = displayValue(fact.value);
    return this.plain(groupOfFact(fact) === "kind" && this.phrases.lower_kinds ? lowerWords(text) : text);
  }

  private plain(text: string): string {
    return isPlain(text) || isAmount(text) ? text : this.quoted(text);
  }

  private quoted(text: string): string {
    const [open, close] = this.phrases.quotes;
    return `${open}${text}${close}`;
  }
}

function wordingOf(pattern: string, group: string, slots: Slots, facts: readonly Fact[]): Wording {
  const pieces = pieced(pattern, slots);
  const [first, ...others] = pieces;
  const keepsCase = pattern.startsWith("{value}") && NAMES.has(group);
  const said = first === undefined || keepsCase ? pieces : [{ ...first, text: capitalized(first.text) }, ...others];
  return { text: said.map(({ text }) => text).join(""), pieces: said, skeleton: `${group}: ${pattern}`, facts };
}

/** Fill the slots of a pattern in one pass, so that braces in a title are not treated as slots. */
function pieced(pattern: string, slots: Slots): Piece[] {
  // Splitting by a pattern with a group gives texts and names of slots in turn.
  const pieces = pattern
    .split(SLOT)
    .flatMap((part, index) => (index % 2 === 1 ? (slots[part] ?? []) : [{ text: part, fact: false }]));
  return pieces.filter(({ text }) => text !== "");
}
