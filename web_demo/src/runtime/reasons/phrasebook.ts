/** The phrases of each language: data in `edge_runtime/reasons/phrases/`, of which only the one in use is loaded. */

import type { Tone } from "./words";

export const ENGLISH = "en";

export type Wordings = Readonly<Record<Tone, readonly string[]>>;

/** How it is said that an item is of the kind by which the cited one is called. */
export interface Again {
  readonly wordings: Wordings;
  readonly one: Forms;
  readonly made: Forms;
}

/** By tone and the name of an event, or `any`. */
export type Forms = Readonly<Record<Tone, Readonly<Record<string, string>>>>;

/** The content of a file; `edge_runtime/reasons/phrasebook.py` describes it. */
export interface Phrases {
  readonly language: string;
  /** Opening and closing quotation mark. */
  readonly quotes: readonly string[];
  readonly lower_kinds: boolean;
  readonly past: Forms;
  readonly shared: Readonly<Record<string, Wordings>>;
  readonly again: Again | null;
  /** By tone and kind of catalogue, in the forms of the slots `do`, `did` and `done`. */
  readonly verbs: Readonly<Record<Tone, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly follows: Wordings;
  readonly because: Wordings;
  readonly popular: Wordings;
  readonly nothing: Wordings;
  readonly also: Readonly<Record<string, string>>;
  readonly detailed: Wordings;
}

const FOLDER = "../../../../edge_runtime/reasons/phrases/";
const files = import.meta.glob<Phrases>("../../../../edge_runtime/reasons/phrases/*.json", { import: "default" });

/** The language of reasons for a browser's language, such as `de-AT`; English if there are no phrases in it. */
export function languageFor(tag: string): string {
  const language = tag.split("-")[0]?.toLowerCase() ?? "";
  return `${FOLDER}${language}.json` in files ? language : ENGLISH;
}

/**
 * Load the phrases of a language.
 *
 * @throws RangeError there are none.
 */
export async function phrasesOf(language: string): Promise<Phrases> {
  const load = files[`${FOLDER}${language}.json`];
  if (load === undefined) {
    const known = Object.keys(files).map((path) => path.slice(FOLDER.length, -".json".length));
    throw new RangeError(`language must be one of ${known.join(", ")}, got ${JSON.stringify(language)}`);
  }
  return load();
}
