/** Explains the items of a list together. The same as `edge_runtime/explainer.py`, without the language model. */

import { at } from "../at";
import { SHOP } from "../constants";
import type { Items } from "../items";
import type { Transitions } from "../transitions";
import { Assigner } from "./assignment";
import { type Claim, claimsOfList } from "./claims";
import { type Evidence, findEvidence } from "./evidence";
import { type Fact, FactFinder } from "./facts";
import { type Name, shortNames } from "./names";
import { type Phrases, phrasebooks } from "./phrasebook";
import { prompt } from "./prompt";
import { Speaker, type Wording } from "./wordings";
import { STYLES, type Style, TONES, type Tone } from "./words";

/** How reasons are said. */
export interface Manner {
  /** `short` cites one fact; `detailed` two, where there are two. */
  readonly style: Style;
  readonly tone: Tone;
}

/** A list to explain. */
export interface Listed {
  /** Its items, best first. */
  readonly rows: readonly number[];
  /** What the scores of these items rest on. */
  readonly evidence: Evidence;
  /** Row of the history to the name of its newest event, where that is known. */
  readonly events: ReadonlyMap<number, string>;
}

/** What is said about an item of a list, and in which other ways it might be said. */
export interface Explained {
  readonly row: number;
  readonly wording: Wording;
  readonly choices: readonly Wording[];
  /** The prompt with which a language model chooses among them. */
  readonly prompt: string;
}

/** Chooses one of the wordings, of which there is at least one. */
export type Choose = (choices: readonly Wording[], prompt: string) => Wording;

const BEST: Choose = (choices) => at(choices, 0);

export class Explainer {
  private readonly finder: FactFinder;

  constructor(
    private readonly items: Items,
    popularity: Uint8Array,
    transitions: Transitions | null,
    /** The score of every item after a part of a history; null if nothing but popularity can rank. */
    private readonly score: (part: readonly number[], history: readonly number[]) => Promise<Float32Array | null>,
    /** The kind of catalogue. */
    private readonly kind: string = SHOP,
  ) {
    this.finder = new FactFinder(items, popularity, transitions);
  }

  /**
   * What the scores of a list rest on, by one pass for each event of the history.
   *
   * @param sequence rows as the encoder sees them, oldest first.
   * @param inTurn does a pass when the engine is free.
   */
  evidence(
    sequence: readonly number[],
    rows: readonly number[],
    inTurn: <T>(pass: () => Promise<T>) => Promise<T> = (pass) => pass(),
  ): Promise<Evidence> {
    return findEvidence(sequence, rows, (part) => inTurn(() => this.score(part, sequence)));
  }

  /**
   * Prepare the explanation of a list; the first one in a language loads its phrases.
   *
   * @throws RangeError there is no such style, tone or language.
   */
  async about(listed: Listed, manner: Manner, language: string): Promise<ListExplanation> {
    check("style", manner.style, STYLES);
    check("tone", manner.tone, TONES);
    return new ListExplanation(this.items, this.finder, listed, manner, await phrasebooks.load(language), this.kind);
  }
}

/** The explanation of one list in one manner and language. */
export class ListExplanation {
  readonly speaker: Speaker;
  readonly names: ReadonlyMap<number, Name>;
  /** What may be said about each item, best first. */
  readonly claims: readonly (readonly Claim[])[];

  constructor(
    private readonly items: Items,
    finder: FactFinder,
    readonly listed: Listed,
    { style, tone }: Manner,
    phrases: Phrases,
    kind: string,
  ) {
    const { rows, evidence, events } = listed;
    this.names = shortNames(finder, evidence.pasts, evidence.older);
    this.claims = claimsOfList(finder, rows, evidence, new Set(this.names.keys()));
    this.speaker = new Speaker(phrases, style, tone, this.names, events, kind);
  }

  get language(): string {
    return this.speaker.phrases.language;
  }

  /** What is said about each item, no two of which sound alike while there are other wordings; null: nothing can be. */
  all(choose: Choose = BEST): (Explained | null)[] {
    const assigner = new Assigner();
    return this.listed.rows.map((row, index) => {
      const choices = assigner.choices(this.speaker, row, this.claims[index] ?? []);
      if (choices.length === 0) return null;
      const asked = prompt(this.items, row, at(choices, 0).facts, this.speaker);
      const wording = choose(choices, asked);
      assigner.say(wording);
      return { row, wording, choices, prompt: asked };
    });
  }

  /**
   * What else speaks for an item than the facts that were said, each in words of its own. That the item is there because of
   * an event is only said of those that nothing else was said of.
   */
  others(row: number, said: Wording | null, most: number): Wording[] {
    const assigner = new Assigner();
    if (said !== null) assigner.say(said);
    const facts = [...(said?.facts ?? [])];
    const isSaid = ({ kind, field, value, historyRow }: Fact) =>
      facts.some((fact) => {
        const isSame = fact.kind === kind && fact.field === field && fact.value === value;
        return fact.historyRow === historyRow && (isSame || kind === "because");
      });
    const wordings: Wording[] = [];
    for (const claim of this.claims[this.listed.rows.indexOf(row)] ?? []) {
      if (wordings.length === most) break;
      const short = { ...claim, seconds: [] };
      const [wording] = isSaid(claim.fact) ? [] : assigner.choices(this.speaker, row, [short]);
      if (wording === undefined) continue;
      assigner.say(wording);
      facts.push(claim.fact);
      wordings.push(wording);
    }
    return wordings;
  }

  /** The sentence about an item of which nothing can be said. */
  nothing(row: number): string {
    const sentences = this.speaker.phrases.nothing[this.speaker.tone];
    return at(sentences, row % sentences.length);
  }
}

function check(name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new RangeError(`${name} must be one of ${known.join(", ")}, got ${JSON.stringify(value)}`);
}
