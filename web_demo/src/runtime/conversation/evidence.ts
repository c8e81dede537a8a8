/**
 * Decides which names of a sentence are meant, and which are asked about: how sure each is by itself, and by what stands before it. The same as
 * `edge_runtime/conversation/evidence.py`, which describes what counts.
 */

import { at } from "../at";
import type { Lexicon } from "./lexicon";
import { LIMIT_NAMES } from "./numbers";
import { Element } from "./scanning";
import { joined, phraseOf } from "./tokens";
import { cueOf, type Phrases } from "./words";

/**
 * What stands before a name: a wish, another cue, nothing but the beginning of the clause, a word that was not understood,
 * such a word with a preposition, as in "migraines from perfume", or a "my".
 */
type Lead = "wish" | "weak" | "start" | "word" | "away" | "owned";

/** How much counts for a name; `helped` is sure if the sentence surely names something else, and else doubtful. */
type Weight = "sure" | "helped" | "doubtful" | "none";

const WISHES = ["want", "not", "only", "prefer", "love", "like", "unlike", "instead"];
const LEADS = [...WISHES, "by", "or"];
const BEGINNINGS = ["want", "only", "love", "less", "dearer", "newer", "older", "undo", "reset", "surprise"];
const NAMES: ReadonlySet<string> = new Set(["brand", "cast", "director", "author", "creator"]);
const QUOTES = "\"'“”„«»‘’「」『』";
const STOP = 2;
/** Maximum number of words that are not understood in a clause of which a word of titles is wished for. */
const MUCH_UNKNOWN = 2;
const INTENTS = ["undo", "reset", "surprise", "more", "list", "varied"];
/** Maximum number of words that are not understood beside a phrase such as "start over". */
const MOST_UNKNOWN = 1;
/** Maximum number of everyday words that do not make a name together, such as "the one". */
const SHORT = 2;
/** Minimum share of a clause that has to be named, for synonyms and words of titles without a wish before them. */
const LEAST = 0.5;
/** The same for values of facts. */
const LEAST_OF_VALUES = 0.3;
/** Maximum number of words without meaning between a wish and what is wished for. */
const REACH = 3;
/** Maximum number of elements from an "any" to its "but". */
const FAR = 3;
/** Minimum length of a corrected value that counts like one that was written so. */
const LONG = 8;
const [SIMILE, EXCEPT] = [cueOf("simile"), cueOf("not")];

/** The elements of a sentence; names of which little is sure are doubtful, or without their meaning. */
export function weighed(elements: readonly Element[], lexicon: Lexicon): Element[] {
  const leftOut = leftOutOf(elements, lexicon);
  const clauses = clausesOf(withExceptions(elements, lexicon), lexicon);
  let first = 0;
  const all = clauses.flatMap((clause) => {
    const found = clause.weighed(leftOut, first);
    first += found.length;
    return found;
  });
  const isNamed = all.some(({ weight, element }) => weight === "sure" && element.meaning !== null);
  const isHelped = isNamed || isLimited(all.map(({ element }) => element));
  return all.map(({ weight, element }, index) => {
    if (weight !== "doubtful" && (isHelped || weight !== "helped")) return element;
    const { tokens, cue, meaning, number } = at(elements, index);
    return new Element(tokens, cue, meaning, number, true);
  });
}

/**
 * The indices of the names that an "it" may mean in "leave it out", and whether it means them: what was named last, but no
 * everyday word beside another name, as in "tea gives me headaches".
 */
function leftOutOf(elements: readonly Element[], { phrases }: Lexicon): Map<number, boolean> {
  const found = new Map<number, boolean>();
  const isEveryday = (index: number) => at(elements, index).tokens.every(({ text }) => phrases.ordinary.has(text));
  for (const [index, element] of elements.entries()) {
    if (!element.isCue("leave_out")) continue;
    const names = namesBefore(elements, index, isEveryday);
    const kept = names.find((place) => !isEveryday(place)) ?? names[0] ?? index;
    for (const place of names.filter((place) => place >= kept)) found.set(place, place === kept);
  }
  return found;
}

