/**
 * The page's own texts, in one language at a time: data files in `texts/`, of which English comes with the page, so that there
 * are always texts, and another one is loaded before anything is drawn in it. Those of parts that are loaded when they are
 * needed are in `texts/parts/`.
 */

import english from "./texts/en.json";
import type englishParts from "./texts/parts/en.json";
import { type Plural, writingOf } from "./writing";

export const ENGLISH = "en";

/** What a file must have to say the same as the English one. */
export type Same<T> = {
  readonly [K in keyof T]: T[K] extends string ? string : T[K] extends Plural ? Plural : Same<T[K]>;
};

export type Texts = Same<typeof english>;

export type Parts = Same<typeof englishParts>;

const FOLDER = "./texts/";
const files = import.meta.glob<Texts>(["./texts/*.json", "!./texts/en.json"], { import: "default" });
const partFiles = import.meta.glob<Parts>("./texts/parts/*.json", { import: "default" });

/** The languages of the page. */
export const LANGUAGES: readonly string[] = [ENGLISH, ...Object.keys(files).map(languageOf)];

let current = ENGLISH;
let wanted = ENGLISH;
let usesParts = false;

/** The texts of the page's language. */
export const t: Texts = { ...english };

/** The texts of parts in the page's language, or in English; empty until `loadParts` has loaded them. */
export const parts = {} as Parts;

/** The page's language, such as `de`. */
export function language(): string {
  return current;
}

/** The first language of a browser, such as `de-AT`, that there are texts in; English if there is none. */
export function pageLanguage(tags: readonly string[]): string {
  const languages = tags.map((tag) => tag.split("-")[0]?.toLowerCase() ?? "");
  return languages.find((one) => LANGUAGES.includes(one)) ?? ENGLISH;
}

/**
 * Load the texts of a language, and use them from now on; English ones if they cannot be loaded. Of several languages that are
 * asked for at once the last one counts.
 */
export async function speak(next: string): Promise<void> {
  wanted = next;
  const texts = await files[`${FOLDER}${next}.json`]?.().catch(() => undefined);
  const spoken = texts === undefined ? ENGLISH : next;
  // With the others, so that no two languages are on the page meanwhile.
  const loaded = usesParts ? await partsIn(spoken).catch(() => undefined) : undefined;
  if (wanted !== next) return;
  current = spoken;
  Object.assign(t, texts ?? english);
  Object.assign(parts, loaded);
}

/** Load the texts of parts, before one of them is shown; English ones if those of the page's language cannot be loaded. */
export async function loadParts(): Promise<void> {
  usesParts = true;
  const spoken = current;
  const loaded = await partsIn(spoken);
  if (current !== spoken) return loadParts();
  Object.assign(parts, loaded);
}

async function partsIn(spoken: string): Promise<Parts | undefined> {
  const english = partFiles[`${FOLDER}parts/${ENGLISH}.json`];
  return (partFiles[`${FOLDER}parts/${spoken}.json`] ?? english)?.().catch(english);
}

/** How values are written in the page's texts. */
export const { fill, plural, bytes, listed } = writingOf(t);

function languageOf(path: string): string {
  return path.slice(FOLDER.length, -".json".length);
}
