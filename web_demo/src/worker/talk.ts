/** What the user says about the list that is shown. Loaded with the first focus of the field, and kept in memory only. */

import { examplesOf, type Listing, Said, type Sayable } from "../runtime/conversation/said";
import { listOf, spokenPhrases } from "../runtime/conversation/words";
import type { Ranking } from "../runtime/recommender";
import type { TalkView } from "./protocol";

/** The list that a sentence is about. */
export interface TalkedAbout {
  readonly release: Sayable;
  readonly listing: Listing;
  /** Item ids on the screen, best first. */
  readonly shown: readonly string[];
  /** The reason that is shown with an item; null if there is none yet. */
  readonly reason: (itemId: string) => string | null;
}

export class Talk {
  readonly language: string;
  private readonly said = new Said();

  /** @param tag the browser's language, such as `de-AT`. */
  constructor(tag: string) {
    this.language = spokenPhrases.forTag(tag);
  }

  /**
   * Load what the first sentence needs; sentences to begin with.
   *
   * @param kind the category of the first item, or an empty text.
   */
  async examples(release: Sayable, shown: readonly string[], kind: string): Promise<readonly string[]> {
    const [hearing, phrases] = await Promise.all([release.hearing(), spokenPhrases.load(this.language)]);
    return examplesOf(phrases, hearing, shown, kind);
  }

  /** The answer to a sentence; the list of the items by it is `rank`. */
  async say(text: string, { release, listing, shown, reason }: TalkedAbout): Promise<TalkView> {
    const before = this.said.chips;
    const answer = await this.said.say(release, text, listing, { language: this.language, shown, reason });
    const repeats = await this.said.repeats(answer.text, before, this.language);
    return this.view(answer.text, repeats, answer.question?.options ?? []);
  }

  /** Take back the last sentence. */
  async undo(about: TalkedAbout): Promise<TalkView> {
    const { words } = await spokenPhrases.load(this.language);
    return this.say(listOf(words.cues, "undo")[0] ?? "", about);
  }

  /** Take back one thing that was said. */
  async removeChip(id: string): Promise<TalkView> {
    this.said.removeChip(id);
    return this.view(await this.said.takenBack(this.language), "", []);
  }

  /** The list by what was said; null if nothing was. */
  async rank(release: Sayable, listing: Listing): Promise<Ranking | null> {
    return this.said.isEmpty ? null : this.said.rank(release, listing);
  }

  private view(answer: string, repeats: string, options: readonly string[]): TalkView {
    const { chips, canUndo } = this.said;
    return { chips, answer, repeats, options, canUndo, language: this.language };
  }
}
