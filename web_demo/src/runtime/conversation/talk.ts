/**
 * A conversation: what was said so far, kept in memory only, and the answers to what is said next. The same as
 * `edge_runtime/conversation/talk.py`.
 */

import { Sayings } from "./answers";
import { type Composed, compose, thanShown } from "./compose";
import type { Hearing } from "./hearing";
import type { Context, Parsed } from "./parsed";
import { areSame, contentOf, isSame, type Kind, type Part, type Parts, partOf, partsOf, queryOfParts } from "./parts";
import { changesList, MAX_PARTS, type Query, queryOf } from "./query";
import { phraseOf, separate, textsOf } from "./tokens";
import { listOf, type Phrases } from "./words";

const MAX_UNDO = 50;
const MAX_OPTIONS = 3;

/** One thing that was said, to be shown with a button that removes it. */
export interface Chip {
  readonly id: string;
  /** In words. */
  readonly text: string;
  /** What it does. */
  readonly kind: Kind;
}

/** A contradiction or an unclear reference that only the person can decide. */
export interface Question {
  readonly text: string;
  /** The answers; say one of them, or "the first". */
  readonly options: readonly string[];
}

/** The answer to a sentence. */
export interface Answer<Item> {
  /** In words. */
  readonly text: string;
  /** What the sentence asked for. */
  readonly understood: Query;
  /** The words that were not understood, as written; they changed nothing. */
  readonly notUnderstood: readonly string[];
  /** All that counts now. */
  readonly chips: readonly Chip[];
  /** The list. */
  readonly items: readonly Item[];
  /** What is to be decided before the sentence counts. */
  readonly question: Question | null;
  /** Whether the text asks for something, unlike words to search for. */
  readonly isSentence: boolean;
}

/** What answers need besides what was said. */
export interface Host<Item> {
  /** Understands sentences about the release in use. */
  readonly hearing: Hearing;
  /** The best items by a query without some item ids. */
  readonly list: (query: Query, hidden: readonly string[]) => Promise<readonly Item[]>;
  /** The reason of an item by its id. */
  readonly explain: (itemId: string) => Promise<string>;
}

interface State {
  readonly parts: Parts;
  /** Item ids that were shown before "something else". */
  readonly hidden: readonly string[];
}

interface Option {
  readonly text: string;
  readonly state: State;
}

const NOTHING_SAID: State = { parts: [], hidden: [] };

/** What was said so far. One sentence at a time. */
export class Conversation {
  /** The number of the last chip. */
  private nChips = 0;
  private past: readonly State[] = [];
  private state = NOTHING_SAID;
  /** The options of the question that was asked. */
  options: readonly Option[] = [];
  shown: readonly string[] | null = null;
  about: string | null = null;
  private phrases: Phrases | null = null;

  get parts(): Parts {
    return this.state.parts;
  }

  /** What counts now. */
  get query(): Query {
    return queryOfParts(this.state.parts);
  }

  get hidden(): readonly string[] {
    return this.state.hidden;
  }

  /** Whether there is something to undo. */
  get canUndo(): boolean {
    return this.past.length > 0;
  }

  /** What counts now, in words of the language of the last sentence. */
  chips(hearing: Hearing): readonly Chip[] {
    if (this.phrases === null) return [];
    const sayings = new Sayings(this.phrases.words, hearing.title);
    return this.parts.map((part) => ({ id: String(part.id), text: sayings.chip(part), kind: part.kind }));
  }

  /** Remove a chip; returns whether there was one. It can be undone. */
  remove(chipId: string): boolean {
    const parts = this.parts.filter(({ id }) => String(id) !== chipId);
    if (parts.length === this.parts.length) return false;
    this.go({ parts, hidden: [] });
    return true;
  }

  /** Whether a text replies to the question, or asks for something, unlike words to search for. */
  asks(text: string, phrases: Phrases, hearing: Hearing): boolean {
    if (chosen(this.options, text, phrases) !== null) return true;
    return hearing.parse(text, phrases, this.context(hearing)).isSentence;
  }