/** The names of the last clause before an index that has some, last first, and of those before it if it is a "god no". */
function namesBefore(
  elements: readonly Element[],
  end: number,
  isEveryday: (index: number) => boolean,
): readonly number[] {
  const names: number[] = [];
  for (let place = end - 1; place >= 0; place--) {
    const { meaning, gap } = at(elements, place);
    if (meaning !== null) names.push(place);
    const [last] = names;
    if (gap === 0 || last === undefined) continue;
    const next = at(elements, last + 1);
    if (!(isEveryday(last) && next.gap === 0 && next.isCue("not"))) break;
  }
  return names;
}

/** The elements with the "but" of "any colour but black" as a negation. */
function withExceptions(elements: readonly Element[], { phrases }: Lexicon): Element[] {
  return elements.map((element, index) => {
    const { tokens, meaning, number } = element;
    const isException = element.isCue("but") && element.gap === 0 && excepts(elements, index, phrases);
    return isException ? new Element(tokens, EXCEPT, meaning, number) : element;
  });
}

/** Whether a "but" excludes the name that follows: after an "any", and not in a statement. */
function excepts(elements: readonly Element[], index: number, { every, statements }: Phrases): boolean {
  const next = elements.findIndex(({ gap }, place) => place > index && gap > 0);
  const clause = elements.slice(index + 1, next < 0 ? undefined : next);
  if ((clause[0]?.meaning ?? null) === null) return false;
  for (const before of elements.slice(Math.max(0, index - FAR), index).reverse()) {
    clause.push(before);
    if (every.has(before.text)) return !clause.some(({ text }) => statements.has(text));
    if (before.gap > 0) break;
  }
  return false;
}

/** Whether a number is limited, as in "hitchcock before 1960", and every word is understood. */
function isLimited(elements: readonly Element[]): boolean {
  const limits = elements.some(
    (one, index) => one.isCue(...LIMIT_NAMES) && (elements[index + 1]?.number ?? null) !== null,
  );
  return limits && !elements.some(({ isUnknown }) => isUnknown);
}

/** The elements with doubtful names as words that were not understood, except for those at some indices. */
export function withoutDoubtful(elements: readonly Element[], but: readonly number[] = []): Element[] {
  return elements.map((element, index) => {
    return element.isDoubtful && !but.includes(index) ? new Element(element.tokens) : element;
  });
}

interface Weighed {
  readonly element: Element;
  readonly weight: Weight;
}

/** Whether what follows a comma is a clause of its own, and not one more thing of a list. */
export function beginsAnew(elements: readonly Element[], index: number, lexicon: Lexicon): boolean {
  const { subjects, statements } = lexicon.phrases;
  if (subjects.has(firstWord(at(elements, index)))) return true;
  const next = elements.findIndex(({ gap }, place) => place > index && gap > 0);
  const clause = elements.slice(index, next < 0 ? elements.length : next);
  if (clause.some(({ text }) => statements.has(text))) return true; // "no coffee, tea is fine"
  return (
    elements
      .slice(index)
      .find(({ isSkipped }) => !isSkipped)
      ?.isCue(...BEGINNINGS) === true
  );
}

function clausesOf(elements: readonly Element[], lexicon: Lexicon): Clause[] {
  const clauses: Clause[] = [];
  const begins = (element: Element) => element.gap > 0 || element.isCue("but", "correction");
  const isAlone = !elements.slice(1).some(begins);
  for (const [index, element] of elements.entries()) {
    if (index === 0 || begins(element) || elements[index - 1]?.isCue("correction")) {
      clauses.push(new Clause(lexicon, index === 0 || element.gap === STOP, isAlone));
    }
    clauses.at(-1)?.elements.push(element);
  }
  return clauses;
}

/** A part of a sentence between marks, or after a "but". */
class Clause {
  /** Those before an index are weighed before it. */
  readonly elements: Element[] = [];
  private readonly phrases: Phrases;

