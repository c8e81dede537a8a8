/**
 * Puts facts into words: all wordings of a claim, in a style, a tone and a language. The same as
 * `edge_runtime/reasons/wordings.py`.
 */

import { CLICK, LIKE, PURCHASE, SHOP } from "../constants";
import type { Claim } from "./claims";
import { type Fact, groupOfFact } from "./facts";
import { withoutLegalForm } from "./makers";
import { isCalled, isCountable, type Name } from "./names";
import type { Again, Forms, Phrases } from "./phrasebook";
import { isAmount } from "./quoting";
import { capitalized, displayField, displayValue, isPlain, lowerWords, type Style, type Tone } from "./words";

const EVENTS: ReadonlySet<string> = new Set([CLICK, LIKE, PURCHASE]);
/** Groups of names, which keep their small letter at the start of a sentence, such as `theBalm`. */
const NAMES: ReadonlySet<string> = new Set(["maker", "creator", "cast"]);
const START = /^(?:\{([a-z]+)\}|[^ {，：]+)/u;
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
  /** What it begins with. */
  readonly opening: string;
  readonly facts: readonly Fact[];
}

type Slots = Readonly<Record<string, readonly Piece[]>>;

/** Says claims in one style, tone and language. */
export class Speaker {
  /**
   * @param style `detailed` adds a second fact, where there is one.
   * @param names row of the history to its name.
   * @param events row of the history to the name of its newest event, where that is known.
   * @param kind the kind of catalogue, which decides whether people pick, watch or read.
   */
  constructor(
    readonly phrases: Phrases,
    readonly style: Style,
    readonly tone: Tone,
    readonly names: ReadonlyMap<number, Name>,
    private readonly events: ReadonlyMap<number, string>,
    private readonly kind: string,
  ) {}

  /** All wordings of a claim. */
  wordings({ fact, seconds }: Claim): Wording[] {
    const [group, patterns] = [groupOfFact(fact), this.patterns(fact)];
    const second = this.style === "detailed" ? seconds[0] : undefined;
    if (second === undefined) {
      return patterns.map((pattern) => wordingOf(pattern, group, this.slots(fact, pattern), [fact]));
    }
    const also = this.phrases.also[groupOfFact(second)] ?? "";
    const said = pieced(also, this.slots(second, also));
    const joins = this.phrases.detailed[this.tone];
    return patterns.map((pattern, index) => {
      const join = (joins[index % joins.length] ?? "").replace("{first}", () => pattern);
      return wordingOf(join, group, { ...this.slots(fact, pattern), second: said }, [fact, second]);
    });
  }

  /** How an item of the history is named in a sentence. */
  past(row: number): string {
    const name = this.names.get(row);
    return name === undefined || name.isTitle ? this.quoted(name?.text ?? "") : this.called(name.text, row);
  }

  private patterns(fact: Fact): readonly string[] {
    if (fact.kind !== "shared") return this.phrases[fact.kind][this.tone];
    const again = this.again(fact);
    return (again === null ? this.phrases.shared[groupOfFact(fact)] : again.wordings)?.[this.tone] ?? [];
  }

  /** The texts of the slots that a pattern may have. */
  private slots(fact: Fact, pattern: string): Slots {
    const name = fact.historyRow === null ? undefined : this.names.get(fact.historyRow);
    const verbs = this.phrases.verbs[this.tone];
    return {
      past: fact.historyRow === null ? [] : [{ text: this.pastBeside(fact, fact.historyRow, pattern), fact: true }],
      value: [{ text: this.value(fact), fact: true }],
      field: [{ text: this.plain(displayField(fact.field)), fact: false }],
      name: [{ text: name?.kind ?? "", fact: true }],
      ...Object.fromEntries(
        Object.entries(verbs[this.kind] ?? verbs[SHOP] ?? {}).map(([form, text]) => [form, [{ text, fact: false }]]),
      ),
    };
  }

