/** Numbers with their units, dates, lists and plurals as they are written in the language of the texts that they are part of. */

/** By the plural categories of a language, of which every language has `other`. */
export type Plural = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string };

export type Values = Readonly<Record<string, string | number>>;

/** The latest time that JavaScript knows, in seconds since 1970. */
const MAX_TIME = 8.64e12;

/** Marks of Chinese, which have a space of their own. */
const WIDE_MARK = /[，：；。！？]$/;

/** A text that another one follows: with a space after it, unless it is empty or its last mark has one. */
export function spaced(text: string): string {
  return text === "" || WIDE_MARK.test(text) ? text : `${text} `;
}

const formats = new Map<string, Intl.NumberFormat>();

/** How values are written in texts that have a locale, which may change. */
export function writingOf(texts: { readonly locale: string }) {
  /** A number as it is usually written. */
  function number(value: number, options: Intl.NumberFormatOptions = {}): string {
    const key = JSON.stringify([texts.locale, options]);
    const format = formats.get(key) ?? new Intl.NumberFormat(texts.locale, options);
    formats.set(key, format);
    return format.format(value);
  }

  /** A text with values in the places of their names; numbers are written as usual. */
  function fill(text: string, values: Values): string {
    return text.replace(/\{(\w+)\}/g, (place, name: string) => {
      const value = values[name] ?? place;
      return typeof value === "number" ? number(value) : value;
    });
  }

  /** A text in the form for a number, which is its value `n`. */
  function plural(forms: Plural, n: number, values: Values = {}): string {
    const form = new Intl.PluralRules(texts.locale).select(n);
    return fill(forms[form] ?? forms.other, { ...values, n });
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

  /** Bytes, kB and MB, decimal. */
  function bytes(n: number): string {
    if (n < 1000) return unit(n, "byte", 0, "long");
    if (n < 1e6) return unit(n / 1000, "kilobyte", n < 1e4 ? 1 : 0);
    return unit(n / 1e6, "megabyte", n < 1e8 ? 1 : 0);
  }

  function milliseconds(ms: number): string {
    return unit(ms, "millisecond", ms < 10 ? 2 : 0);
  }

  function date(time: number, options: Intl.DateTimeFormatOptions): string {
    return new Intl.DateTimeFormat(texts.locale, { ...options, timeZone: "UTC" }).format(
      Math.min(time, MAX_TIME) * 1000,
    );
  }

  /** The day of a time in seconds since 1970, in UTC. */
  function day(time: number): string {
    return date(time, { dateStyle: "medium" });
  }

  /** The day and the minute of a time in seconds since 1970, in UTC. */
  function minute(time: number): string {
    return `${date(time, { dateStyle: "medium", timeStyle: "short" })} UTC`;
  }

  /** Texts as one: "a, b and c". */
  function listed(some: readonly string[]): string {
    return new Intl.ListFormat(texts.locale).format(some);
  }

  return { number, fill, plural, bytes, milliseconds, day, minute, listed };
}