  /**
   * The answer to a sentence.
   *
   * @param shown item ids on the screen; null for those of the last answer.
   * @param about id of the item that "this" means; null for the one that was talked about last.
   */
  async say<Item extends { readonly itemId: string }>(
    text: string,
    phrases: Phrases,
    host: Host<Item>,
    shown: readonly string[] | null = null,
    about: string | null = null,
  ): Promise<Answer<Item>> {
    this.phrases = phrases;
    this.shown = shown ?? this.shown ?? idsOf(await host.list(this.query, this.hidden));
    this.about = about ?? this.about;
    const answer = await new Turn(this, phrases, host).answer(text);
    this.shown = idsOf(answer.items);
    return answer;
  }

  /** What a sentence may refer to. */
  context({ facts }: Hearing): Context {
    return { shown: this.shown ?? [], about: this.about, facts };
  }

  /** Go over to another state, so that it can be undone. */
  go({ parts, hidden }: State): void {
    this.past = [...this.past, this.state].slice(-MAX_UNDO);
    this.state = { parts: parts.map((part) => (part.id > 0 ? part : { ...part, id: ++this.nChips })), hidden };
    this.options = [];
  }

  /** Go back; returns whether there was something to undo. */
  undo(): boolean {
    const before = this.past.at(-1);
    this.past = this.past.slice(0, -1);
    this.state = before ?? this.state;
    return before !== undefined;
  }
}

/** The answer to one sentence. */
class Turn<Item extends { readonly itemId: string }> {
  private readonly hearing: Hearing;
  private readonly sayings: Sayings;

  constructor(
    private readonly talk: Conversation,
    private readonly phrases: Phrases,
    private readonly host: Host<Item>,
  ) {
    this.hearing = host.hearing;
    this.sayings = new Sayings(phrases.words, host.hearing.title);
  }

  async answer(text: string): Promise<Answer<Item>> {
    const option = chosen(this.talk.options, text, this.phrases);
    this.talk.options = [];
    if (option !== null) {
      if (await this.isEmpty(option.state))
        return this.listed(queryOf(), this.say("empty_alone", { new: option.text }));
      this.talk.go(option.state);
      return this.listed(queryOf(), this.now());
    }
    const parsed = this.hearing.parse(text, this.phrases, this.talk.context(this.hearing));
    if (parsed.problem !== null) return this.problem(parsed);
    switch (parsed.query.intent) {
      case "undo":
        return this.undo(parsed);
      case "reset":
        return this.reset(parsed);
      case "why":
        return this.why(parsed);
      case "nothing":
        return this.nothing(parsed);
      case "list":
        return changesList(parsed.query) ? this.filter(parsed) : this.listed(parsed.query, this.say("list"));
      default:
        return this.filter(parsed);
    }
  }

  // Intents

  private undo({ query }: Parsed): Promise<Answer<Item>> {
    if (!this.talk.undo()) return this.listed(query, this.say("nothing_to_undo"));
    return this.listed(query, `${this.say("undone")} ${this.now()}`);
  }

  private reset({ query }: Parsed): Promise<Answer<Item>> {
    if (this.talk.parts.length + this.talk.hidden.length > 0) this.talk.go(NOTHING_SAID);
    return this.listed(query, this.say("none_left"));
  }

  private async why({ query }: Parsed): Promise<Answer<Item>> {
    const itemId = query.about ?? this.shown[0];
    if (itemId === undefined) return this.listed(query, this.say("no_item"));
    this.talk.about = itemId;
    const title = this.sayings.values({ field: null, values: [this.hearing.title(itemId)] });
    return this.listed(query, `${title}: ${await this.host.explain(itemId)}`);
  }

  private async nothing(parsed: Parsed): Promise<Answer<Item>> {
    const text = this.unknown(parsed) || this.say("nothing");
    return { ...(await this.listed(parsed.query, text, parsed)), isSentence: parsed.isSentence };
  }

