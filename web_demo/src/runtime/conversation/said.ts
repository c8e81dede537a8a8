/** What was said about the lists of a release, which may be followed by a newer one. Loaded with the first sentence. */

import type { Cosines } from "../cosines";
import type { LiveFacts } from "../filters/live";
import type { FactTable } from "../filters/table";
import type { Rows } from "../itemIds";
import type { OpenRelease, Ranking } from "../openRelease";
import type { Finder } from "../search/finder";
import { Sayings } from "./answers";
import { Application } from "./apply";
import { type Catalogue, Hearing } from "./hearing";
import type { Answer, Chip } from "./outcome";
import { changesList, type Query } from "./query";
import { Conversation } from "./talk";
import { addedText, takenBack } from "./turn";
import { listOf, type Phrases, spokenPhrases } from "./words";

/** Maximum number of characters of all examples with commas, which fit a field on a phone. */
const MAX_OF_EXAMPLES = 28;

/** What is needed of a release. */
export type Sayable = Pick<OpenRelease, "items" | "hearing" | "rankWithout" | "explainer" | "newest">;

/** The user's history, and how many items are listed. */
export interface Listing {
  /** Rows of the history, oldest first. */
  readonly sequence: readonly number[];
  /** Rows that are on no list. */
  readonly excluded: Rows;
  /** Rows, newest first. */
  readonly disliked: readonly number[];
  readonly diversity: number;
  readonly k: number;
}

export interface Turn {
  readonly language: string;
  /** Item ids on the screen; null for those of the last answer. */
  readonly shown?: readonly string[] | null;
  /** Id of the item that "this" means; null for the one that was talked about last. */
  readonly about?: string | null;
  /** The reason that is shown with an item; null if it is to be found. */
  readonly reason?: (itemId: string) => string | null;
}

/** An item of a list. */
export interface ListedRow {
  readonly row: number;
  readonly itemId: string;
}

/** What understands sentences about a release. */
export function hearingOf(
  release: Pick<OpenRelease, "items" | "factsOf">,
  finder: Finder,
  facts: FactTable,
  spaces: readonly Cosines[],
  live: LiveFacts,
): Hearing {
  const { items } = release;
  const application = new Application(items.ids.length, (itemId) => items.rowOf(itemId), facts, finder, spaces);
  const catalogue: Catalogue = { items, factsOf: (row) => release.factsOf(row), live: () => live.names };
  return new Hearing(catalogue, finder, application);
}

/** A conversation about the lists of one user. */
export class Said {
  private readonly conversation = new Conversation();
  private hearing: Hearing | null = null;
  private pending: Promise<unknown> = Promise.resolve();

  /** What counts now, in words of the language of the last sentence. */
  get chips(): readonly Chip[] {
    return this.hearing === null ? [] : this.conversation.chips(this.hearing);
  }

  /** Whether nothing counts, so that lists are as they would be without it. */
  get isEmpty(): boolean {
    return this.conversation.parts.length + this.conversation.hidden.length === 0;
  }

  get canUndo(): boolean {
    return this.conversation.canUndo;
  }

  /** Remove a chip; returns whether there was one. */
  removeChip(chipId: string): boolean {
    return this.conversation.remove(chipId);
  }

  /** The answer to a sentence, with the list, after those before. */
  say(release: Sayable, text: string, listing: Listing, turn: Turn): Promise<Answer<ListedRow>> {
    const answered = this.pending.then(() => this.answer(release, text, listing, turn));
    this.pending = answered.catch(() => undefined);
    return answered;
  }

  /** Whether `say` is the right call for a text, and not a search: it replies or asks for something, and is no title. */
  async asks(release: Sayable, text: string, language: string): Promise<boolean> {
    const [hearing, phrases] = await Promise.all([release.hearing(), spokenPhrases.load(language)]);
    return this.conversation.asks(text, phrases, hearing);
  }

