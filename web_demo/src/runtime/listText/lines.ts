/**
 * A text, each line of which the language model chooses among some alternatives. The same as `stream_lines` of
 * `edge_runtime/language_model/model.py`: what is certain is not sampled, and is part of the next question.
 */

import { at } from "../at";
import { DeadlineError, within } from "../deadline";
import { type Writer, WriterError } from "../writer";
import type { Line } from "./case";

/** Twice as long as for a piece in Python: the first decision also waits for a reason that is being worded. */
const DECISION_TIMEOUT_MS = 10_000;

/**
 * Yield the pieces of a text.
 *
 * @param seed of the first line; each other one has the next.
 * @throws WriterError the language model failed, is too slow, or was stopped.
 */
export async function* streamLines(
  writer: Pick<Writer, "write">,
  prompt: string,
  lines: readonly Line[],
  seed: number,
  stop: AbortSignal,
): AsyncGenerator<string> {
  let text = prompt;
  for (const [number, line] of lines.entries()) {
    let rest = [...new Set(line)];
    while (rest[0] !== "") {
      let known = certain(rest);
      if (known === "") known = await decided(writer, text, rest, seed + number, stop);
      text += known;
      rest = rest.filter((each) => each.startsWith(known)).map((each) => each.slice(known.length));
      yield known;
    }
  }
}

/**
 * What all of some distinct texts begin with, up to the end of a word; a single text in whole. A word that ends within it
 * could be another token with the letters that follow.
 */
export function certain(rest: readonly string[]): string {
  const points = rest.map((text) => [...text]);
  const first = at(points, 0);
  if (points.length === 1) return at(rest, 0);
  let length = 0;
  while (length < first.length && points.every((each) => each[length] === first[length])) length++;
  const isWordEnd = points.every((each) => each[length] === " " || each[length] === "\n");
  const head = first.slice(0, length);
  return (isWordEnd ? head : head.slice(0, Math.max(0, head.lastIndexOf(" ")))).join("");
}

async function decided(
  writer: Pick<Writer, "write">,
  text: string,
  rest: readonly string[],
  seed: number,
  stop: AbortSignal,
): Promise<string> {
  const late = new AbortController();
  const deciding = writer.write(text, rest, seed, AbortSignal.any([stop, late.signal]), true);
  try {
    const chosen = await within(deciding, DECISION_TIMEOUT_MS, "the language model is too slow");
    if (!rest.includes(chosen)) throw new WriterError("the language model wrote what the facts do not allow");
    return chosen;
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    deciding.catch(() => undefined);
    throw new WriterError(error.message);
  } finally {
    late.abort();
  }
}
