/**
 * Questions that only the person can decide, with the states that the replies lead to. The same as
 * `edge_runtime/conversation/questions.py`.
 */

import type { Sayings } from "./answers";
import { type Composed, compose } from "./compose";
import type { Hearing } from "./hearing";
import type { Option, State } from "./memory";
import type { Lister } from "./outcome";
import type { Parsed } from "./parsed";
import { areSame, contentOf, isSame, type Parts, partOf, partsOf, queryOfParts } from "./parts";

const MAX_OPTIONS = 3;

/** A question and its replies. */
export interface Asked {
  readonly text: string;
  readonly options: readonly Option[];
}

/** The question which of two parts counts. */
export function whichCounts(
  sayings: Sayings,
  parts: Parts,
  conflict: NonNullable<Composed["conflict"]>,
  before: State,
  hidden: readonly string[],
): Asked {
  const { both, kept } = conflict;
  const slots = { old: sayings.chip(conflict.old), new: sayings.chip(conflict.new) };
  if (both === null) {
    const options = [
      { text: sayings.say("take", slots), state: { parts, hidden } },
      { text: sayings.say("keep", slots), state: { parts: kept, hidden: before.hidden }, isNo: true },
    ];
    return { text: sayings.say("both_not", slots), options };
  }
  const options = [
    { text: sayings.say("instead", slots), state: { parts, hidden } },
    { text: sayings.say("both"), state: { parts: both, hidden } },
  ];
  return { text: sayings.say("two_values", slots), options };
}

/** The question what to leave out where nothing is left; null if no reply would help. */
export async function whatToLeaveOut(
  sayings: Sayings,
  said: Parts,
  state: State,
  before: State,
  list: Lister<unknown>,
): Promise<Asked | null> {
  const contents = new Set(said.map(contentOf));
  const olds = state.parts.filter((part) => !contents.has(contentOf(part)));
  for (let index = olds.length - 1; index >= 0; index--) {
    const left = olds.slice(index);
    const parts = state.parts.filter((part) => !left.some((one) => isSame(one, part)));
    if ((await list(queryOfParts(parts), [])).length === 0) continue;
    const slots = { new: sayings.chips(said), old: sayings.chips(left) };
    const options = [
      { text: sayings.say("take", slots), state: { parts, hidden: [] } },
      { text: sayings.say("keep", slots), state: before, isNo: true },
    ];
    return { text: sayings.say("empty", slots), options };
  }
  return null;
}

/** The values of a fact that the first items of the list have, as replies. */
export function valuesOnTheScreen(
  { query, ofProblem: field, excludes, words }: Parsed,
  state: State,
  shown: readonly string[],
  hearing: Hearing,
): Option[] {
  const options = new Map<string, Option>();
  const kind = excludes ? "must_not" : "must";
  for (const itemId of shown) {
    const value = hearing.facts(itemId).get(field)?.[0];
    if (value === undefined || options.has(value)) continue;
    const part = partOf(kind, { wish: { field, values: [value] } });
    const { parts } = compose(state.parts, [...partsOf(query, words), part], new Set(), true);
    options.set(value, { text: value, state: { parts, hidden: [] } });
  }
  return [...options.values()].slice(0, MAX_OPTIONS);
}

/** The question which reading of a sentence is meant; null if none leaves an item. */
export async function whatIsMeant(
  sayings: Sayings,
  { readings, words }: Parsed,
  before: State,
  single: ReadonlySet<string>,
  list: Lister<unknown>,
): Promise<Asked | null> {
  const options = new Map<string, Option>();
  for (const query of readings) {
    const said = partsOf(query, words).filter(({ limit }) => (limit?.thanShown ?? null) === null);
    const { parts } = compose(before.parts, said, single, query.replaces);
    const text = sayings.chips(said);
    const isNew = said.length > 0 && !areSame(parts, before.parts) && !options.has(text);
    if (isNew && (await list(queryOfParts(parts), [])).length > 0)
      options.set(text, { text, state: { parts, hidden: [] } });
  }
  if (options.size === 0) return null;
  const neither = sayings.say(options.size === 1 ? "no" : "neither");
  return {
    text: sayings.say("do_you_mean", { options: sayings.either([...options.keys()]) }),
    options: [...options.values(), { text: neither, state: before, isNo: true }],
  };
}