  /**
   * @param isFirst whether it begins a sentence.
   * @param isAlone whether nothing else is said.
   */
  constructor(
    private readonly lexicon: Lexicon,
    private readonly isFirst: boolean,
    private readonly isAlone: boolean,
  ) {
    this.phrases = lexicon.phrases;
  }

  /**
   * @param leftOut what a "leave it out" means or not, by its index in the sentence.
   * @param first index of the first element in the sentence.
   */
  weighed(leftOut: ReadonlyMap<number, boolean>, first: number): Weighed[] {
    this.takeSimiles();
    const weights = [...this.elements.keys()].map((index) => {
      const own = this.weight(index);
      const isMeant = leftOut.get(first + index);
      const isLeftOut = isMeant !== undefined && (own !== "none" || isOfValues(at(this.elements, index)));
      const weight = isLeftOut ? (isMeant ? "sure" : "none") : own; // "Aster zips break, leave it out"
      if (weight === "doubtful" || weight === "none") this.forget(index);
      return weight;
    });
    if (this.nUnknown() > MOST_UNKNOWN) this.leaveOutIntents();
    return weights.map((weight, index) => ({ weight, element: at(this.elements, index) }));
  }

  /** How sure it is that what an element names is meant; sure if it names nothing. */
  private weight(index: number): Weight {
    const element = at(this.elements, index);
    if (element.meaning === null) return "sure";
    if (this.isAside(index) || this.isService() || this.asksAboutItem() || this.asksWhy()) return "none";
    if (element.title !== null) return "sure";
    const isValue = isOfValues(element);
    if (this.isMarked(index) || this.isCarried(index)) return element.isCorrected && !isValue ? "doubtful" : "sure";
    if (!this.isMeant(index)) return this.mayBeMeant(index) ? "doubtful" : "none";
    return isValue || this.isRun(element) ? this.weightOfName(index, isValue) : this.weightOfWord(index);
  }

  /** Whether a name is not what is asked for, by what stands before it. */
  private isAside(index: number): boolean {
    return this.isCompared(index) || this.isTime(index) || this.isBeside(index);
  }

  /** The weight of a value of a fact, or of the beginning of a title. */
  private weightOfName(index: number, isValue: boolean): Weight {
    const element = at(this.elements, index);
    if (isValue && this.isTold(index)) return this.nUnknown() < MUCH_UNKNOWN ? "doubtful" : "none";
    const isStrange = element.isCorrected && !isLong(element);
    return isStrange && this.nUnknown() > 0 && this.lead(index) !== "wish" ? "doubtful" : "sure";
  }

  /** The weight of a word of titles, which prose has by accident. */
  private weightOfWord(index: number): Weight {
    const element = at(this.elements, index);
    const isOrdinary = this.isOrdinary(element);
    if (this.isBare() || (this.isPlain() && !isOrdinary)) return element.isCorrected ? "doubtful" : "sure";
    const isLed = this.lead(index) === "wish";
    if (!isLed && this.isQuestion()) return "none";
    const isRefused = this.hasSpeaker() && this.before(index)?.isCue("not") === true;
    const isStrange = element.isCorrected || (isOrdinary && (isRefused || !this.isAskedFor(index)));
    if (isStrange || this.isLost(index, isLed)) return "doubtful";
    return isLed ? "sure" : "helped";
  }

  /** Whether a word of titles stands alone among words that were not understood. */
  private isLost(index: number, isLed: boolean): boolean {
    const isAlone = !isLed || at(this.elements, index).tokens.length === 1;
    return isAlone && this.nUnknown() > 0 && !this.describes(index);
  }

  /** Whether a name that is not sure enough is worth a question. */
  private mayBeMeant(index: number): boolean {
    const element = at(this.elements, index);
    const lead = this.lead(index);
    if (lead === "owned" || this.isQuestion() || element.isCorrected) return false;
    if (isOfValues(element)) return lead === "wish" || (isExact(element) && !this.isOrdinary(element));
    if (this.isRemark() || this.isStatement() || this.nUnknown() > MUCH_UNKNOWN) return false;
    return lead === "wish" || lead === "weak" || lead === "start";
  }

