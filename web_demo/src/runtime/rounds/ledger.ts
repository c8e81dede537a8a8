/**
 * What this browser has contributed to rounds: each upload is stored before it is sent. As `edge_runtime/rounds/ledger.py`.
 *
 * A page that is closed at any moment sends the same bytes with the same token again, so that they count once; and a round
 * that was prepared counts as a participation even if no answer came. It is one setting, which deleting the data erases.
 */

import { StorageError } from "../errors";
import type { History } from "../events";

const SETTING = "rounds";
const MAX_TEXT = 1 << 22;
const OUTCOMES = [
  "training",
  "prepared",
  "counted",
  "counted before",
  "closed",
  "too late",
  "refused",
  "missed",
] as const;

/** The final answer, or what is before it. */
export type Outcome = (typeof OUTCOMES)[number];

/** One round in which this browser takes part, or took part; times are seconds since 1970. */
export interface Entry {
  readonly round: string;
  /** When it decided to take part. */
  readonly time: number;
  /** Square of the signal-to-noise ratio against the operator. */
  readonly loss: number;
  readonly operator: string;
  readonly deadline: number;
  readonly retryAfterSeconds: number;
  /** SHA-256 of the upload; empty before there is one. */
  readonly digest: string;
  /** The upload in base64, until there is a final answer. */
  readonly body: string | null;
  readonly retryAt: number;
  readonly outcome: Outcome;
}

export class RoundLedger {
  constructor(private readonly store: Pick<History, "setting" | "swap">) {}

  /**
   * All rounds, oldest first.
   *
   * @throws StorageError they are damaged; then nothing may be sent, because the account is not known.
   */
  async entries(): Promise<readonly Entry[]> {
    return parsed(await this.text());
  }

  /** Note a round before training, without effect if it is noted already; `prepare` notes its terms. */
  async begin(entry: Entry): Promise<void> {
    await this.change((entries) =>
      entries.some(({ round }) => round === entry.round) ? entries : [...entries, entry],
    );
  }

  /**
   * Note an upload before it is sent, and return it; if another tab was faster, return that one's. Null if the user had all
   * data deleted since `begin`: then nothing must be sent.
   *
   * All that is noted is of the plan that the upload was made for: before a training that was stopped, the round may have
   * had another one.
   *
   * @param nBefore participations when the limit was checked. If there are others by now, nothing is noted, and the entry is
   * returned as it is: still `training`.
   */
  async prepare(begun: Entry, nBefore: number, digest: string, body: Uint8Array): Promise<Entry | null> {
    const made: Entry = { ...begun, digest, body: base64Of(body), outcome: "prepared" };
    const isBegun = ({ round, outcome }: Entry) => round === begun.round && outcome === "training";
    const entries = await this.change((before) =>
      participations(before).length === nBefore ? before.map((entry) => (isBegun(entry) ? made : entry)) : before,
    );
    return entries.find(({ round }) => round === begun.round) ?? null;
  }

  /** Note when to try again; false if it is not to be sent any more: it has an answer, or was deleted. */
  async postpone({ round, digest }: Entry, until: number): Promise<boolean> {
    const isIt = (entry: Entry) => entry.round === round && entry.digest === digest && entry.outcome === "prepared";
    const retryAt = Math.trunc(until);
    const entries = await this.change((before) => before.map((entry) => (isIt(entry) ? { ...entry, retryAt } : entry)));
    return entries.some(isIt);
  }

  /** Note the final answer, and delete the bytes of the upload. */
  async settle({ round }: Entry, outcome: Outcome): Promise<void> {
    await this.change((entries) =>
      entries.map((entry) => (entry.round === round ? { ...entry, outcome, body: null } : entry)),
    );
  }

  /** Replace the entries, again if another tab does the same. */
  private async change(edit: (entries: readonly Entry[]) => readonly Entry[]): Promise<readonly Entry[]> {
    for (;;) {
      const text = await this.text();
      const before = parsed(text);
      const after = edit(before);
      const isSame = JSON.stringify(after) === JSON.stringify(before);
      if (isSame || (await this.store.swap(SETTING, text, JSON.stringify(after)))) return after;
    }
  }

  private async text(): Promise<string | null> {
    const found = await this.store.setting(SETTING);
    return found === null ? null : String(found);
  }
}

/** The participations after a time; a clock that was set back makes none forgotten. */
export function since(entries: readonly Entry[], time: number): readonly Entry[] {
  return participations(entries).filter((entry) => entry.time > Math.trunc(time));
}

/** The rounds in which this browser took part. */
export function participations(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter(({ outcome }) => outcome !== "training");
}

/** The bytes of an upload that has no final answer. */
export function bodyOf({ body }: Entry): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(body ?? ""), (char) => char.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function parsed(text: string | null): readonly Entry[] {
  if (text === null) return [];
  let found: unknown;
  try {
    found = text.length > MAX_TEXT ? null : JSON.parse(text);
  } catch {
    found = null;
  }
  if (Array.isArray(found) && found.every(isEntry)) return found;
  throw new StorageError(
    "The rounds stored in this browser are damaged. Delete your data on this device to begin anew.",
  );
}

function isEntry(found: unknown): found is Entry {
  if (typeof found !== "object" || found === null) return false;
  const fields = found as Record<string, unknown>;
  const texts = ["round", "operator", "digest"].every((name) => typeof fields[name] === "string");
  const times = ["time", "deadline", "retryAfterSeconds", "retryAt"].every((name) =>
    Number.isSafeInteger(fields[name]),
  );
  const { loss, body, outcome } = fields;
  const isBody = body === null || typeof body === "string";
  return texts && times && isBody && typeof loss === "number" && loss >= 0 && OUTCOMES.some((one) => one === outcome);
}
