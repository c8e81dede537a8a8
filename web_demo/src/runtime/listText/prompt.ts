/** The prompt layout `list-v1` of list texts. The same as `edge_runtime/list_text/prompt.py`. */

import { LIST_INSTRUCTION } from "../constants";
import type { ListCase } from "./case";

/** The prompt, which the language model continues with the text. */
export function prompt({ taste, style, entries }: ListCase): string {
  const values = taste.map((value) => `“${value}”`).join("; ") || "none";
  return `${LIST_INSTRUCTION}taste: ${values}\nstyle: ${style}\nitems: ${entries.length}\nlist:\n`;
}