  private called(kind: string, row: number): string {
    return this.byEvent(this.phrases.past, row).replace("{name}", () => kind);
  }

  private byEvent(forms: Forms, row: number): string {
    const event = this.events.get(row) ?? "";
    return forms[this.tone][EVENTS.has(event) ? event : "any"] ?? "";
  }

  /** How the cited item is named beside a value, without saying the value once more. */
  private pastBeside(fact: Fact, row: number, pattern: string): string {
    const name = this.names.get(row);
    if (name === undefined) return this.past(row);
    if (this.echoes(fact)) {
      const again = this.again(fact);
      if (again === null) return this.quoted(name.title);
      return this.byEvent(name.maker === "" ? again.one : again.made, row).replace("{maker}", () => name.maker);
    }
    if (!pattern.includes("{value}") || !repeatsMaker(fact, name)) return this.past(row);
    // The maker is said, and makes only one of this kind in the history.
    if (this.phrases.again !== null) return this.called(name.kind, row);
    return name.title === "" ? this.past(row) : this.quoted(name.title);
  }

  /** The phrases for one more of the same kind, if they are to be used. */
  private again(fact: Fact): Again | null {
    const name = fact.historyRow === null ? undefined : this.names.get(fact.historyRow);
    return name !== undefined && isCountable(name) && this.echoes(fact) ? this.phrases.again : null;
  }

  /** Whether a value is the kind by which the cited item is called, and there is another way to name it. */
  private echoes(fact: Fact): boolean {
    const name = fact.historyRow === null || fact.kind !== "shared" ? undefined : this.names.get(fact.historyRow);
    if (name === undefined || groupOfFact(fact) !== "kind" || !isCalled(name, fact.value)) return false;
    return name.title !== "" || (this.phrases.again !== null && isCountable(name));
  }

  private value(fact: Fact): string {
    const [text, group] = [displayValue(fact.value), groupOfFact(fact)];
    if (group === "kind" && this.phrases.lower_kinds) return this.plain(lowerWords(text));
    return this.plain(group === "maker" ? withoutLegalForm(text) : text);
  }

  private plain(text: string): string {
    return isPlain(text) || isAmount(text) ? text : this.quoted(text);
  }

  /** A cleaned text between quotation marks. */
  quoted(text: string): string {
    const [open, close] = this.phrases.quotes;
    return `${open}${text}${close}`;
  }
}

function repeatsMaker(fact: Fact, name: Name): boolean {
  return (
    groupOfFact(fact) === "maker" && name.maker !== "" && name.maker === withoutLegalForm(displayValue(fact.value))
  );
}

function wordingOf(pattern: string, group: string, slots: Slots, facts: readonly Fact[]): Wording {
  const pieces = pieced(pattern, slots);
  const [first, ...others] = pieces;
  const keepsCase = pattern.startsWith("{value}") && NAMES.has(group);
  const said = first === undefined || keepsCase ? pieces : [{ ...first, text: capitalized(first.text) }, ...others];
  const [text, opening] = [textOf(said), openingOf(pattern, slots)];
  return { text, pieces: said, skeleton: `${group}: ${pattern}`, opening, facts };
}

/** With what a sentence begins: the text of a slot, or else the first word, in small letters. */
function openingOf(pattern: string, slots: Slots): string {
  const [word = "", slot] = START.exec(pattern) ?? [];
  return (slot === undefined ? word : textOf(slots[slot] ?? [])).toLowerCase();
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}

/** Fill the slots of a pattern in one pass, so that braces in a title are not treated as slots. */
function pieced(pattern: string, slots: Slots): Piece[] {
  // Splitting by a pattern with a group gives texts and names of slots in turn.
  const pieces = pattern
    .split(SLOT)
    .flatMap((part, index) => (index % 2 === 1 ? (slots[part] ?? []) : [{ text: part, fact: false }]));
  return pieces.filter(({ text }) => text !== "");
}
