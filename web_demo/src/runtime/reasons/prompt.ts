/** The prompt layout `facts-v3` of the language model. The same as `edge_runtime/reasons/prompt.py`. */

import { PROMPT_INSTRUCTION } from "../constants";
import type { Items } from "../items";
import type { Fact } from "./facts";
import { clean } from "./quoting";
import type { Speaker } from "./wordings";
import { displayField, displayTitle, displayValue } from "./words";

/** The prompt, which the language model continues with one sentence. */
export function prompt(items: Pick<Items, "titles">, row: number, facts: readonly Fact[], speaker: Speaker): string {
  const lines = facts.map((fact) => `- ${lineOf(fact, speaker)}`);
  lines.unshift(`item: “${displayTitle(items.titles[row] ?? "")}”`);
  lines.push(`style: ${speaker.style}, ${speaker.tone}`);
  return `${PROMPT_INSTRUCTION}${lines.join("\n")}\nreason:\n`;
}

function lineOf(fact: Fact, speaker: Speaker): string {
  const past = fact.historyRow === null ? "" : speaker.past(fact.historyRow);
  if (fact.kind === "shared") {
    return `same “${clean(displayField(fact.field))}” as ${past}: “${displayValue(fact.value)}”`;
  }
  if (fact.kind === "follows") return `often follows ${past}`;
  return fact.kind === "because" ? `chosen because of ${past}` : `among the most popular ${fact.value}`;
}
