/** Which option of a question a reply means. The same as `edge_runtime/conversation/replies.py`. */

import type { Parts } from "./parts";
import { phraseOf, separate, textsOf } from "./tokens";
import { listOf, type Phrases } from "./words";

/** What counts. */
export interface State {
  readonly parts: Parts;
  /** Item ids that were shown before "something else". */
  readonly hidden: readonly string[];
}

/** A reply to a question, and what counts after it. */
export interface Option {
  readonly text: string;
  readonly state: State;
  /** Whether it declines what was asked. */
  readonly isNo?: boolean;
}

/** The option that a reply names: its text or a part of it, its position, yes, no or both. */
export function chosen(options: readonly Option[], text: string, phrases: Phrases): Option | null {
  const said = phraseOf(text);
  if (options.length === 0 || said === "") return null;
  const position = positionOf(text, phrases);
  if (position !== null && position <= options.length) {
    return options.at(position < 0 ? position : position - 1) ?? null;
  }
  const reply = ["yes", "no", "both"].find((name) => listOf(phrases.words.replies, name).map(phraseOf).includes(said));
  return reply === undefined ? named(options, said) : replied(options, reply, phrases);
}

/** The option that "yes", "no" or "both" means; "yes" is none of several. */
function replied(options: readonly Option[], reply: string, phrases: Phrases): Option | null {
  if (reply === "yes") return options.length <= 2 ? (options[0] ?? null) : null;
  const last = options.at(-1);
  if (reply === "no") return last?.isNo ? last : null;
  const both = phraseOf(phrases.words.answers["both"] ?? "");
  return options.find(({ text }) => phraseOf(text) === both) ?? null;
}

/** Whether a reply is a mere "no". */
export function declines(text: string, phrases: Phrases): boolean {
  return listOf(phrases.words.replies, "no").map(phraseOf).includes(phraseOf(text));
}

function named(options: readonly Option[], said: string): Option | null {
  const exact = options.find(({ text }) => phraseOf(text) === said);
  const part = options.filter(({ text }) => {
    const words = separate(phraseOf(text));
    return separate(said).every((word) => words.includes(word));
  });
  return exact ?? (part.length === 1 ? (part[0] ?? null) : null);
}

/** The position that a reply such as "the first one" names. */
function positionOf(text: string, phrases: Phrases): number | null {
  const cues = separate(textsOf(text)).map((word) => phrases.cues.get(word));
  const positions = cues.flatMap((cue) => cue?.position ?? []);
  const isAll = cues.every((cue) => cue !== undefined && (cue.position !== null || cue.names.has("skip")));
  return isAll && positions.length === 1 ? (positions[0] ?? null) : null;
}