  /** Add what was said to what counts, or ask. */
  private async filter(parsed: Parsed): Promise<Answer<Item>> {
    const { query } = parsed;
    const said = this.withNumbers(parsed);
    if (typeof said === "string") return this.listed(query, said, parsed);
    const { single } = this.hearing.lexicon(this.phrases);
    const composed = compose(this.talk.parts, said, single, query.replaces);
    if (composed.parts.length > MAX_PARTS) return this.listed(query, this.say("too_many"), parsed);
    const isOthers = query.intent === "more" || query.intent === "surprise";
    const hidden = isOthers ? [...new Set([...this.talk.hidden, ...this.shown])] : [];
    if (composed.conflict !== null) return this.ask(parsed, composed.parts, composed.conflict, hidden);
    let state: State = { parts: composed.parts, hidden };
    if (query.intent === "surprise" && (await this.isEmpty(state))) state = { ...state, hidden: [] };
    if (await this.isEmpty(state)) return this.empty(parsed, state, said);
    if (!(areSame(state.parts, this.talk.parts) && areEqual(state.hidden, this.talk.hidden))) this.talk.go(state);
    return this.listed(query, this.result(parsed), parsed);
  }

  /** The parts of a sentence with numbers for "cheaper", or a sentence that says why there are none. */
  private withNumbers({ query }: Parsed): Part[] | string {
    const about = query.about ?? this.talk.about;
    const compared = query.similarTo.length > 0 ? query.similarTo : about === null ? this.shown : [about];
    const parts: Part[] = [];
    for (const part of partsOf(query)) {
      if (part.limit === null || part.limit.thanShown === null) {
        parts.push(part);
        continue;
      }
      const { field } = part.limit;
      const limit = thanShown(part.limit, this.hearing.numbers(compared, field));
      if (limit === null) return this.say("no_price", { field: this.sayings.field(field) });
      parts.push({ ...part, limit });
    }
    return parts;
  }

  private result(parsed: Parsed): string {
    const { intent } = parsed.query;
    const texts = intent === "more" || intent === "surprise" ? [this.say(intent)] : [];
    if (this.talk.parts.length > 0) texts.push(this.now());
    return [...texts, this.unknown(parsed)].join(" ").trim();
  }

  // Questions

  /** Ask which of two parts counts; nothing changes before that. */
  private ask(
    parsed: Parsed,
    parts: Parts,
    conflict: NonNullable<Composed["conflict"]>,
    hidden: readonly string[],
  ): Promise<Answer<Item>> {
    const slots = { old: this.sayings.chip(conflict.old), new: this.sayings.chip(conflict.new) };
    const { both, kept } = conflict;
    if (both === null) {
      return this.question(parsed, this.say("both_not", slots), [
        { text: this.say("take", slots), state: { parts, hidden } },
        { text: this.say("keep", slots), state: { parts: kept, hidden: this.talk.hidden } },
      ]);
    }
    return this.question(parsed, this.say("two_values", slots), [
      { text: this.say("instead", slots), state: { parts, hidden } },
      { text: this.say("both"), state: { parts: both, hidden } },
    ]);
  }

  /** Ask what to leave out if nothing is left. */
  private async empty(parsed: Parsed, state: State, said: Parts): Promise<Answer<Item>> {
    const { query } = parsed;
    if (query.intent === "more" && said.length === 0) return this.listed(query, this.say("no_more"), parsed);
    const fresh = this.sayings.chips(said);
    const alone = () => this.listed(query, this.say("empty_alone", { new: fresh }), parsed);
    if (await this.isEmpty({ parts: said, hidden: [] })) return alone();
    const contents = new Set(said.map(contentOf));
    const olds = state.parts.filter((part) => !contents.has(contentOf(part)));
    for (let index = olds.length - 1; index >= 0; index--) {
      const left = olds.slice(index);
      const without = { parts: state.parts.filter((part) => !left.some((one) => isSame(one, part))), hidden: [] };
      if (await this.isEmpty(without)) continue;
      const slots = { new: fresh, old: this.sayings.chips(left) };
      return this.question(parsed, this.say("empty", slots), [
        { text: this.say("take", slots), state: without },
        { text: this.say("keep", slots), state: { parts: this.talk.parts, hidden: this.talk.hidden } },
      ]);
    }
    return alone();
  }

  private problem(parsed: Parsed): Promise<Answer<Item>> {
    const { query, problem, ofProblem } = parsed;
    const field = this.sayings.field(ofProblem);
    if (problem === "no_field") return this.listed(query, this.say("no_price", { field: ofProblem }), parsed);
    if (problem === "no_value") {
      const item = this.hearing.title(this.talk.about ?? "");
      return this.listed(query, this.say("no_value", { item, field }), parsed);
    }
    const options = problem === "which" ? this.which(parsed) : [];
    if (options.length === 0) return this.listed(query, this.say("no_item"), parsed);
    const texts = options.map(({ text }) => text).join(this.say("joint"));
    return this.question(parsed, this.say("which", { field, options: texts }), options);
  }

