/** What was said so far, kept in memory only. The same as `edge_runtime/conversation/memory.py`. */

import type { Parts } from "./parts";

const MAX_UNDO = 50;

/** What counts. */
export interface State {
  readonly parts: Parts;
  /** Item ids that were shown before "something else". */
  readonly hidden: readonly string[];
}

export const NOTHING_SAID: State = { parts: [], hidden: [] };

/** A reply to a question, and what counts after it. */
export interface Option {
  readonly text: string;
  readonly state: State;
  /** Whether it declines what was asked. */
  readonly isNo?: boolean;
}

/** The state of a conversation. */
export class Memory {
  /** What counts now. */
  state = NOTHING_SAID;
  /** Replies to the question that was asked last. */
  options: readonly Option[] = [];
  /** Its text. */
  asked = "";
  /** Item ids on the screen, empty where the catalogue lacks the item; null before the first answer. */
  shown: readonly string[] | null = null;
  /** Id of the item that was talked about last. */
  about: string | null = null;
  private past: readonly State[] = [];
  /** The number of the last chip. */
  private nChips = 0;

  /** Whether there is something to undo. */
  get canUndo(): boolean {
    return this.past.length > 0;
  }

  /** Forget items that the catalogue lacks, such as after a newer release; the others keep their positions. */
  forgetUnknown(knows: (itemId: string) => boolean): void {
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

  /** Go over to another state, so that it can be undone. */
  go({ parts, hidden }: State): void {
    this.past = [...this.past, this.state].slice(-MAX_UNDO);
    this.state = { parts: parts.map((part) => (part.id > 0 ? part : { ...part, id: ++this.nChips })), hidden };
    this.options = [];
  }

  /** Go back to the state before; returns whether there was one. */
  undo(): boolean {
    const before = this.past.at(-1);
    this.past = this.past.slice(0, -1);
    this.state = before ?? this.state;
    return before !== undefined;
  }
}