  /** Take an element for words that were not understood. */
  private forget(index: number): void {
    this.elements[index] = new Element(at(this.elements, index).tokens);
  }

  /** Take phrases such as "others" for talk where most of the clause was not understood. */
  private leaveOutIntents(): void {
    for (const [index, element] of this.elements.entries()) {
      if (element.isCue(...INTENTS) && !element.isCue(...LEADS)) this.forget(index);
    }
  }

  /** Whether a name counts at all: by its clause, and by what stands before it. */
  private isMeant(index: number): boolean {
    const element = at(this.elements, index);
    const lead = this.lead(index);
    if (lead === "owned") return false;
    const isValue = isOfValues(element);
    const isLed =
      this.isBare() ||
      (isValue && (lead === "wish" || lead === "weak")) ||
      (lead === "wish" && this.nUnknown() <= MUCH_UNKNOWN);
    if (!isLed && this.share() < (isExact(element) ? LEAST_OF_VALUES : LEAST)) return false;
    return isValue && !element.isCorrected ? this.isSureValue(element, lead) : this.isSureWord(index, lead);
  }

  private isSureValue(element: Element, lead: Lead): boolean {
    if (element.tokens.length > SHORT || !this.isOrdinary(element)) return lead !== "away" || !this.isRemark();
    if (lead === "wish" || this.isBare()) return true;
    const fields = element.meaning?.fields ?? [];
    const isName = fields.length > 0 && fields.every((field) => NAMES.has(field));
    return !(isName || this.isRemark());
  }

  private isSureWord(index: number, lead: Lead): boolean {
    const element = at(this.elements, index);
    if (!this.isOrdinary(element)) {
      if (lead === "wish" || this.describes(index)) return true;
      return !(this.isRemark() || this.isStatement() || lead === "word");
    }
    if (this.onlyDescribes(index)) return false;
    const isRun = element.tokens.length > 1 && !this.hasSubject(element);
    return lead === "wish" || (isRun && lead === "weak") || this.isBare();
  }

  /** Whether an element is the beginning of a title, of several words. */
  private isRun({ tokens }: Element): boolean {
    return tokens.length > 1 && this.lexicon.beginsTitle(joined(tokens.map(({ stem }) => stem)));
  }

  /** Whether the clause begins like a question, and wishes nothing. */
  private isQuestion(): boolean {
    return !this.wishes() && this.phrases.questions.has(firstWord(at(this.elements, 0)));
  }

  /** Whether a "with", a "no" or another cue that is no mere "want" stands before a name. */
  private isAskedFor(index: number): boolean {
    return this.before(index)?.isCue("with", ...LEADS.slice(1)) === true && this.nUnknown() === 0;
  }

  private before(index: number): Element | undefined {
    return this.elements.slice(0, index).findLast(({ isSkipped }) => !isSkipped);
  }

  /** Whether something like "summer" only says when, as in "this summer". */
  private isTime(index: number): boolean {
    const before = this.elements[index - 1];
    if (before === undefined || !at(this.elements, index).meaning?.isRelated || this.lead(index) === "wish")
      return false;
    return before.isCue("this") || this.phrases.every.has(before.text) || before.cue?.position === -1;
  }

  /** Whether more than a name is wanted, as in "not just tea". */
  private isBeside(index: number): boolean {
    return this.before(index)?.isCue("beside") === true;
  }

  /** Whether the clause tells something about somebody or something, as in "that tent fell apart". */
  private isTold(index: number): boolean {
    const isRemark = (this.isRemark() && !this.hasSpeaker()) || this.isAboutItem();
    return isRemark && this.lead(index) !== "wish";
  }

  /** Whether the clause begins with the person who speaks. */
  private hasSpeaker(): boolean {
    return this.phrases.speakers.has(firstWord(at(this.elements, 0)));
  }

  /** Whether the clause says how an item of the list is, as in "the second smells good". */
  private isAboutItem(): boolean {
    const first = this.elements.find((element) => isPosition(element) || !element.isSkipped);
    if (first === undefined || !isPosition(first) || this.wishes()) return false;
    return !this.elements.some((element) => element.isCue("with", "but", "or"));
  }

