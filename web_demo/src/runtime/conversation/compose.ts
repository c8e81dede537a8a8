/**
 * Composes the sentences of a conversation, and finds what contradicts what was said before. The same as
 * `edge_runtime/conversation/compose.py`.
 */

import { contentOf, type Part, type Parts, partOf } from "./parts";
import { type Limit, limitOf, MAX_VALUES, type Wish } from "./query";

export type Conflict = "both_not" | "two_values" | "limits";

/** The parts after a sentence. */
export interface Composed {
  /** If nothing contradicts, or if what is new replaces what it contradicts. */
  readonly parts: Parts;
  /** What contradicts; null if nothing does. */
  readonly conflict: {
    readonly kind: Conflict;
    /** The part that is contradicted. */
    readonly old: Part;
    /** The part that contradicts it. */
    readonly new: Part;
    /** The parts if what was said before stays. */
    readonly kept: Parts;
    /** The parts if both values of a fact are wanted; null if that is no way out. */
    readonly both: Parts | null;
  } | null;
}

/**
 * Add the parts of a sentence to those of the conversation.
 *
 * @param said what is new; limits have numbers.
 * @param single facts of which an item has one value.
 * @param replaces whether new values of a fact take the place of others without a question.
 */
export function compose(parts: Parts, said: Parts, single: ReadonlySet<string>, replaces: boolean): Composed {
  const known = new Set(parts.map(contentOf));
  let [taken, kept, both] = [parts, parts, parts];
  let first: { kind: Conflict; old: Part; new: Part } | null = null;
  for (const part of said.filter((one) => !known.has(contentOf(one)))) {
    const found = conflictOf(taken, part, single, replaces);
    if (found === null) {
      [taken, kept, both] = [added(taken, part), added(kept, part), added(both, part)];
      continue;
    }
    const { kind, old } = found;
    taken = added(
      taken.filter((one) => one !== old),
      part,
    );
    if (kind !== "two_values") both = taken;
    else if (!replaces) both = withBoth(both, old, part);
    if (kind !== "two_values" || !replaces) first ??= { kind, old, new: part };
  }
  if (first === null) return { parts: taken, conflict: null };
  return { parts: taken, conflict: { ...first, kept, both: first.kind === "two_values" ? both : null } };
}

function conflictOf(
  parts: Parts,
  part: Part,
  single: ReadonlySet<string>,
  replaces: boolean,
): { kind: Conflict; old: Part } | null {
  for (const old of parts) {
    if (areOpposite(old, part) && overlap(old.wish, part.wish)) return { kind: "both_not", old };
    if (areTwoValues(old, part, single, replaces)) return { kind: "two_values", old };
    const merged = mergedLimit(old, part);
    if (merged !== null && isEmpty(merged)) return { kind: "limits", old };
  }
  return null;
}

function areOpposite(one: Part, other: Part): boolean {
  const isWanted = ({ kind }: Part) => kind === "must" || kind === "prefer";
  return (one.kind === "must_not" && isWanted(other)) || (other.kind === "must_not" && isWanted(one));
}

function areTwoValues(one: Part, other: Part, single: ReadonlySet<string>, replaces: boolean): boolean {
  if (one.kind !== "must" || other.kind !== "must" || one.wish === null || other.wish === null) return false;
  const { field, values } = other.wish;
  if (field !== one.wish.field || !(replaces || (field !== null && single.has(field)))) return false;
  return !one.wish.values.some((value) => values.includes(value));
}

function overlap(one: Wish | null, other: Wish | null): boolean {
  if (one === null || other === null || one.field !== other.field) return false;
  return one.values.some((value) => other.values.includes(value));
}

/** The parts with one more; limits of one fact become one, and a newer variety replaces the older. */
function added(parts: Parts, part: Part): Parts {
  for (const [index, old] of parts.entries()) {
    const merged = mergedLimit(old, part);
    const others = () => [...parts.slice(0, index), ...parts.slice(index + 1)];
    if (merged !== null) return [...others(), { ...part, limit: merged }];
    if (old.kind === "variety" && part.kind === "variety") return [...others(), part];
  }
  return [...parts, part];
}

function withBoth(parts: Parts, old: Part, part: Part): Parts {
  if (old.wish === null || part.wish === null) return parts;
  const values = [...new Set([...old.wish.values, ...part.wish.values])].slice(0, MAX_VALUES);
  const wish = { field: part.wish.field, values };
  const said = old.said.length > 0 && part.said.length > 0 ? [...old.said, ...part.said] : [];
  return parts.map((one) => (one === old ? partOf("must", { wish, said }) : one));
}

/** The new limit, with the other side of the old one if it has none itself; null if they are not of one fact. */
function mergedLimit(oldPart: Part, newPart: Part): Limit | null {
  const [old, fresh] = [oldPart.limit, newPart.limit];
  if (old === null || fresh === null || old.field !== fresh.field) return null;
  const low = lowOf(fresh) === null ? old : fresh;
  const high = highOf(fresh) === null ? old : fresh;
  return limitOf(fresh.field, { atLeast: low.atLeast, above: low.above, atMost: high.atMost, below: high.below });
}

function isEmpty(limit: Limit): boolean {
  const [low, high] = [lowOf(limit), highOf(limit)];
  if (low === null || high === null) return false;
  return low > high || (low === high && (limit.above !== null || limit.below !== null));
}

/** The lower limit of a number. */
export function lowOf(limit: Limit): number | null {
  return limit.atLeast ?? limit.above;
}

/** The upper limit of a number. */
export function highOf(limit: Limit): number | null {
  return limit.atMost ?? limit.below;
}

/**
 * A limit in place of "less" or "more" than what is shown: beyond the median; null without numbers.
 *
 * @param numbers of the items that are shown; the limit leaves half of an even number of them.
 */
export function thanShown(limit: Limit, numbers: readonly number[]): Limit | null {
  const ordered = numbers.toSorted((a, b) => a - b);
  if (ordered.length === 0 || !ordered.every(Number.isFinite)) return null;
  const isLess = limit.thanShown === "less";
  const median = ordered[Math.floor((isLess ? ordered.length : ordered.length - 1) / 2)] ?? 0;
  return limitOf(limit.field, isLess ? { below: median } : { above: median });
}
