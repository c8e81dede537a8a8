/** Makes a query of what was read in a sentence. The same as `edge_runtime/conversation/conclusion.py`. */

import { joinCompounds, leaveOutAccidents } from "./accidents";
import { withAlternatives } from "./alternatives";
import { highOf, lowOf } from "./compose";
import { contradictions, refusedOrWanted } from "./contradictions";
import { takeNamedTitle } from "./naming";
import type { Parsed, Polarity, Problem } from "./parsed";
import { changesList, distinctBy, type Intent, keyOfWish, type Limit, type Query, queryOf } from "./query";
import type { Reading, Said } from "./reading";

const VARIETY = 0.5;
const SURPRISE = 0.8;
const INTENTS = ["why", "surprise", "more", "list"] as const;
const ASKING = [
  "not",
  "only",
  "prefer",
  "love",
  "want",
  "like",
  "unlike",
  "less",
  "dearer",
  "newer",
  "older",
  "varied",
  "instead",
  "suffix_not",
  "leave_out",
  "correction",
];

/** What was understood, with an intent and without accidents. */
export function conclusionOf(reading: Reading): Parsed {
  joinCompounds(reading);
  leaveOutAccidents(reading);
  const { limits, similar, unlike, item, ofProblem, excludes, lexicon } = reading;
  const said = withAlternatives(reading.said, lexicon);
  if (reading.compared !== null && said.length > 0 && [limits, similar, unlike].every(({ length }) => length === 0))
    similar.push(reading.compared);
  const meant = withIntent(
    reading,
    queryOf({
      ...wishesOf(said),
      limits: limitsOf(limits),
      similarTo: [...new Set(similar)].filter((itemId) => !unlike.includes(itemId)),
      unlike: [...new Set(unlike)],
      about: limits.length > 0 && similar.length === 0 ? item : null,
      replaces: reading.has("instead"),
    }),
  );
  const contrary = meant.intent === "filter" ? contradictions(meant, reading.said) : [];
  const readings = contrary.length > 0 ? contrary : refusedOrWanted(meant, reading.unclear);
  const understood = readings.length > 0 ? queryOf({ intent: "nothing" }) : meant;
  const { intent } = understood;
  const problem = problemOf(reading, intent);
  const query = problem === "no_value" ? { ...understood, about: item ?? reading.context.about } : understood;
  const isOther = intent !== "filter" && intent !== "nothing";
  const isHeard = ["undo", "reset", "why", "list"].includes(intent);
  return {
    query,
    notUnderstood: isHeard ? [] : [...new Set(reading.unknown)],
    problem,
    ofProblem,
    excludes,
    isSentence: isOther || asks(reading),
    readings,
    words: new Map(
      said.toReversed().flatMap(({ wish, words }) => (words.length > 0 ? [[keyOfWish(wish), words] as const] : [])),
    ),
    lacks: isOther ? [] : [...new Set(reading.lacks)],
  };
}

/** Take the item of the sentence, or the one that was talked about last, for "something similar". */
export function meanLast(reading: Reading): void {
  const item = reading.item ?? takeNamedTitle(reading) ?? reading.context.about;
  const { said, limits, similar } = reading;
  if (item !== null) similar.push(item);
  else if (said.length + limits.length + similar.length === 0) reading.problem = "no_item";
}

function problemOf({ problem }: Reading, intent: Intent): Problem | null {
  if (intent === "undo" || intent === "reset") return null;
  if (intent === "more" || intent === "surprise") return problem === "no_item" ? null : problem;
  return intent === "why" && problem !== "no_item" ? null : problem;
}

function withIntent(reading: Reading, said: Query): Query {
  const query = reading.has("varied") ? { ...said, variety: VARIETY } : said;
  for (const intent of ["reset", "undo"] as const) {
    if (means(reading, intent) && isLoose(query)) return queryOf({ intent });
  }
  const intent = intentOf(reading, query);
  if (intent === "why") return queryOf({ intent, about: reading.item ?? reading.context.about });
  if (intent === "surprise") return { ...query, intent, variety: SURPRISE };
  if (intent === "filter" && isTalk(reading, query)) return queryOf({ intent: "nothing" });
  if (intent !== "list") return { ...query, intent };
  return isLoose(query) ? queryOf({ intent }) : query; // "ran out of shampoo, show me what you have"
}

function intentOf(reading: Reading, { must, mustNot, prefer, similarTo }: Query): Intent {
  const found = INTENTS.find((name) => means(reading, name)) ?? "filter";
  if (found === "why" && must.length + mustNot.length + prefer.length > 0) return "filter";
  // "What else is there of that brand".
  const isOfItem = refers(reading) || similarTo.length > 0 || namesMore(reading);
  return found === "more" && isOfItem ? "filter" : found;
}

