/** The answer to one sentence. The same as `edge_runtime/conversation/turn.py`. */

import { areEqual, Sayings, shortTitle } from "./answers";
import { compose, thanShown } from "./compose";
import type { Hearing } from "./hearing";
import { type Memory, NOTHING_SAID, type Option, type State } from "./memory";
import type { Answer, Chip, Lister } from "./outcome";
import type { Parsed } from "./parsed";
import { areSame, contentOf, type Part, type Parts, partsOf, queryOfParts } from "./parts";
import { changesList, MAX_PARTS, type Query, queryOf } from "./query";
import { type Asked, valuesOnTheScreen, whatIsMeant, whatToLeaveOut, whichCounts } from "./questions";
import { chosen, declines } from "./replies";
import type { Phrases } from "./words";

/** Maximum number of words that an answer repeats because they were not understood. */
const MOST_WORDS = 2;

/** What answers need besides what was said. */
export interface Host<Item> {
  /** Understands sentences about the release in use. */
  readonly hearing: Hearing;
  readonly list: Lister<Item>;
  /** The reason of an item by its id. */
  readonly explain: (itemId: string) => Promise<string>;
}

/** The answer to one sentence. */
export class Turn<Item> {
  private readonly hearing: Hearing;
  private readonly sayings: Sayings;

  constructor(
    private readonly memory: Memory,
    private readonly phrases: Phrases,
    private readonly host: Host<Item>,
  ) {
    this.hearing = host.hearing;
    this.sayings = new Sayings(phrases.words, host.hearing.title);
  }

  async answer(text: string): Promise<Answer<Item>> {
    const { options, about } = this.memory;
    const option = chosen(options, text, this.phrases);
    this.memory.options = [];
    if (option !== null) return this.take(option);
    if (options.length > 0 && declines(text, this.phrases)) return this.listed(queryOf(), this.say("as_before"));
    const context = { shown: this.shown, about, facts: this.hearing.facts };
    const parsed = this.hearing.parse(text, this.phrases, context);
    if (parsed.problem !== null) return this.problem(parsed);
    switch (parsed.query.intent) {
      case "undo":
        // With a question, that is dropped and nothing else.
        return options.length > 0 ? this.listed(parsed.query, this.say("as_before")) : this.undo(parsed);
      case "reset":
        return this.reset(parsed);
      case "why":
        return this.why(parsed);
      case "nothing":
        return this.askedAgain(await this.nothing(parsed), options);
      case "list":
        return changesList(parsed.query) ? this.filter(parsed) : this.listed(parsed.query, this.say("list"));
      default:
        return this.filter(parsed);
    }
  }

  private async take({ state }: Option): Promise<Answer<Item>> {
    const { parts } = this.memory.state;
    if (this.isNow(state)) return this.listed(queryOf(), this.say("as_before"));
    if (await this.isEmpty(state)) return this.listed(queryOf(), this.say("empty_then"));
    this.memory.go(state);
    return this.listed(queryOf(), this.added(parts) || this.say("as_before"));
  }

  // Intents

  private undo({ query }: Parsed): Promise<Answer<Item>> {
    if (!this.memory.undo()) return this.listed(query, this.say("nothing_to_undo"));
    return this.listed(query, takenBack(this.sayings, this.memory.state.parts));
  }

  private reset({ query }: Parsed): Promise<Answer<Item>> {
    if (!this.isNow(NOTHING_SAID)) this.memory.go(NOTHING_SAID);
    this.memory.about = null;
    return this.listed(query, this.say("none_left"));
  }

  private async why({ query }: Parsed): Promise<Answer<Item>> {
    const itemId = query.about ?? this.shown.find((itemId) => itemId !== "");
    if (itemId === undefined) return this.listed(query, this.say("no_item"));
    this.memory.about = itemId;
    const said = this.askedFor(itemId) + (await this.host.explain(itemId));
    return this.listed(query, `${shortTitle(this.hearing.title(itemId))}: ${said}`);
  }

  /** Which of the values that were asked for an item has, in words, and a space; or an empty text. */
  private askedFor(itemId: string): string {
    const wished = this.memory.state.parts.flatMap((part): Part[] => {
      const { kind, wish } = part;
      const isAsked = (kind === "must" || kind === "prefer") && wish !== null && this.hearing.fulfils(itemId, wish);
      return isAsked ? [{ ...part, kind: "must" }] : [];
    });
    return wished.length > 0 ? `${this.say("asked_for", { values: this.sayings.chips(wished) })} ` : "";
  }

  private async nothing(parsed: Parsed): Promise<Answer<Item>> {
    const { single } = this.hearing.lexicon(this.phrases);
    const asked = await whatIsMeant(this.sayings, parsed, this.memory.state, single, this.host.list);
    const answer = asked === null ? this.listed(parsed.query, this.idle(parsed), parsed) : this.question(parsed, asked);
    return { ...(await answer), isSentence: parsed.isSentence };
  }

