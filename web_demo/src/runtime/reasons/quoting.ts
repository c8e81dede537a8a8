/**
 * Cleans text from a catalogue, so that it can be quoted in a sentence.
 *
 * The same as `edge_runtime/reasons/quoting.py`, with the same `quoting.json`.
 */

import sets from "../../../../edge_runtime/reasons/quoting.json";

const JOINER = "[\\u200c\\u200d]";
const JOINED = `[${sets.joined}]`;
const MARK = "[\\p{Mn}\\p{Me}\\u200c\\u200d]";

const hidden = new RegExp(`[${sets.hidden}]+`, "gu");
const joiner = new RegExp(`([${sets.viramas}]${JOINER}|${JOINED}${JOINER}(?=${JOINED}))|${JOINER}`, "gu");
const baseless = new RegExp(`(^|[${sets.gaps}])${MARK}+`, "gu");
const piled = new RegExp(`(${MARK}{${sets.most_marks}})${MARK}+`, "gu");
const gap = new RegExp(`[${sets.gaps}]+`, "gu");
const inches = new RegExp(`([0-9])[${sets.inch_marks}]+`, "gu");
const quotes = new RegExp(`[${sets.quotes}]+`, "gu");
const plainAmount = new RegExp(sets.plain_amount, "u");

/** The text on one line, without invisible characters and quotation marks; the result may be empty. */
export function clean(text: string): string {
  return text
    .replace(hidden, "")
    .replace(joiner, "$1")
    .replace(baseless, "$1")
    .replace(piled, "$1")
    .replace(gap, " ")
    .replace(/^ | $/g, "")
    .replace(inches, "$1")
    .replace(quotes, "'");
}

/** Whether a cleaned text is a plain amount, such as a price or a date, which needs no quotation marks. */
export function isAmount(text: string): boolean {
  return plainAmount.test(text);
}
