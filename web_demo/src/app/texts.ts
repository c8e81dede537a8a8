/**
 * The page's own texts, in one language at a time: data files in `texts/`, of which English comes with the page, so that there
 * are always texts, and another one is loaded before anything is drawn in it. Those of parts that are loaded when they are
 * needed are in `texts/parts/`.
 */

import english from "./texts/en.json";
import type englishParts from "./texts/parts/en.json";

export const ENGLISH = "en";

/** By the plural categories of a language, of which every language has `other`. */
export type Plural = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string };

/** What a file must have to say the same as the English one. */
export type Same<T> = {
  readonly [K in keyof T]: T[K] extends string ? string : T[K] extends Plural ? Plural : Same<T[K]>;
};

export type Texts = Same<typeof english>;

export type Parts = Same<typeof englishParts>;

export type Values = Readonly<Record<string, string | number>>;

const FOLDER = "./texts/";
const files = import.meta.glob<Texts>(["./texts/*.json", "!./texts/en.json"], { import: "default" });
const partFiles = import.meta.glob<Parts>("./texts/parts/*.json", { import: "default" });

/** The languages of the page. */
export const LANGUAGES: readonly string[] = [ENGLISH, ...Object.keys(files).map(languageOf)];

let current = ENGLISH;
let wanted = ENGLISH;

/** The texts of the page's language. */
export const t: Texts = { ...english };

/** The texts of parts in the page's language; empty until `loadParts` has loaded them. */
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
  if (wanted !== next) return;
  current = texts === undefined ? ENGLISH : next;
  Object.assign(t, texts ?? english);
  if ("carry" in parts) await loadParts().catch(() => undefined);
}

/** Load the texts of parts, before one of them is shown. */
export async function loadParts(): Promise<void> {
  Object.assign(parts, await partFiles[`${FOLDER}parts/${current}.json`]?.());
}

/** A text with values in the places of their names; numbers are written as usual in the page's language. */
export function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name] ?? place;
    return typeof value === "number" ? number(value) : value;
  });
}

/** A text in the form for a number, which is its value `n`. */
export function plural(forms: Plural, n: number, values: Values = {}): string {
  const form = new Intl.PluralRules(t.locale).select(n);
  return fill(forms[form] ?? forms.other, { ...values, n });
}

const formats = new Map<string, Intl.NumberFormat>();

/** A number as it is usually written in the page's language. */
export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  const key = JSON.stringify([t.locale, options]);
  const format = formats.get(key) ?? new Intl.NumberFormat(t.locale, options);
  formats.set(key, format);
  return format.format(value);
}

function languageOf(path: string): string {
  return path.slice(FOLDER.length, -".json".length);
}
