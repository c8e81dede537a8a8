/**
 * Explains the list that is shown: what its scores rest on, the words for it, and how the language model words it. Loaded
 * and computed after the list, which never waits for it.
 */

import type { CountsClears, History, HistoryEvent } from "../runtime/events";
import type { Evidence } from "../runtime/reasons/evidence";
import type { Explained, ListExplanation, Manner } from "../runtime/reasons/explainer";
import { ENGLISH, languageFor } from "../runtime/reasons/phrasebook";
import { addChoice, mostFrequent, readChoices } from "../runtime/reasons/preference";
import type { Wording } from "../runtime/reasons/wordings";
import type { Recommender } from "../runtime/recommender";
import type { CardReason, Why } from "./protocol";
import type { ReasonWriter } from "./reasonWriter";

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
interface InWords {
  readonly list: ShownList;
  readonly evidence: Evidence;
  readonly manner: Manner;
  readonly explanation: ListExplanation;
  readonly said: Map<number, Explained>;
}

export class Reasons {
  private readonly language: string;
  private list: ShownList | null = null;
  private inWords: InWords | null = null;
  /** What the user has chosen since the page was opened. */
  private chosen: Manner | null = null;

  /** @param tag the browser's language, such as `de-AT`. */
  constructor(
    private readonly host: ReasonsHost,
    tag: string,
  ) {
    this.language = languageFor(tag);
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

  /** Show the wording that the language model chose, if the reason is still the same. */
  reword(row: number, prompt: string, text: string): void {
    const explained = this.inWords?.said.get(row);
    const wording = explained?.choices.find((choice) => choice.text === text);
    if (this.inWords === null || explained?.prompt !== prompt || wording === undefined) return;
    this.inWords.said.set(row, { ...explained, wording });
    this.show(this.inWords);
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
    const { writer } = this.host;
    const all = explanation.all((choices, prompt) => {
      const worded = this.isWorded ? writer.remembered(prompt) : undefined;
      return choices.find(({ text }) => text === worded) ?? (choices[0] as Wording);
    });
    const said = new Map(all.filter((explained) => explained !== null).map((explained) => [explained.row, explained]));
    this.inWords = { list, evidence, manner, explanation, said };
    this.show(this.inWords);
    if (this.isWorded) void writer.reword(this.requests(this.inWords));
  }

  /** The language model has learned English sentences only. */
  private get isWorded(): boolean {
    return this.language === ENGLISH;
  }

  private requests({ said }: InWords) {
    return [...said.values()].map(({ row, prompt, choices }) => ({
      row,
      prompt,
      // Those that no other card has by then, so that no two sound alike.
      choices: () => {
        const others = [...said.values()].filter((other) => other.row !== row);
        const taken = new Set(others.map(({ wording }) => wording.skeleton));
        return choices.filter(({ skeleton }) => !taken.has(skeleton)).map(({ text }) => text);
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
