/**
 * A conversation: what was said so far, kept in memory only, and the answers to what is said next. The same as
 * `edge_runtime/conversation/talk.py`.
 */

import { areEqual, Sayings, shortTitle } from "./answers";
import { type Composed, compose, thanShown } from "./compose";
import type { Hearing } from "./hearing";
import type { Context, Parsed } from "./parsed";
import { areSame, contentOf, isSame, type Kind, type Part, type Parts, partOf, partsOf, queryOfParts } from "./parts";
import { changesList, MAX_PARTS, type Query, queryOf } from "./query";
import { chosen, declines, type Option, type State } from "./replies";
import type { Phrases } from "./words";

const MAX_UNDO = 50;
const MAX_OPTIONS = 3;
/** Maximum number of words that an answer repeats because they were not understood. */
const MOST_WORDS = 2;

/** One thing that was said, to be shown with a button that removes it. */
export interface Chip {
  readonly id: string;
  /** In a few words, those that were said where they mean many values. */
  readonly text: string;
  /** All that it stands for, to be shown on demand; empty if `text` says it. */
  readonly details: string;
  /** What it does. */
  readonly kind: Kind;
}

/** What only the person can decide: a contradiction, an unclear reference, or whether a doubtful word is meant. */
export interface Question {
  readonly text: string;
  /** The answers; say one of them, or "the first". Another sentence instead drops the question. */
  readonly options: readonly string[];
}

/** The answer to a sentence. */
export interface Answer<Item> {
  /** In words: what is new, and not all that counts. */
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

const NOTHING_SAID: State = { parts: [], hidden: [] };

/** What was said so far. One sentence at a time. */
export class Conversation {
  /** The number of the last chip. */
  private nChips = 0;
  private past: readonly State[] = [];
  private state = NOTHING_SAID;
  /** The question that was asked last. */
  asked: Question | null = null;
  /** Its options. */
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
    this.forgetUnknown(hearing);
    const sayings = new Sayings(this.phrases.words, hearing.title);
    return this.parts.map((part) => {
      return { id: String(part.id), text: sayings.chip(part), kind: part.kind, details: sayings.details(part) };
    });
  }

  /** Remove a chip; returns whether there was one. It can be undone. */
  remove(chipId: string): boolean {
    const parts = this.parts.filter(({ id }) => String(id) !== chipId);
    if (parts.length === this.parts.length) return false;
    this.go({ parts, hidden: [] });
    return true;
  }

  /** Whether a text replies to the question, or asks for something and is no title, unlike words to search for. */
  asks(text: string, phrases: Phrases, hearing: Hearing): boolean {
    this.forgetUnknown(hearing);
    if (chosen(this.options, text, phrases) !== null) return true;
    return !hearing.isTitle(text) && hearing.parse(text, phrases, this.context(hearing)).isSentence;
  }

  /**
   * The answer to a sentence.
   *
   * @param shown item ids on the screen; null for those of the last answer. Unknown ones cannot be meant.
   * @param about id of the item, which the catalogue has, that "this" means; null for the one that was talked about last.
   */
  async say<Item extends { readonly itemId: string }>(
    text: string,
    phrases: Phrases,
    host: Host<Item>,
    shown: readonly string[] | null = null,
    about: string | null = null,
  ): Promise<Answer<Item>> {
    this.phrases = phrases;
    this.shown = shown ?? this.shown;
    this.forgetUnknown(host.hearing);
    this.shown ??= idsOf(await host.list(this.query, this.hidden));
    const [only = null, ...others] = this.shown;
    this.about = about ?? (this.shown.includes(this.about ?? "") ? this.about : others.length === 0 ? only : null);
    const answer = await new Turn(this, phrases, host).answer(text);
    this.shown = idsOf(answer.items);
    return answer;
  }