  /** Whether the clause asks something about an item of the list, as in "does the second come in red". */
  private asksAboutItem(): boolean {
    if (this.elements.some((element) => element.isCue("inquiry"))) return !this.wishes(); // "how old is Ada Stone"
    const after = this.elements[1];
    const isThis = after !== undefined && (after.isCue("this") || after.meaning !== null);
    return this.isQuestion() && (isThis || this.elements.some(isPosition));
  }

  /** Whether the clause asks why, and suggests nothing, as "why not tea" does. */
  private asksWhy(): boolean {
    const why = Math.max(
      0,
      this.elements.findIndex(({ isSkipped }) => !isSkipped),
    );
    return at(this.elements, why).isCue("why") && !this.elements[why + 1]?.isCue("not");
  }

  /** Whether the clause names one thing, beside words such as "in" and words without meaning. */
  private isPlain(): boolean {
    if (!this.isAlone || this.isQuestion() || this.isRemark() || this.isStatement()) return false;
    const others = this.elements.filter(({ meaning }) => meaning === null);
    const areLight = others.every((element) => element.isSkipped || element.isCue("with"));
    return areLight && others.length === this.elements.length - 1;
  }

  /** Whether something is compared with a name that nobody knows, as in "lighter than titanium". */
  private isCompared(index: number): boolean {
    let place = index - 1;
    while (place > 0 && at(this.elements, place).isSkipped) place--;
    return place > 0 && at(this.elements, place).isCue("than") && at(this.elements, place - 1).isUnknown;
  }

  private nUnknown(): number {
    return this.elements.filter(({ isUnknown }) => isUnknown).length;
  }

  /** The share of the names among the words of the clause; everyday words are not taken for names here. */
  private share(): number {
    let [named, others] = [0, 0];
    for (const element of this.elements) {
      const n = element.tokens.length;
      if (element.isUnknown) others += n;
      else if (element.meaning === null || (element.isCorrected && !isLong(element))) continue;
      else if (isExact(element) || !this.isOrdinary(element)) named += n;
      else others += n;
    }
    return named + others > 0 ? named / (named + others) : 1;
  }

  private lead(index: number): Lead {
    const place = this.placeBefore(index);
    if (index - 1 - place > REACH) return "weak";
    const before = this.elements[place];
    if (before === undefined) return "start";
    if (before.meaning !== null) return this.lead(place);
    if (before.isUnknown) return "word";
    if (before.isCue("simile")) return "owned";
    if (place === index - 1 && this.isPossessive(before)) {
      const lead = this.lead(place);
      return lead === "wish" || lead === "weak" ? lead : "owned";
    }
    if (before.isCue("by", "with") && this.elements[place - 1]?.isUnknown) return "away";
    // "Something for".
    const isFor = before.isCue("with") && this.elements[place - 1]?.isCue("want") === true;
    return isFor || before.isCue(...LEADS) ? "wish" : "weak";
  }

  /** The index of the element before another that is not without meaning; -1 if there is none. */
  private placeBefore(index: number): number {
    return this.elements.slice(0, index).findLastIndex((element, place) => {
      if (element.meaning !== null || element.isUnknown) return true;
      if (place === index - 1 && this.isPossessive(element)) return true;
      return !(element.isSkipped || element.isCue("to") || (element.isCue("this") && place === 0));
    });
  }

  private isPossessive({ text }: Element): boolean {
    return this.phrases.possessives.has(text);
  }

  /** Take a "like" that says how somebody does something for no wish, as in "I burn like a lobster". */
  private takeSimiles(): void {
    for (const [index, { tokens }] of this.elements.entries()) {
      if (this.isSimile(index)) this.elements[index] = new Element(tokens, SIMILE);
    }
  }

  private isSimile(index: number): boolean {
    const before = this.elements.slice(0, index);
    const verb = before.at(-1);
    if (verb === undefined || verb.cue !== null || isOfValues(verb)) return false;
    const element = at(this.elements, index);
    if (!element.isCue("like") || element.tokens.length > 1) return false; // not "something like"
    return this.phrases.subjects.has(firstWord(at(before, 0))) && !before.some((element) => element.isCue(...WISHES));
  }

