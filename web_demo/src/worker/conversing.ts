/** What the user says about the list that is shown; the code that answers is loaded with the first focus of the field. */

import type { Listing } from "../runtime/conversation/said";
import type { Ranking, Recommender } from "../runtime/recommender";
import type { Card, Examples, Notify, TalkView } from "./protocol";
import type { Talk, TalkedAbout } from "./talk";

/** The session that it belongs to. */
export interface ConversingHost {
  readonly notify: Notify;
  /** What lists the items; null while no release is open. */
  readonly recommender: () => Recommender | null;
  /** The list that is shown. */
  readonly cards: () => readonly Card[];
  readonly listing: (recommender: Recommender) => Listing;
  /** Do some work after pending lists. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Compute the list again. */
  readonly refresh: () => Promise<void>;
  /** The language that sentences are in. */
  readonly language: () => string;
}

export class Conversing {
  private talk: Promise<Talk> | null = null;

  constructor(private readonly host: ConversingHost) {}

  /** Load what sentences need; some to begin with, none while no release is open. */
  async listen(): Promise<Examples> {
    const talk = await this.talker();
    const { language } = talk;
    const recommender = this.host.recommender();
    if (recommender === null) return { texts: [], language };
    const cards = this.host.cards();
    const shown = cards.map(({ itemId }) => itemId);
    return { texts: await talk.examples(recommender.sayable, shown, cards[0]?.kind ?? ""), language };
  }

  /** Answer a sentence about the list that is shown, then update the list. */
  say(text: string): Promise<void> {
    return this.answer((talk, about) => talk.say(text, about));
  }

  /** Take back one thing that was said, or, with null, the last sentence. */
  takeBack(chip: string | null): Promise<void> {
    return this.answer((talk, about) => (chip === null ? talk.undo(about) : talk.removeChip(chip)));
  }

  /** The list by what the user has said; null if nothing was. */
  async rank(recommender: Recommender): Promise<Ranking | null> {
    const talk = (await this.talk?.catch(() => null)) ?? null;
    return talk === null ? null : talk.rank(recommender.sayable, this.host.listing(recommender));
  }

  forget(): void {
    this.talk = null;
    this.host.notify("talk", null);
  }

  private async answer(ask: (talk: Talk, about: TalkedAbout) => Promise<TalkView>): Promise<void> {
    const recommender = this.host.recommender();
    if (recommender === null) return;
    const talk = await this.talker();
    const view = await this.host.inTurn(() => ask(talk, this.talkedAbout(recommender)));
    if ((await this.talk) !== talk) return; // data that was deleted meanwhile stays deleted
    this.host.notify("talk", view);
    await this.host.refresh();
  }

  private talkedAbout(recommender: Recommender): TalkedAbout {
    const cards = this.host.cards();
    const reasonOf = (itemId: string) => cards.find((card) => card.itemId === itemId)?.reason ?? null;
    return {
      release: recommender.sayable,
      listing: this.host.listing(recommender),
      shown: cards.map(({ itemId }) => itemId),
      reason: (itemId) =>
        reasonOf(itemId)
          ?.pieces.map(({ text }) => text)
          .join("") ?? null,
    };
  }

  private talker(): Promise<Talk> {
    this.talk ??= import("./talk").then(
      ({ Talk }) => new Talk(this.host.language()),
      (error: unknown) => {
        this.talk = null; // the next sentence tries again
        throw error;
      },
    );
    return this.talk;
  }
}
