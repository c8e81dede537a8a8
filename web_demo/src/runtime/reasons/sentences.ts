/**
 * All allowed sentences about an item: the skeletons, filled with its facts.
 *
 * The template selects one of them, and the grammar accepts exactly these. The same as
 * `edge_runtime/reasons/sentences.py` and `template.py`.
 */

import { at } from "../at";
import type { Items } from "../items";
import type { Fact } from "./facts";
import { quoted } from "./quoting";
import { fill, phrases, type Style, saidField, saidTitle, saidValue } from "./words";

type Case = readonly [skeleton: string, cited: readonly Fact[]];

/** A sentence and the facts that it cites. */
export interface Sentence {
  readonly text: string;
  readonly cited: readonly Fact[];
}

/** The predicate of a fact, such as "comes from “OPI”", to be used after "it". */
export function predicate(fact: Fact): string {
  if (fact.kind === "popular") return phrases.popularPredicate.replace("{value}", () => fact.value);
  const pattern = phrases.predicates.get(fact.field) ?? phrases.otherPredicate;
  return fill(pattern, { value: quoted(saidValue(fact.value)), field: saidField(fact.field) });
}

/**
 * All distinct sentences, at least one.
 *
 * @param facts facts of the item, best first, as `FactFinder.facts` returns them.
 * @param style `detailed` cites two facts if there are two; otherwise it is the same as `short`.
 */
export function sentences(items: Items, row: number, facts: readonly Fact[], style: Style): readonly Sentence[] {
  let cases = style === "detailed" ? twoFacts(facts) : [];
  if (cases.length === 0) cases = oneFact(facts);
  const title = saidTitle(items.titles[row] ?? "");
  const filled = new Map<string, readonly Fact[]>();
  for (const [skeleton, cited] of cases) {
    if (title === "" && skeleton.includes("{item}")) continue;
    const text = fillCase(skeleton, cited, title, items);
    if (!filled.has(text)) filled.set(text, cited);
  }
  if (filled.size === 0) return phrases.skeletons.nothing.map((text) => ({ text, cited: [] }));
  return [...filled].map(([text, cited]) => ({ text, cited }));
}

/** The sentences about the two best facts, because a small language model words well but ranks facts badly. */
export function worthOffering(allowed: readonly Sentence[], facts: readonly Fact[]): readonly Sentence[] {
  const best = facts.slice(0, 2);
  const offered = allowed.filter(({ cited: [first] }) => first !== undefined && best.includes(first));
  return offered.length > 0 ? offered : allowed;
}

/** The sentence without a language model: one about the best facts, selected by the row. */
export function template(items: Items, row: number, facts: readonly Fact[], style: Style = "short"): Sentence {
  const every = sentences(items, row, facts, style);
  const keyOf = ({ cited }: Sentence) => JSON.stringify(cited);
  const best = every.filter((sentence) => keyOf(sentence) === keyOf(at(every, 0)));
  return at(best, row % best.length);
}

function oneFact(facts: readonly Fact[]): Case[] {
  const words = phrases.skeletons.short;
  const shared = facts.filter((fact) => fact.kind === "shared");
  const skeletons = shared.length > 0 ? words.shared : words.own;
  return (shared.length > 0 ? shared : facts).flatMap((fact) => skeletons.map((skeleton): Case => [skeleton, [fact]]));
}

function twoFacts(facts: readonly Fact[]): Case[] {
  const words = phrases.skeletons.detailed;
  const hasShared = facts.some((fact) => fact.kind === "shared");
  const skeletonsOf = (a: Fact, b: Fact): readonly string[] => {
    if (a.kind === "shared" && b.kind === "shared") return a.historyRow === b.historyRow ? words.shared_shared : [];
    if (a.kind === "shared") return words.shared_own;
    return hasShared ? [] : words.own_own;
  };
  return facts.flatMap((a) =>
    facts.filter((b) => b !== a).flatMap((b) => skeletonsOf(a, b).map((skeleton): Case => [skeleton, [a, b]])),
  );
}

/** Two predicates joined by "and"; the verb is not repeated for values of the same field. */
function both(a: Fact, b: Fact): string {
  const first = predicate(a);
  let second = predicate(b);
  const verb = (phrases.predicates.get(a.field) ?? "").replace(/\{value\}$/, "");
  if (a.field === b.field && verb !== "" && second.startsWith(verb)) second = second.slice(verb.length);
  return `${first} and ${second}`;
}

function fillCase(skeleton: string, cited: readonly Fact[], title: string, items: Items): string {
  const [first, last] = [at(cited, 0), at(cited, -1)];
  return fill(skeleton, {
    item: title,
    past: first.historyRow === null ? "" : saidTitle(items.titles[first.historyRow] ?? ""),
    a: predicate(first),
    b: predicate(last),
    both: both(first, last),
  });
}