  /** Whether the clause is about an order, or a complaint about the list, and wishes nothing. */
  private isService(): boolean {
    return !this.wishes() && this.elements.some((element) => element.isCue("service"));
  }

  /** Whether the clause begins with somebody or something, and wishes nothing. */
  private isRemark(): boolean {
    return !this.wishes() && this.phrases.subjects.has(firstWord(at(this.elements, 0)));
  }

  /** Whether the clause says how something is, and wishes nothing. */
  private isStatement(): boolean {
    const { questions, statements } = this.phrases;
    if (this.wishes() || questions.has(at(this.elements, 0).text)) return false;
    return this.elements.slice(1).some(({ text }) => statements.has(text));
  }

  private wishes(): boolean {
    return this.elements.some((element) => element.isCue(...WISHES));
  }

  /** Whether the clause names things and says nothing else. */
  private isBare(): boolean {
    return this.elements.every(({ meaning, text }) => meaning !== null || this.phrases.light.has(text));
  }

  /** Whether a name follows that a title or fact has together with a word, as in "green tea". */
  private describes(index: number): boolean {
    const after = this.nameAfter(index);
    return after !== null && this.lexicon.hasText(`${at(this.elements, index).text} ${after.text}`);
  }

  /** Whether a name follows that no title or fact has together with a word, as in "a long bubble bath". */
  private onlyDescribes(index: number): boolean {
    return this.nameAfter(index) !== null && !this.describes(index);
  }

  private nameAfter(index: number): Element | null {
    const after = this.elements[index + 1];
    return after === undefined || after.meaning === null || after.gap > 0 ? null : after;
  }

  /** Whether a word follows that is said of things, as in "rose scent" or "nut free". */
  private isCarried(index: number): boolean {
    return this.elements[index + 1]?.isCue("carrier", "suffix_not") === true;
  }

  /** Whether an element is quoted, or written like a name where other words are not. */
  private isMarked(index: number): boolean {
    const written = at(this.elements, index).tokens.map(({ shown }) => shown);
    if (QUOTES.includes(at(written, 0).charAt(0)) && QUOTES.includes(written.at(-1)?.at(-1) ?? " ")) return true;
    const isInside = index > 0 || !this.isFirst;
    return isInside && this.phrases.words.capitals !== false && written.every(isCapitalized);
  }

  private isOrdinary({ tokens }: Element): boolean {
    const { ordinary, cues } = this.phrases;
    return tokens.every(({ text, isCorrected }) => !isCorrected && (ordinary.has(text) || cues.has(text)));
  }

  private hasSubject({ tokens }: Element): boolean {
    return tokens.some(({ text }) => this.phrases.subjects.has(text));
  }
}

/** Whether an element names values of a fact, or has a synonym. */
function isOfValues({ meaning }: Element): boolean {
  return meaning !== null && (meaning.fields.length > 0 || meaning.isRelated || meaning.wish.values.length > 1);
}

/** Whether an element is the whole value of a fact, as it is written there. */
function isExact({ meaning, tokens }: Element): boolean {
  const stems = joined(tokens.map(({ stem }) => stem));
  return (
    meaning !== null && meaning.fields.length > 0 && meaning.wish.values.some((value) => phraseOf(value) === stems)
  );
}

/** Whether an element is a value of one long word, which a typing error hardly makes of another one. */
function isLong(element: Element): boolean {
  return isExact(element) && element.tokens.length === 1 && Array.from(element.text).length >= LONG;
}

function isPosition({ cue }: Element): boolean {
  return (cue?.position ?? null) !== null;
}

function firstWord({ tokens }: Element): string {
  return at(tokens, 0).text;
}

/** Whether a word begins with a capital letter, and has letters that are none. */
function isCapitalized(text: string): boolean {
  return /^\p{Uppercase}/u.test(text) && /[\p{Lowercase}\p{Lt}]/u.test(text);
}