/** Whether a sentence asks for nothing: it changes nothing, or only words of titles are in small talk. */
function isTalk(reading: Reading, query: Query): boolean {
  if (!changesList(query)) return true;
  if (!isLoose(query) || query.mustNot.length > 0 || reading.said.length === 0) return false;
  return reading.said.every(({ at }) => isInTalk(reading, at));
}

/** Whether there is small talk or a question in the clause of an element, or if it has none, anywhere. */
function isInTalk(reading: Reading, index: number): boolean {
  if (index < 0) return reading.has("small_talk", "question");
  return reading.clauseAt(index).some((element) => element.meaning === null && element.isCue("small_talk", "question"));
}

/** Whether nothing but words of titles is wanted, which may be there by accident. */
function isLoose({ must, mustNot, prefer, limits, similarTo, unlike }: Query): boolean {
  const hasValues = [...must, ...mustNot, ...prefer].some(({ field }) => field !== null);
  return !hasValues && [limits, similarTo, unlike].every((parts) => parts.length === 0);
}

/** Whether a sentence asks for something, or is small talk and nothing else, such as "thanks, bye". */
function asks(reading: Reading): boolean {
  const { limits, lacks, elements } = reading;
  if (limits.length > 0 || ["price", "year"].some((name) => lacks.includes(name))) return true;
  if (isOnly(reading, "small_talk")) return true;
  return elements.some((element) => element.isCue(...ASKING) || (element.cue?.field ?? null) !== null);
}

/** Whether a sentence has a phrase for an intent, or is nothing but a short one, such as "back". */
function means(reading: Reading, intent: string): boolean {
  return reading.has(intent) || isOnly(reading, `${intent}_alone`);
}

/** Whether a sentence is nothing but a cue, beside words without meaning. */
function isOnly(reading: Reading, name: string): boolean {
  return reading.has(name) && reading.elements.every((element) => element.isSkipped || element.isCue(name));
}

/** Whether the value of an item is wanted, such as its brand. */
function refers({ said }: Reading): boolean {
  return said.some(({ polarity, at }) => polarity === "want" && at < 0);
}

/** Whether a "more" goes with a name, as in "show me more tents". */
function namesMore({ said, elements }: Reading): boolean {
  return said.some(({ at, gap, polarity }) => polarity === "want" && gap === 0 && elements[at - 1]?.isCue("more"));
}

/** The limits; "cheaper" says nothing beside a number, and of "too modern, older" the last counts. */
function limitsOf(limits: readonly Limit[]): Limit[] {
  const kept = limits.filter(({ field, thanShown }, index) => {
    const others = limits.filter((one, place) => one.field === field && (one.thanShown === null || place > index));
    return thanShown === null || others.length === 0;
  });
  return withBothEnds(kept);
}

/** The limits with two as one that are the two ends of a range, as in "under 25, but not under 10". */
function withBothEnds(limits: readonly Limit[]): Limit[] {
  const joined: Limit[] = [];
  for (const one of limits) {
    const before = joined.at(-1);
    const [low, high] = before !== undefined && lowOf(before) !== null ? [before, one] : [one, before];
    if (high !== undefined && areEnds(low, high))
      joined[joined.length - 1] = { ...low, atMost: high.atMost, below: high.below };
    else joined.push(one);
  }
  return joined;
}

/** Whether a limit has a lower end only, another one an upper end only, and a number is between them. */
function areEnds(low: Limit, high: Limit): boolean {
  const [from, to] = [lowOf(low), highOf(high)];
  const isRange = from !== null && to !== null && from <= to;
  return isRange && low.field === high.field && highOf(low) === null && lowOf(high) === null;
}

function wishesOf(all: readonly Said[]): Pick<Query, "must" | "mustNot" | "prefer"> {
  const those = (polarity: Polarity) => {
    const wishes = all.filter((one) => one.polarity === polarity).map(({ wish }) => wish);
    return distinctBy(wishes, keyOfWish);
  };
  const mustNot = those("not");
  const excluded = new Set(mustNot.map(keyOfWish)); // "not the teal ones, I had teal before"
  const kept = (polarity: Polarity) => those(polarity).filter((wish) => !excluded.has(keyOfWish(wish)));
  const must = kept("want");
  const required = new Set(must.flatMap(({ values }) => values)); // "sunscreen for the beach"
  const refused = new Set(mustNot.flatMap(({ values }) => values)); // "for the winter, but no wool"
  const prefer = kept("prefer")
    .map(({ field, values }) => ({ field, values: values.filter((value) => !refused.has(value)) }))
    .filter(({ values }) => values.length > 0 && !values.some((value) => required.has(value)));
  return { must, mustNot, prefer };
}
