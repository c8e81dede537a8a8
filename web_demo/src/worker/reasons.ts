/**
 * Explains the list that is shown: what its scores rest on, the words for it, and how the language model words it. Loaded
 * and computed after the list, which never waits for it.
 */

import { at } from "../runtime/at";
import type { CountsClears, History, HistoryEvent } from "../runtime/events";
import { ENGLISH } from "../runtime/languages";
import type { Evidence } from "../runtime/reasons/evidence";
import type { Explained, ListExplanation, Manner } from "../runtime/reasons/explainer";
import { phrasebooks } from "../runtime/reasons/phrasebook";
import { addChoice, mostFrequent, readChoices } from "../runtime/reasons/preference";
import type { Recommender } from "../runtime/recommender";
import type { CardReason, Why } from "./protocol";
import type { ReasonWriter, RewordRequest } from "./reasonWriter";

/** What else speaks for an item than its reason. */
const MOST_OTHERS = 4;

/** A list that is shown. */
export interface ShownList {
  readonly recommender: Pick<Recommender, "explainer" | "newest" | "items">;
  /** Its items, best first. */
  readonly rows: readonly number[];
  /** Rows of the history that it was computed from, oldest first. */
  readonly sequence: readonly number[];
  readonly events: readonly HistoryEvent[];
  readonly version: number;
}

/** What explaining needs of the session. */
export interface ReasonsHost {
  readonly writer: Pick<ReasonWriter, "remembered" | "reword">;
  /** Do some work when the engine is free. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly history: Pick<History, "setting" | "swap"> & CountsClears;
  /** Show the reasons of a list by row. */
  readonly show: (list: ShownList, reasons: ReadonlyMap<number, CardReason>) => void;
}

/** A newer list is shown. */
class Superseded extends Error {}

/** A list whose evidence is known, in words. */
export interface InWords {
  readonly list: ShownList;
  readonly evidence: Evidence;
  readonly manner: Manner;
  readonly explanation: ListExplanation;
  said: ReadonlyMap<number, Explained>;
}

export class Reasons {
  private readonly language: string;
  private list: ShownList | null = null;
  /** What is said of the list; null until that is known. */
  inWords: InWords | null = null;
  /** What the user has chosen since the page was opened. */
  private chosen: Manner | null = null;

  /** @param tag the browser's language, such as `de-AT`. */
  constructor(
    private readonly host: ReasonsHost,
    tag: string,
  ) {
    this.language = phrasebooks.forTag(tag);
  }

  /** Find the reasons of a list and show them; ends early when another list is explained. */
  async explain(list: ShownList): Promise<void> {
    this.list = list;
    this.inWords = null;
    const { recommender, rows, sequence } = list;
    const inTurn = async <T>(pass: () => Promise<T>): Promise<T> => {
      if (this.list !== list) throw new Superseded();
      return this.host.inTurn(pass);
    };
    try {
      const explainer = await recommender.explainer();
      const evidence = await explainer.evidence(recommender.newest(sequence), rows, inTurn);
      await this.say(list, evidence);
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
    }
  }

  /** Say reasons in another manner from now on, and more often when the page is opened. */
  async choose(manner: Manner): Promise<void> {
    const before = this.inWords?.manner ?? (await this.manner());
    this.chosen = manner;
    // Only what was changed was chosen.
    const style = manner.style === before.style ? null : manner.style;
    const tone = manner.tone === before.tone ? null : manner.tone;
    await addChoice(this.host.history, style, tone);
    if (this.inWords !== null) await this.say(this.inWords.list, this.inWords.evidence);
  }

  /** Show what the language model chose, if the reason is still the same; cards below it take other wordings if needed. */
  reword(row: number, prompt: string): void {
    if (this.inWords?.said.get(row)?.prompt !== prompt) return;
    this.inWords.said = this.assigned(this.inWords.explanation);
    this.show(this.inWords);
  }

  /** Let the language model reword what it has not reworded yet. */
  resume(): void {
    if (this.inWords !== null && this.isWorded) void this.host.writer.reword(this.requests(this.inWords));
  }

  /** What speaks for an item of the list; null if it is not explained. */
  why(row: number): Omit<Why, "position"> | null {
    if (this.inWords === null) return null;
    const { explanation, said, manner } = this.inWords;
    const wording = said.get(row)?.wording ?? null;
    return {
      nothing: wording === null ? explanation.nothing(row) : null,
      others: explanation.others(row, wording, MOST_OTHERS).map(({ pieces }) => pieces),
      language: this.language,
      manner,
    };
  }

  /** Forget what the user has chosen. */
  forget(): void {
    this.chosen = null;
    this.inWords = null;
  }

  /** What the user has chosen since the page was opened; before, what they usually choose. */
  private async manner(): Promise<Manner> {
    if (this.chosen !== null) return this.chosen;
    const { styles, tones } = await readChoices(this.host.history);
    return { style: mostFrequent(styles) ?? "short", tone: mostFrequent(tones) ?? "casual" };
  }

  private async say(list: ShownList, evidence: Evidence): Promise<void> {
    const { recommender, rows, events } = list;
    const manner = await this.manner();
    const latest = new Map(events.map(({ itemId, event }) => [recommender.items.rowOf(itemId) ?? -1, event]));
    const explainer = await recommender.explainer();
    const explanation = await explainer.about({ rows, evidence, events: latest }, manner, this.language);
    if (this.list !== list) return;
    this.inWords = { list, evidence, manner, explanation, said: this.assigned(explanation) };
    this.show(this.inWords);
    this.resume();
  }

  /** What is said about each row, as the language model has worded it so far. */
  private assigned(explanation: ListExplanation): ReadonlyMap<number, Explained> {
    const all = explanation.all((choices, prompt) => {
      const worded = this.isWorded ? this.host.writer.remembered(prompt) : undefined;
      return choices.find(({ text }) => text === worded) ?? at(choices, 0);
    });
    return new Map(all.filter((explained) => explained !== null).map((explained) => [explained.row, explained]));
  }

  /** The language model has learned English sentences only. */
  private get isWorded(): boolean {
    return this.language === ENGLISH;
  }

  private requests(inWords: InWords): RewordRequest[] {
    return inWords.list.rows.map((row) => ({
      row,
      question: () => {
        const explained = inWords.said.get(row);
        if (explained === undefined) return null;
        return { prompt: explained.prompt, choices: explained.choices.map(({ text }) => text) };
      },
    }));
  }

  private show({ list, said }: InWords): void {
    const reasons = [...said.values()].map(({ row, prompt, wording: { pieces, text } }) => {
      const isWorded = this.isWorded && this.host.writer.remembered(prompt) === text;
      const by = isWorded ? ("language model" as const) : ("template" as const);
      return [row, { pieces, by, language: this.language }] as const;
    });
    this.host.show(list, new Map(reasons));
  }
}
