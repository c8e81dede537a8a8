/**
 * Names of makers as people say them: without legal forms, and not as the name of what they make. The same as
 * `edge_runtime/reasons/makers.py`.
 */

import { lengthOf, rules } from "./words";

const LAST_WORD = /,? +([^ ,]+?)\.?,?$/u;
const MARK = /[,:;]| [-–—] /u;
const WORDS = /[\p{L}\p{N}]+/gu;
const TRIMMED = /^[ ,:;\-–—]+|[ ,:;\-–—]+$/gu;
const SHORTEST = 10;

/** A cleaned name of a maker without legal forms: `Giovanni Cosmetics` for `Giovanni Cosmetics, Inc.` */
export function withoutLegalForm(maker: string): string {
  let name = maker;
  for (let last = LAST_WORD.exec(name); last !== null; last = LAST_WORD.exec(name)) {
    if (!rules.legalForms.has((last[1] ?? "").toLowerCase())) break;
    name = name.slice(0, last.index);
  }
  return name;
}

/**
 * A cleaned title without a first part that only says who made it: `Smoky Eye Kit` for `Too Faced Cosmetics, Smoky Eye Kit`.
 * A title of which little would be left stays as it is.
 */
export function withoutMaker(title: string, makers: readonly string[]): string {
  const mark = MARK.exec(title);
  if (mark === null) return title;
  const rest = title.slice(mark.index + mark[0].length).replace(TRIMMED, "");
  const saysMaker = makers.some((maker) => isMaker(title.slice(0, mark.index), maker));
  return saysMaker && lengthOf(rest) >= SHORTEST ? rest : title;
}

/** Whether a text has the words of a maker, and none but these and words for a company. */
function isMaker(text: string, maker: string): boolean {
  const isOfCompany = (word: string) => rules.companyWords.has(word) || rules.legalForms.has(word);
  const its = wordsOf(maker);
  const words = new Set(wordsOf(text));
  const own = its.filter((word) => !isOfCompany(word));
  const core = own.length > 0 ? own : its;
  if (core.length === 0 || !core.every((word) => words.has(word))) return false;
  return [...words].every((word) => its.includes(word) || isOfCompany(word));
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORDS) ?? [];
}
