/**
 * The conditions of `where`: values with types, never code. The same as `edge_runtime/filters/conditions.py`.
 *
 * Facts are texts. A text that is a plain decimal number also counts as that number, and `true` and `false` as the two
 * booleans. An item has a fact if any of its values does.
 */

/** A text, which is compared as it is written; a number; or a boolean. */
export type Value = string | number | boolean;

/** Numbers between two limits, at least one of which must be there. */
export interface Range {
  readonly atLeast?: number;
  readonly above?: number;
  readonly atMost?: number;
  readonly below?: number;
}

/** Items that have none of these values; an item without the fact is among them. */
export interface NoneOf {
  readonly noneOf: readonly Value[];
}

/** One value, several of which any may hold, a range of numbers, or values that must not hold. */
export type Condition = Value | readonly Value[] | ReadonlySet<Value> | Range | NoneOf;

/** Fact to condition; all of them must hold. */
export type Where = Readonly<Record<string, Condition>>;

export type Kind = "text" | "number" | "true or false";

/** A checked condition: which values hold, and whether an item needs one of them or must have none. */
export interface Test {
  /** Whether one value holds; `number` is what it stands for, or null. */
  readonly holds: (text: string, number: number | null) => boolean;
  /** Items without such a value hold. */
  readonly isNegated: boolean;
  /** What the fact's values have to be, for messages. */
  readonly kind: Kind;
}

const NUMBER = /^-?[0-9]{1,15}(\.[0-9]{1,9})?$/;
const MAX_NUMBER = 1e12;
const DECIMALS = 6;
const LIMITS: Readonly<Record<keyof Range, (number: number, limit: number) => boolean>> = {
  atLeast: (number, limit) => number >= limit,
  above: (number, limit) => number > limit,
  atMost: (number, limit) => number <= limit,
  below: (number, limit) => number < limit,
};

/** Numbers below a limit. */
export const below = (limit: number): Range => ({ below: limit });
/** Numbers up to a limit. */
export const atMost = (limit: number): Range => ({ atMost: limit });
/** Numbers above a limit. */
export const above = (limit: number): Range => ({ above: limit });
/** Numbers from a limit on. */
export const atLeast = (limit: number): Range => ({ atLeast: limit });
/** Numbers from `low` to `high`, both included. */
export const between = (low: number, high: number): Range => ({ atLeast: low, atMost: high });
/** No value of the fact is one of these. */
export const noneOf = (...values: readonly Value[]): NoneOf => ({ noneOf: values });

/**
 * The tests of a filter by fact.
 *
 * @throws TypeError the filter is not an object of conditions.
 * @throws RangeError a condition has no values or limits, or a number that is not finite.
 */
export function checkedWhere(where: Where): Map<string, Test> {
  if (!isObject(where)) {
    throw new TypeError(
      `where must be an object of facts and conditions, got ${shown(where)}. Pass { brand: "Aster" }.`,
    );
  }
  return new Map(Object.entries(where).map(([name, condition]) => [name, testOf(name, condition)]));
}

/** The number that a value stands for; null for other texts. */
export function numberOf(text: string): number | null {
  return NUMBER.test(text) ? Number(text) : null;
}

/**
 * A value as the text of a fact; a number has up to six decimals.
 *
 * @param what the value is, for the message.
 * @throws TypeError it is not a text, a number or a boolean.
 * @throws RangeError it is a number that is not finite, or 10^12 or more.
 */
export function textOf(what: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  const number = checkedNumber(what, value);
  if (Math.abs(number) >= MAX_NUMBER) {
    throw new RangeError(`${what} must be below 10^12, got ${number}. Pass it as a text.`);
  }
  const text = number.toFixed(DECIMALS).replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text;
}

function testOf(name: string, condition: unknown): Test {
  if (Array.isArray(condition)) return anyOf(name, condition, false);
  if (condition instanceof Set) return anyOf(name, [...condition], false);
  if (!isObject(condition)) return anyOf(name, [condition], false);
  if ("noneOf" in condition && Array.isArray(condition["noneOf"])) return anyOf(name, condition["noneOf"], true);
  return rangeTest(name, condition);
}

function anyOf(name: string, values: readonly unknown[], isNegated: boolean): Test {
  if (values.length === 0) {
    throw new RangeError(`where.${name} has no values, so that nothing can hold. Leave it out to allow everything.`);
  }
  for (const value of values) checkValue(name, value);
  const numbers = new Set(values.filter((value) => typeof value === "number"));
  const texts = new Set(values.filter((value) => typeof value !== "number").map(String));
  const kinds = new Set(values.map(kindOf));
  const [kind = "text"] = kinds.size === 1 ? kinds : [];
  return { holds: (text, number) => texts.has(text) || (number !== null && numbers.has(number)), isNegated, kind };
}

function rangeTest(name: string, range: Readonly<Record<string, unknown>>): Test {
  const limits = Object.entries(range).filter(([, limit]) => limit !== undefined);
  if (limits.length === 0 || !limits.every(([limit]) => limit in LIMITS)) {
    throw new TypeError(`where.${name} must have limits such as { atLeast: 5, below: 20 }, got ${shown(range)}.`);
  }
  const checked = limits.map(
    ([limit, value]) => [LIMITS[limit as keyof Range], checkedNumber(`where.${name}.${limit}`, value)] as const,
  );
  const holds = (number: number) => checked.every(([compare, limit]) => compare(number, limit));
  const { atLeast = -Infinity, above = -Infinity, atMost = Infinity, below = Infinity } = range as Range;
  const [low, high] = [Math.max(atLeast, above), Math.min(atMost, below)];
  if (low > high || (low === high && !holds(low))) {
    throw new RangeError(`where.${name}: no number is in ${shown(range)}. Exchange the limits.`);
  }
  return { holds: (_, number) => number !== null && holds(number), isNegated: false, kind: "number" };
}

function checkValue(name: string, value: unknown): void {
  if (typeof value === "string" || typeof value === "boolean") return;
  if (typeof value !== "number") {
    throw new TypeError(
      `where.${name} must be a text, a number, true or false, a list of these, or a range, got ${shown(value)}. ` +
        'Pass for example "Aster", ["Aster", "Birch"], below(20) or noneOf("Elm").',
    );
  }
  checkedNumber(`where.${name}`, value);
}

function checkedNumber(what: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`${what} must be a number, got ${shown(value)}. Pass 20 or 19.9.`);
  if (!Number.isFinite(value)) throw new RangeError(`${what} must be a finite number, got ${value}.`);
  return value;
}

function kindOf(value: unknown): Kind {
  if (typeof value === "boolean") return "true or false";
  return typeof value === "number" ? "number" : "text";
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value for a message. */
export function shown(value: unknown): string {
  const text =
    (typeof value === "object" || typeof value === "string" ? JSON.stringify(value) : undefined) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