  /** Add what was said to what counts, or ask. */
  private async filter(parsed: Parsed): Promise<Answer<Item>> {
    const { query } = parsed;
    const before = this.memory.state;
    const said = this.withNumbers(parsed);
    if (typeof said === "string") return this.listed(query, said, parsed);
    const { single } = this.hearing.lexicon(this.phrases);
    const { parts, conflict } = compose(before.parts, said, single, query.replaces);
    if (parts.length > MAX_PARTS) return this.listed(query, this.say("too_many"), parsed);
    const isOthers = query.intent === "more" || query.intent === "surprise";
    const hidden = isOthers ? [...new Set([...before.hidden, ...this.shown.filter((itemId) => itemId !== "")])] : [];
    let state: State = { parts, hidden };
    if (query.intent === "surprise" && (await this.isEmpty(state))) state = { parts, hidden: [] };
    if (await this.isEmpty(state)) return this.empty(parsed, state, said);
    if (conflict !== null) {
      return this.question(parsed, whichCounts(this.sayings, parts, conflict, before, state.hidden));
    }
    if (!this.isNow(state)) this.memory.go(state);
    return this.listed(query, this.result(parsed, before.parts), parsed);
  }

  /** The parts of a sentence with numbers for "cheaper", or a sentence that says why there are none. */
  private withNumbers({ query, words }: Parsed): Part[] | string {
    const about = query.about ?? this.memory.about;
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
      this.memory.state.parts.filter((part) => !known.has(contentOf(part))),
    );
  }

  /** The answer to what changes nothing. */
  private idle(parsed: Parsed): string {
    const unknown = this.unknown(parsed, "not_understood", "not_understood_all");
    return this.lacking(parsed.lacks) || unknown || this.say("nothing");
  }

  // Questions

  /** Ask what to leave out if nothing is left. */
  private async empty(parsed: Parsed, state: State, said: Parts): Promise<Answer<Item>> {
    const { query } = parsed;
    if (query.intent === "more" && said.length === 0) return this.listed(query, this.say("no_more"), parsed);
    const asked = (await this.isEmpty({ parts: said, hidden: [] }))
      ? null
      : await whatToLeaveOut(this.sayings, said, state, this.memory.state, this.host.list);
    if (asked !== null) return this.question(parsed, asked);
    return this.listed(query, this.say("empty_alone", { new: this.sayings.chips(said) }), parsed);
  }

  private problem(parsed: Parsed): Promise<Answer<Item>> {
    const { query, problem, ofProblem } = parsed;
    const field = this.sayings.field(ofProblem);
    if (problem === "no_value") {
      const item = shortTitle(this.hearing.title(query.about ?? ""));
      return this.listed(query, this.say("no_value", { item, field }), parsed);
    }
    const isWhich = problem === "which";
    const options = isWhich ? valuesOnTheScreen(parsed, this.memory.state, this.shown, this.hearing) : [];
    const [only, ...others] = options;
    if (only !== undefined && others.length === 0) return this.take(only);
    if (only !== undefined) {
      const texts = this.sayings.either(options.map(({ text }) => text));
      return this.question(parsed, { text: this.say("which", { field, options: texts }), options });
    }
    const isBeyond = problem === "no_item" && ofProblem !== "" && this.shown.length > 0;
    const text = isBeyond ? this.say("few", { n: String(this.shown.length) }) : this.say("no_item");
    return this.listed(query, text, parsed);
  }

  private async question(parsed: Parsed, { text, options }: Asked): Promise<Answer<Item>> {
    this.memory.options = options;
    this.memory.asked = text;
    const question = { text, options: options.map((option) => option.text) };
    return { ...(await this.listed(parsed.query, text, parsed)), question };
  }

  /** Keep the question that was asked after words that are no reply and ask for nothing. */
  private askedAgain(answer: Answer<Item>, options: readonly Option[]): Answer<Item> {
    if (answer.question !== null || options.length === 0) return answer;
    this.memory.options = options;
    const text = this.memory.asked;
    const question = { text, options: options.map((option) => option.text) };
    return { ...answer, text: `${answer.text} ${text}`, question };
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

  private isNow({ parts, hidden }: State): boolean {
    const { state } = this.memory;
    return areSame(parts, state.parts) && areEqual(hidden, state.hidden);
  }

  private get shown(): readonly string[] {
    return this.memory.shown ?? [];
  }

  private async isEmpty({ parts, hidden }: State): Promise<boolean> {
    return (await this.host.list(queryOfParts(parts), hidden)).length === 0;
  }

  private async listed(understood: Query, text: string, parsed: Parsed | null = null): Promise<Answer<Item>> {
    const { parts, hidden } = this.memory.state;
    const items = await this.host.list(queryOfParts(parts), hidden);
    const notUnderstood = parsed?.notUnderstood ?? [];
    const chips = chipsOf(parts, this.sayings);
    return { text, understood, notUnderstood, chips, items, question: null, isSentence: true };
  }
}

/** What counts, in words. */
export function chipsOf(parts: Parts, sayings: Sayings): Chip[] {
  return parts.map((part) => {
    return { id: String(part.id), text: sayings.chip(part), kind: part.kind, details: sayings.details(part) };
  });
}

/** What is new, in words; an empty text if nothing is. */
export function addedText(sayings: Sayings, parts: Parts): string {
  return parts.length > 0 ? sayings.say("added", { chips: sayings.chips(parts) }) : "";
}

/** That something was taken back, in words, and that nothing is left of what was said. */
export function takenBack(sayings: Sayings, left: Parts): string {
  return sayings.say("undone") + (left.length === 0 ? ` ${sayings.say("list")}` : "");
}
