/**
 * A conversation: what was said so far, kept in memory only, and the answers to what is said next. The same as
 * `edge_runtime/conversation/talk.py`.
 */

import { Sayings } from "./answers";
import type { Hearing } from "./hearing";
import { Memory } from "./memory";
import type { Answer, Chip } from "./outcome";
import { type Parts, queryOfParts } from "./parts";
import type { Query } from "./query";
import { chosen } from "./replies";
import { chipsOf, type Host, Turn } from "./turn";
import type { Phrases } from "./words";

/** What was said so far. One sentence at a time. */
export class Conversation {
  private readonly memory = new Memory();
  private phrases: Phrases | null = null;

  get parts(): Parts {
    return this.memory.state.parts;
  }

  /** What counts now. */
  get query(): Query {
    return queryOfParts(this.parts);
  }

  /** Item ids that were shown before "something else". */
  get hidden(): readonly string[] {
    return this.memory.state.hidden;
  }

  /** Whether there is something to undo. */
  get canUndo(): boolean {
    return this.memory.canUndo;
  }

  /** What counts now, in words of the language of the last sentence. */
  chips({ knows, title }: Hearing): readonly Chip[] {
    if (this.phrases === null) return [];
    this.memory.forgetUnknown(knows);
    return chipsOf(this.parts, new Sayings(this.phrases.words, title));
  }

  /** Remove a chip; returns whether there was one. It can be undone. */
  remove(chipId: string): boolean {
    const parts = this.parts.filter(({ id }) => String(id) !== chipId);
    if (parts.length === this.parts.length) return false;
    this.memory.go({ parts, hidden: [] });
    return true;
  }

  /** Whether a text replies to the question, or asks for something and is no title, unlike words to search for. */
  asks(text: string, phrases: Phrases, hearing: Hearing): boolean {
    const { memory } = this;
    memory.forgetUnknown(hearing.knows);
    if (chosen(memory.options, text, phrases) !== null) return true;
    const context = { shown: memory.shown ?? [], about: memory.about, facts: hearing.facts };
    return !hearing.isTitle(text) && hearing.parse(text, phrases, context).isSentence;
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
    const { memory } = this;
    this.phrases = phrases;
    memory.shown = shown ?? memory.shown;
    memory.forgetUnknown(host.hearing.knows);
    memory.shown ??= idsOf(await host.list(this.query, this.hidden));
    const [only = null, ...others] = memory.shown;
    memory.about =
      about ?? (memory.shown.includes(memory.about ?? "") ? memory.about : others.length === 0 ? only : null);
    const answer = await new Turn(memory, phrases, host).answer(text);
    memory.shown = idsOf(answer.items);
    return answer;
  }
}

function idsOf(items: readonly { readonly itemId: string }[]): string[] {
  return items.map(({ itemId }) => itemId);
}
