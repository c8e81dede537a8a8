/**
 * What a list text may say: the alternatives of each of its lines. The same as `edge_runtime/list_text/case.py`, which has
 * an example.
 */

import { at } from "../at";
import { LIST_TITLE_LENGTH } from "../constants";
import { clean } from "../reasons/quoting";
import { type Style, shorten } from "../reasons/words";

/** Cleaned texts have none of the characters in which Python's `str.split` differs. */
const SPACES = /\s+/gu;

/** An item of the list. */
export interface Entry {
  readonly itemId: string;
  /** How the text calls it, cleaned and between quotation marks. */
  readonly name: string;
  /** The sentences that may be said of it, best first; may be empty. */
  readonly reasons: readonly string[];
  /** Whether they may be left out, because they tell little. */
  readonly isOptional: boolean;
}

/** Everything that a text about one list may say. */
export interface ListCase {
  /** The sentences that it may begin with, at least one. */
  readonly openings: readonly string[];
  /** The items, best first. */
  readonly entries: readonly Entry[];
  /** The values that the openings are about. */
  readonly taste: readonly string[];
  readonly style: Style;
}

/** The alternatives of a line, all different; each ends with its line break. */
export type Line = readonly string[];

/** The opening, and a line for each item: the best reason first, and a line without a reason last. */
export function linesOf({ openings, entries }: ListCase): Line[] {
  const first = openings.map((opening) => `${oneLine(opening)}\n`);
  return [first, ...entries.map((entry, index) => lineOf(index + 1, entry))];
}

/** How a list text calls an item: by its title, or by its id if the title has nothing to show; cleaned. */
export function shownTitle(title: string, itemId: string): string {
  const shown = (text: string) => shorten(clean(text), LIST_TITLE_LENGTH);
  return shown(title) || shown(itemId) || "?";
}

/** A line without a language model: the best one that begins as it was begun. The seed varies the opening. */
export function templated(line: Line, begun: string, seed: number, isOpening: boolean): string {
  const fitting = line.filter((text) => text.startsWith(begun));
  return at(fitting, isOpening ? seed % fitting.length : 0);
}

function lineOf(number: number, { name, reasons, isOptional }: Entry): Line {
  const item = `${number}. ${oneLine(name)}`;
  const said = [...new Set(reasons.map(oneLine))].filter((reason) => reason !== "");
  const lines = said.map((reason) => `${item} \u2013 ${reason}\n`);
  return lines.length > 0 && !isOptional ? lines : [...lines, `${item}\n`];
}

function oneLine(text: string): string {
  return text.replace(SPACES, " ").replace(/^ | $/g, "");
}
