/** The prompt layout `facts-v2` of the language model. The same as `edge_runtime/reasons/prompt.py`. */

import { PROMPT_INSTRUCTION } from "../constants";
import type { Items } from "../items";
import type { Fact } from "./facts";
import { predicate } from "./sentences";
import { type Style, saidTitle } from "./words";

/** The prompt, which the language model continues with one sentence. */
export function prompt(items: Items, row: number, facts: readonly Fact[], style: Style): string {
  const lines = [`item: “${saidTitle(items.titles[row] ?? "")}”`];
  for (const fact of facts) {
    const like = fact.historyRow === null ? "" : `, like “${saidTitle(items.titles[fact.historyRow] ?? "")}”`;
    lines.push(`- ${predicate(fact)}${like}`);
  }
  lines.push(`style: ${style}`);
  return `${PROMPT_INSTRUCTION}${lines.join("\n")}\nreason:\n`;
}