  /** The best rows by what counts now. */
  async rank(release: Sayable, listing: Listing): Promise<Ranking> {
    const { query, hidden } = this.conversation;
    return ranked(release, await release.hearing(), listing, query, hidden);
  }

  /** What an answer says where a chip was removed. */
  async takenBack(language: string): Promise<string> {
    return takenBack(await this.sayings(language), this.conversation.parts);
  }

  /**
   * The part of an answer that says no more than the chips that are new; empty if there is none.
   *
   * @param before the chips before it.
   */
  async repeats(answer: string, before: readonly Chip[], language: string): Promise<string> {
    const known = new Set(before.map(({ id }) => id));
    const added = this.conversation.parts.filter(({ id }) => !known.has(String(id)));
    const text = addedText(await this.sayings(language), added);
    return answer.includes(text) ? text : "";
  }

  private async sayings(language: string): Promise<Sayings> {
    const { words } = await spokenPhrases.load(language);
    return new Sayings(words, (itemId) => this.hearing?.title(itemId) ?? itemId);
  }

  private async answer(release: Sayable, text: string, listing: Listing, turn: Turn): Promise<Answer<ListedRow>> {
    const { language, shown = null, about = null, reason = () => null } = turn;
    const [hearing, phrases] = await Promise.all([release.hearing(), spokenPhrases.load(language)]);
    this.hearing = hearing;
    const { ids } = release.items;
    const host = {
      hearing,
      list: async (query: Query, hidden: readonly string[]) => {
        const { rows } = await ranked(release, hearing, listing, query, hidden);
        return rows.map((row) => ({ row, itemId: ids[row] ?? "" }));
      },
      explain: async (itemId: string) => reason(itemId) ?? reasonOf(release, itemId, listing.sequence, language),
    };
    return this.conversation.say(text, phrases, host, shown, about);
  }
}

function ranked(
  release: Sayable,
  { application }: Hearing,
  { sequence, excluded, disliked, diversity, k }: Listing,
  query: Query,
  hidden: readonly string[],
): Promise<Ranking> {
  const mask = application.allowed(query);
  for (const row of release.items.rowsOf(hidden)) mask[row] = 0;
  const left = { has: (row: number) => mask[row] === 0 || excluded.has(row) };
  const share = Math.max(diversity, query.variety ?? 0);
  return release.rankWithout(left, sequence, k, share, disliked, (scores, unlisted) => {
    return application.shifted(scores, query, unlisted);
  });
}

/** Why an item is recommended, in words. */
async function reasonOf(
  release: Sayable,
  itemId: string,
  sequence: readonly number[],
  language: string,
): Promise<string> {
  const rows = release.items.rowsOf([itemId]);
  const explainer = await release.explainer();
  const evidence = await explainer.evidence(release.newest(sequence), rows);
  const manner = { style: "short", tone: "casual" } as const;
  const explanation = await explainer.about({ rows, evidence, events: new Map() }, manner, language);
  return explanation.all()[0]?.wording.text ?? explanation.nothing(rows[0] ?? 0);
}

/**
 * Sentences to begin with, each of which changes the list that is shown; those that fit a field on a phone.
 *
 * @param kind a category of the first items, or an empty text.
 */
export function examplesOf(phrases: Phrases, hearing: Hearing, shown: readonly string[], kind: string): string[] {
  const { cues, chips } = phrases.words;
  const first = (name: string) => listOf(cues, name)[0] ?? "";
  const hasPrice = hearing.numbers(shown, "price").length > 0;
  const texts = [
    hasPrice ? first("less") : first("newer"),
    kind === "" ? "" : (chips["must_not"] ?? "").replace("{value}", () => kind),
    first("surprise"),
  ];
  const context = { shown, about: null, facts: hearing.facts };
  let left = MAX_OF_EXAMPLES;
  return texts.filter((text) => {
    const { query, problem, notUnderstood } = hearing.parse(text, phrases, context);
    const fits = text.length <= left && problem === null && notUnderstood.length === 0 && changesList(query);
    if (fits) left -= text.length + ", ".length;
    return fits;
  });
}
