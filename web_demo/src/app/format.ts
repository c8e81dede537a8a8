/** Numbers with their units, dates and lists as they are written in the page's language. */

import { number, t } from "./texts";

/** Bytes, kB and MB, decimal. */
export function bytes(n: number): string {
  if (n < 1000) return unit(n, "byte", 0, "long");
  if (n < 1e6) return unit(n / 1000, "kilobyte", n < 1e4 ? 1 : 0);
  return unit(n / 1e6, "megabyte", n < 1e8 ? 1 : 0);
}

export function milliseconds(ms: number): string {
  return unit(ms, "millisecond", ms < 10 ? 2 : 0);
}

/** The day of a time in seconds since 1970, in UTC. */
export function day(time: number): string {
  return date(time, { dateStyle: "medium" });
}

/** The day and the minute of a time in seconds since 1970, in UTC. */
export function minute(time: number): string {
  return `${date(time, { dateStyle: "medium", timeStyle: "short" })} UTC`;
}

/** Texts as one: "a, b and c". */
export function listed(texts: readonly string[]): string {
  return new Intl.ListFormat(t.locale).format(texts);
}

/** The text, cut at the end of a word if it has more than `limit` characters. */
export function shortened(text: string, limit: number): string {
  const characters = [...text];
  if (characters.length <= limit) return text;
  const cut = characters.slice(0, limit - 1).join("");
  const end = cut.lastIndexOf(" ");
  return `${(end > cut.length / 2 ? cut.slice(0, end) : cut).replace(/[\s,;:–-]+$/u, "")}…`;
}

/** The median; 0 for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? 0;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** The FNV-1a hash of a text, which selects and colours drawings. */
export function hash(text: string): number {
  let sum = 2166136261;
  for (const char of text) sum = Math.imul(sum ^ (char.codePointAt(0) ?? 0), 16777619);
  return sum >>> 0;
}

function unit(value: number, name: string, digits: number, unitDisplay: "short" | "long" = "short"): string {
  return number(value, {
    style: "unit",
    unit: name,
    unitDisplay,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** The latest time that JavaScript knows, in seconds since 1970. */
const MAX_TIME = 8.64e12;

function date(time: number, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(t.locale, { ...options, timeZone: "UTC" }).format(Math.min(time, MAX_TIME) * 1000);
}