  /** Forget items that the catalogue lacks, such as after a newer release; the others keep their positions. */
  private forgetUnknown({ knows }: Hearing): void {
    const known = ({ parts, hidden }: State): State => ({
      parts: parts.filter(({ itemId }) => itemId === null || knows(itemId)),
      hidden: hidden.filter(knows),
    });
    this.state = known(this.state);
    this.past = this.past.map(known);
    this.options = this.options.map((option) => ({ ...option, state: known(option.state) }));
    const shown = this.shown?.map((itemId) => (knows(itemId) ? itemId : "")) ?? null;
    this.shown = shown?.every((itemId) => itemId === "") && shown.length > 0 ? null : shown;
    if (this.about !== null && !knows(this.about)) this.about = null;
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
    const { options } = this.talk;
    const option = chosen(options, text, this.phrases);
    this.talk.options = [];
    if (option !== null) return this.take(option);
    if (options.length > 0 && declines(text, this.phrases)) return this.listed(queryOf(), this.say("as_before"));
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
        return this.stillAsked(await this.nothing(parsed), options);
      case "list":
        return changesList(parsed.query) ? this.filter(parsed) : this.listed(parsed.query, this.say("list"));
      default:
        return this.filter(parsed);
    }
  }

  private async take({ state }: Option): Promise<Answer<Item>> {
    const { parts } = this.talk;
    if (this.isNow(state)) return this.listed(queryOf(), this.say("as_before"));
    if (await this.isEmpty(state)) return this.listed(queryOf(), this.say("empty_then"));
    this.talk.go(state);
    return this.listed(queryOf(), this.added(parts) || this.say("as_before"));
  }

  // Intents

  private undo({ query }: Parsed): Promise<Answer<Item>> {
    if (!this.talk.undo()) return this.listed(query, this.say("nothing_to_undo"));
    return this.listed(query, takenBack(this.sayings, this.talk.parts));
  }

  private reset({ query }: Parsed): Promise<Answer<Item>> {
    if (this.talk.parts.length + this.talk.hidden.length > 0) this.talk.go(NOTHING_SAID);
    this.talk.about = null;
    return this.listed(query, this.say("none_left"));
  }

  private async why({ query }: Parsed): Promise<Answer<Item>> {
    const itemId = query.about ?? this.shown.find((itemId) => itemId !== "");
    if (itemId === undefined) return this.listed(query, this.say("no_item"));
    this.talk.about = itemId;
    const said = this.askedFor(itemId) + (await this.host.explain(itemId));
    return this.listed(query, `${shortTitle(this.hearing.title(itemId))}: ${said}`);
  }

  /** Which of the values that were asked for an item has, in words, and a space; or an empty text. */
  private askedFor(itemId: string): string {
    const wished = this.talk.parts.flatMap((part): Part[] => {
      const { kind, wish } = part;
      const isAsked = (kind === "must" || kind === "prefer") && wish !== null && this.hearing.fulfils(itemId, wish);
      return isAsked ? [{ ...part, kind: "must" }] : [];
    });
    return wished.length > 0 ? `${this.say("asked_for", { values: this.sayings.chips(wished) })} ` : "";
  }

  private async nothing(parsed: Parsed): Promise<Answer<Item>> {
    const options = await this.readings(parsed);
    const answer =
      options.length > 0 ? this.meant(parsed, options) : this.listed(parsed.query, this.idle(parsed), parsed);
    return { ...(await answer), isSentence: parsed.isSentence };
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
    const hidden = isOthers ? [...new Set([...this.talk.hidden, ...this.shown.filter((itemId) => itemId !== "")])] : [];
    let state: State = { parts: composed.parts, hidden };
    if (query.intent === "surprise" && (await this.isEmpty(state))) state = { ...state, hidden: [] };
    if (await this.isEmpty(state)) return this.empty(parsed, state, said);
    if (composed.conflict !== null) return this.ask(parsed, composed.parts, composed.conflict, state.hidden);
    const before = this.talk.parts;
    if (!this.isNow(state)) this.talk.go(state);
    return this.listed(query, this.result(parsed, before), parsed);
  }

  /** The parts of a sentence with numbers for "cheaper", or a sentence that says why there are none. */
  private withNumbers({ query, words }: Parsed): Part[] | string {
    const about = query.about ?? this.talk.about;
    const compared = query.similarTo.length > 0 ? query.similarTo : about === null ? this.shown : [about];
    const parts: Part[] = [];
    for (const part of partsOf(query, words)) {
      if (part.limit === null || part.limit.thanShown === null) {
        parts.push(part);
        continue;
      }
      const { field } = part.limit;
      const limit = thanShown(part.limit, this.hearing.numbers(compared, field));
      if (limit === null) return this.lacking([field]);
      parts.push({ ...part, limit });
    }
    return parts;
  }

  /** What is new, and shortly what is not: the chips say what counts. */
  private result(parsed: Parsed, before: Parts): string {
    const { query } = parsed;
    const { intent } = query;
    const isTold = intent === "surprise" && query.must.length === 0;
    const texts = [
      intent === "more" || intent === "surprise" ? this.say(intent) : "",
      changesList(query) && !isTold ? this.added(before) || this.say("known") : "",
      this.lacking(parsed.lacks),
      this.unknown(parsed, "left_out", "left_out_rest"),
    ];
    return texts.filter((text) => text !== "").join(" ");
  }

  /** What counts now and did not before. */
  private added(before: Parts): string {
    const known = new Set(before.map(contentOf));
    return addedText(
      this.sayings,
      this.talk.parts.filter((part) => !known.has(contentOf(part))),
    );
  }

  /** The answer to what changes nothing. */
  private idle(parsed: Parsed): string {
    const unknown = this.unknown(parsed, "not_understood", "not_understood_all");
    return this.lacking(parsed.lacks) || unknown || this.say("nothing");
  }

  // Questions

  /** Ask which reading of a sentence is meant; nothing changes before that. */
  private meant(parsed: Parsed, readings: readonly Option[]): Promise<Answer<Item>> {
    const options = this.sayings.either(readings.map(({ text }) => text));
    const neither = this.say(readings.length === 1 ? "no" : "neither");
    return this.question(parsed, this.say("do_you_mean", { options }), [
      ...readings,
      { text: neither, state: this.now, isNo: true },
    ]);
  }

  /** The readings of a sentence with which an item is left. */
  private async readings({ readings, words }: Parsed): Promise<Option[]> {
    const { single } = this.hearing.lexicon(this.phrases);
    const options = new Map<string, Option>();
    for (const query of readings) {
      const said = partsOf(query, words).filter(({ limit }) => (limit?.thanShown ?? null) === null);
      const { parts } = compose(this.talk.parts, said, single, query.replaces);
      const state = { parts, hidden: [] };
      const text = this.sayings.chips(said);
      const isNew = said.length > 0 && !areSame(parts, this.talk.parts) && !options.has(text);
      if (isNew && !(await this.isEmpty(state))) options.set(text, { text, state });
    }
    return [...options.values()];
  }

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
        { text: this.say("keep", slots), state: { parts: kept, hidden: this.talk.hidden }, isNo: true },
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
        { text: this.say("keep", slots), state: this.now, isNo: true },
      ]);
    }
    return alone();
  }

  private problem(parsed: Parsed): Promise<Answer<Item>> {
    const { query, problem, ofProblem } = parsed;
    const field = this.sayings.field(ofProblem);
    if (problem === "no_value") {
      const item = shortTitle(this.hearing.title(this.talk.about ?? ""));
      return this.listed(query, this.say("no_value", { item, field }), parsed);
    }
    const options = problem === "which" ? this.which(parsed) : [];
    const [only, ...others] = options;
    if (only !== undefined && others.length === 0) return this.take(only);
    if (only !== undefined) {
      const texts = this.sayings.either(options.map(({ text }) => text));
      return this.question(parsed, this.say("which", { field, options: texts }), options);
    }
    const isBeyond = problem === "no_item" && ofProblem !== "" && this.shown.length > 0;
    const text = isBeyond ? this.say("few", { n: String(this.shown.length) }) : this.say("no_item");
    return this.listed(query, text, parsed);
  }

  /** The values of a fact that the first items of the list have, as options. */
  private which({ query, ofProblem: field, excludes, words }: Parsed): Option[] {
    const options = new Map<string, Option>();
    const kind = excludes ? "must_not" : "must";
    for (const itemId of this.shown) {
      const value = this.hearing.facts(itemId).get(field)?.[0];
      if (value === undefined || options.has(value)) continue;
      const part = partOf(kind, { wish: { field, values: [value] } });
      const { parts } = compose(this.talk.parts, [...partsOf(query, words), part], new Set(), true);
      options.set(value, { text: value, state: { parts, hidden: [] } });
    }
    return [...options.values()].slice(0, MAX_OPTIONS);
  }

  private async question(parsed: Parsed, text: string, options: readonly Option[]): Promise<Answer<Item>> {
    this.talk.options = options;
    const question = { text, options: options.map((option) => option.text) };
    this.talk.asked = question;
    return { ...(await this.listed(parsed.query, text, parsed)), question };
  }

  /** Keep the question that was asked after words that are no reply and ask for nothing. */
  private stillAsked(answer: Answer<Item>, options: readonly Option[]): Answer<Item> {
    const { asked } = this.talk;
    if (answer.question !== null || asked === null || options.length === 0) return answer;
    this.talk.options = options;
    return { ...answer, text: `${answer.text} ${asked.text}`, question: asked };
  }

  // Words

  private say(name: string, slots?: Readonly<Record<string, string>>): string {
    return this.sayings.say(name, slots);
  }

  /** What was not understood; of many words only that it is so. */
  private unknown({ notUnderstood }: Parsed, few: string, many: string): string {
    if (notUnderstood.length === 0) return "";
    if (notUnderstood.length > MOST_WORDS) return this.say(many);
    return this.say(few, { words: this.sayings.quoted(notUnderstood) });
  }

  /** That the catalogue lacks facts, and which ones it has. */
  private lacking(names: readonly string[]): string {
    if (names.length === 0) return "";
    const field = this.sayings.either(names.map((name) => this.sayings.field(name)));
    const fields = this.sayings.fields(this.hearing.lexicon(this.phrases).fieldNames);
    return this.say(fields === "" ? "lacks_all" : "lacks", { field, fields });
  }

  /** What counts. */
  private get now(): State {
    return { parts: this.talk.parts, hidden: this.talk.hidden };
  }

  private isNow({ parts, hidden }: State): boolean {
    return areSame(parts, this.talk.parts) && areEqual(hidden, this.talk.hidden);
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

/** What is new, in words; an empty text if nothing is. */
export function addedText(sayings: Sayings, parts: Parts): string {
  return parts.length > 0 ? sayings.say("added", { chips: sayings.chips(parts) }) : "";
}

/** That something was taken back, in words, and that nothing is left of what was said. */
export function takenBack(sayings: Sayings, left: Parts): string {
  return sayings.say("undone") + (left.length === 0 ? ` ${sayings.say("list")}` : "");
}

function idsOf(items: readonly { readonly itemId: string }[]): string[] {
  return items.map(({ itemId }) => itemId);
}