  /** The values of a fact that the first items of the list have, as options. */
  private which({ query, ofProblem: field, excludes }: Parsed): Option[] {
    const options = new Map<string, Option>();
    const kind = excludes ? "must_not" : "must";
    for (const itemId of this.shown) {
      const value = this.hearing.facts(itemId).get(field)?.[0];
      if (value === undefined || options.has(value)) continue;
      const part = partOf(kind, { wish: { field, values: [value] } });
      const { parts } = compose(this.talk.parts, [...partsOf(query), part], new Set(), true);
      options.set(value, { text: value, state: { parts, hidden: [] } });
    }
    return [...options.values()].slice(0, MAX_OPTIONS);
  }

  private async question(parsed: Parsed, text: string, options: readonly Option[]): Promise<Answer<Item>> {
    this.talk.options = options;
    const question = { text, options: options.map((option) => option.text) };
    return { ...(await this.listed(parsed.query, text, parsed)), question };
  }

  // Words

  private say(name: string, slots?: Readonly<Record<string, string>>): string {
    return this.sayings.say(name, slots);
  }

  private now(): string {
    const { parts } = this.talk;
    return parts.length > 0 ? this.say("now", { chips: this.sayings.chips(parts) }) : this.say("none_left");
  }

  private unknown({ notUnderstood }: Parsed): string {
    if (notUnderstood.length === 0) return "";
    return this.say("not_understood", { words: this.sayings.quoted(notUnderstood) });
  }

  private get shown(): readonly string[] {
    return this.talk.shown ?? [];
  }

  private async isEmpty({ parts, hidden }: State): Promise<boolean> {
    return (await this.host.list(queryOfParts(parts), hidden)).length === 0;
  }

  private async listed(understood: Query, text: string, parsed: Parsed | null = null): Promise<Answer<Item>> {
    const items = await this.host.list(this.talk.query, this.talk.hidden);
    const chips = this.talk.chips(this.hearing);
    const notUnderstood = parsed?.notUnderstood ?? [];
    return { text, understood, notUnderstood, chips, items, question: null, isSentence: true };
  }
}

function idsOf(items: readonly { readonly itemId: string }[]): string[] {
  return items.map(({ itemId }) => itemId);
}

function areEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

/** The option that a reply names: its text or a part of it, its position, yes, no or both. */
function chosen(options: readonly Option[], text: string, phrases: Phrases): Option | null {
  const said = phraseOf(text);
  if (options.length === 0 || said === "") return null;
  const position = positionOf(text, phrases);
  if (position !== null && position <= options.length) {
    return options.at(position < 0 ? position : position - 1) ?? null;
  }
  const reply = ["yes", "no", "both"].find((name) => listOf(phrases.words.replies, name).map(phraseOf).includes(said));
  return reply === undefined ? named(options, said) : replied(options, reply, phrases);
}

function replied(options: readonly Option[], reply: string, phrases: Phrases): Option | null {
  if (reply !== "both") return options.at(reply === "yes" ? 0 : -1) ?? null;
  const isBoth = phraseOf(options[1]?.text ?? "") === phraseOf(phrases.words.answers["both"] ?? "");
  return isBoth ? (options[1] ?? null) : null;
}

function named(options: readonly Option[], said: string): Option | null {
  const exact = options.find(({ text }) => phraseOf(text) === said);
  const part = options.filter(({ text }) => {
    const words = separate(phraseOf(text));
    return separate(said).every((word) => words.includes(word));
  });
  return exact ?? (part.length === 1 ? (part[0] ?? null) : null);
}

/** The position that a reply such as "the first one" names. */
function positionOf(text: string, phrases: Phrases): number | null {
  const cues = separate(textsOf(text)).map((word) => phrases.cues.get(word));
  const positions = cues.flatMap((cue) => cue?.position ?? []);
  const isAll = cues.every((cue) => cue !== undefined && (cue.position !== null || cue.names.has("skip")));
  return isAll && positions.length === 1 ? (positions[0] ?? null) : null;
}
