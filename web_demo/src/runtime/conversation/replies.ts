/** Which option of a question a reply means. The same as `edge_runtime/conversation/replies.py`. */

import type { Option } from "./memory";
import { phraseOf, separate, textsOf } from "./tokens";
import { listOf, type Phrases } from "./words";

/** The option that a reply names: its text or a part of it, its position, yes, no or both. */
export function chosen(options: readonly Option[], text: string, phrases: Phrases): Option | null {
  const said = phraseOf(text);
  if (options.length === 0 || said === "") return null;
  const position = positionOf(text, phrases);
  if (position !== null && position <= options.length) {
    return options.at(position < 0 ? position : position - 1) ?? null;
  }
  const reply = ["yes", "no", "both"].find((name) => isReply(name, said, phrases));
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
  return isReply("no", phraseOf(text), phrases);
}

function isReply(name: string, said: string, { words }: Phrases): boolean {
  return listOf(words.replies, name).map(phraseOf).includes(said);
}

function named(options: readonly Option[], said: string): Option | null {
  const exact = options.find(({ text }) => phraseOf(text) === said);
  const part = options.filter(({ text }) => {
    const words = separate(phraseOf(text));
    return separate(said).every((word) => words.includes(word));
  });
  return exact ?? (part.length === 1 ? (part[0] ?? null) : null);
}

/** The position that a reply such as "the first one", "2" or "number 2" names. */
function positionOf(text: string, { cues }: Phrases): number | null {
  const isA = (word: string, name: string) => cues.get(word)?.names.has(name);
  const said = separate(textsOf(text));
  const named = said.filter((word) => !isA(word, "skip"));
  for (const words of [said, named, named.filter((word) => !isA(word, "number_of"))]) {
    const phrase = words.join(" ");
    const position = /^[1-9]$/.test(phrase) ? Number(phrase) : cues.get(phrase)?.position;
    if (position) return position;
  }
  return null;
}
