/**
 * What is kept of learning beside the history: the adapter in use, and a session that is not finished.
 *
 * It is one setting, which deleting the data erases. It is only replaced by who has read it as it is: a tab that still
 * learns cannot bring back what another one has erased.
 */

import { LEARNING_SETTING, MAX_RECORD_BYTES } from "../constants";
import type { History } from "../events";
import { type AdamWState, dumpAdamW, readAdamW } from "./adamw";
import type { Trial } from "./decision";

/** A session of training that is not finished. */
export interface KeptSession {
  /** Digest of all that its result depends on. */
  readonly key: string;
  /** Id of the newest event that counts. */
  readonly newest: number;
  /** State of the optimizer after the last update, in base64. */
  readonly optimizer: string;
}

/** The adapter that was trained last. */
export interface KeptAdapter {
  /** Digest of the parts of the bundle without which it means nothing. */
  readonly base: string;
  readonly newest: number;
  readonly optimizer: string;
  readonly trials: readonly Trial[];
}

export interface LearningRecord {
  readonly version: 1;
  /** Random; tells it from the record after an erasure, of all or of one event. */
  readonly token: string;
  /** Days since 1970, when steps were made last, and how many on that day. */
  readonly day: number;
  readonly steps: number;
  readonly session: KeptSession | null;
  readonly adapter: KeptAdapter | null;
}

export class KeptRecord {
  private text: string | null = null;
  private known: LearningRecord | null = null;

  constructor(private readonly store: Pick<History, "setting" | "swap">) {}

  /** The record as it was read or written last. */
  get record(): LearningRecord | null {
    return this.known;
  }

  /** Read the record; null if there is none. One that is damaged or of another version counts as an empty one. */
  async read(): Promise<LearningRecord | null> {
    const found = await this.store.setting(LEARNING_SETTING);
    const text = found === null ? null : String(found);
    if (text !== this.text) this.known = text === null ? null : parsed(text);
    this.text = text;
    return this.known;
  }

  /** Read the record, which is created if there is none. */
  async create(): Promise<LearningRecord> {
    const record = await this.read();
    if (record !== null) return record;
    await this.store.swap(LEARNING_SETTING, null, JSON.stringify(empty()));
    return (await this.read()) ?? empty();
  }

  /** Save the record; false if it is no longer what was read, and nothing was saved. */
  async replace(record: LearningRecord): Promise<boolean> {
    const text = JSON.stringify(record);
    if (this.text === null || !(await this.store.swap(LEARNING_SETTING, this.text, text))) return false;
    this.text = text;
    this.known = record;
    return true;
  }
}

/** A kept state of the optimizer; null if it is damaged or not of `count` numbers: then it is trained anew. */
export function unpacked(optimizer: string, count: number): AdamWState | null {
  try {
    const state = readAdamW(Uint8Array.from(atob(optimizer), (byte) => byte.charCodeAt(0)));
    return state.values.length === count ? state : null;
  } catch {
    return null;
  }
}

export function packed(state: AdamWState): string {
  return btoa(Array.from(dumpAdamW(state), (byte) => String.fromCharCode(byte)).join(""));
}

export function newToken(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(2))).join("-");
}

function empty(): LearningRecord {
  return { version: 1, token: newToken(), day: 0, steps: 0, session: null, adapter: null };
}

function parsed(text: string): LearningRecord {
  if (text.length > MAX_RECORD_BYTES) return empty();
  try {
    const found: unknown = JSON.parse(text);
    return isRecord(found) ? found : empty();
  } catch {
    return empty();
  }
}

function isRecord(found: unknown): found is LearningRecord {
  const { version, day, steps, session, adapter } = fieldsOf(found);
  if (version !== 1 || !Number.isSafeInteger(day) || !Number.isSafeInteger(steps)) return false;
  if (session !== null && !(typeof fieldsOf(session)["key"] === "string" && isPart(session))) return false;
  if (adapter === null) return true;
  const { base, trials } = fieldsOf(adapter);
  return typeof base === "string" && isPart(adapter) && Array.isArray(trials) && trials.every(isTrial);
}

function isPart(found: unknown): boolean {
  const { newest, optimizer } = fieldsOf(found);
  return Number.isSafeInteger(newest) && typeof optimizer === "string";
}

function isTrial(found: unknown): boolean {
  return Array.isArray(found) && found.length === 2 && found.every((gain) => typeof gain === "number");
}

function fieldsOf(found: unknown): Record<string, unknown> {
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
}
