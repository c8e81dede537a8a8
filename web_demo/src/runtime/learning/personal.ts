/**
 * A person's own adapter: trained on the history of this browser when there is time, and used only where it helps. The same
 * as `edge_runtime/learning/personal.py`: what is learned from the same states is the same, to the last bit.
 */

import type { LearningSettings } from "../bundleJson";
import {
  DISLIKE,
  LEARNING_MAX_EVENTS,
  LEARNING_MIN_EVENTS,
  LEARNING_SWITCH,
  NEW_EVENTS,
  STEPS_A_DAY,
} from "../constants";
import type { Adapted, Engine, SmallMatrices } from "../encoder";
import type { History, HistoryEvent } from "../events";
import { KnowledgeSwitch } from "../knowledge";
import type { Learnable } from "../recommender";
import type { AdamWState } from "./adamw";
import { type Decision, decide } from "./decision";
import { type Split, splitOf } from "./examples";
import {
  type KeptAdapter,
  KeptRecord,
  type KeptSession,
  type LearningRecord,
  newToken,
  packed,
  unpacked,
} from "./record";
import { baseDigest, LearningSession, sessionKey, type Work } from "./session";
import type { LearningState, LearningStatus } from "./status";
import { adaptedOf, firstState } from "./training";

const DAY_MS = 86_400_000;
/** The value of the setting `LEARNING_SWITCH` while learning is switched off; it has none while it is on. */
const OFF = "off";

/** Encodes when no list is being computed; throws if the engine has been replaced or has failed. */
export type EncodeInTurn = (
  engine: Engine,
  vectors: Float32Array<ArrayBuffer>,
  small: SmallMatrices,
) => Promise<Float32Array>;

/** An adapter that was trained, and how it did on the newest events. */
interface Tried {
  readonly kept: KeptAdapter;
  readonly adapted: Adapted;
  readonly decision: Decision;
}

/** Learns from one history with one release. */
export class PersonalLearner {
  private readonly kept: KeptRecord;
  private readonly base: Promise<string>;
  private lastTried: Tried | null = null;
  /** Token and session of the record, as this tab left them. */
  private left: { readonly token: string; readonly session: string } | null = null;

  /** @param now milliseconds since 1970. */
  constructor(
    private readonly release: Learnable,
    private readonly settings: LearningSettings,
    private readonly history: Pick<History, "all" | "setting" | "swap">,
    private readonly encode: EncodeInTurn,
    private readonly now: () => number = Date.now,
  ) {
    this.kept = new KeptRecord(history);
    this.base = baseDigest(release);
  }

  /** The adapter that helps; null if there is none for this release, or learning is switched off. */
  async adapter(): Promise<Adapted | null> {
    const tried = await this.tried();
    return tried === null || !tried.decision.helps || (await this.isOff()) ? null : tried.adapted;
  }

  async isOff(): Promise<boolean> {
    return (await this.history.setting(LEARNING_SWITCH)) === OFF;
  }

  /** Erase what was learned from events that are removed. */
  async forget(ids: readonly number[]): Promise<void> {
    const oldest = ids.reduce((least, id) => Math.min(least, id), Number.POSITIVE_INFINITY);
    for (;;) {
      const record = await this.kept.read();
      if (record === null) return;
      const session = record.session !== null && record.session.newest < oldest ? record.session : null;
      const adapter = record.adapter !== null && record.adapter.newest < oldest ? record.adapter : null;
      // With a new token also if nothing was kept: another tab may be about to save what it learns from the event. If it has
      // just saved, what it saved is read and erased.
      if (await this.kept.replace({ ...record, token: newToken(), session, adapter })) return;
    }
  }

  /** Whether the lists are adapted, and why. */
  async status(): Promise<LearningStatus> {
    const [record, tried, isOff, events] = [
      await this.kept.read(),
      await this.tried(),
      await this.isOff(),
      await this.history.all(),
    ];
    const nEvents = Math.min(LEARNING_MIN_EVENTS, this.rowsOf(events).length);
    const decision = tried?.decision ?? null;
    const session = record?.session ?? null;
    const nUpdates = session === null ? 0 : this.optimizerOf(session.optimizer).nSteps;
    const isDue = tried === null || this.isDue(tried, events);
    return {
      state: this.state(isOff, session !== null, nEvents, isDue, decision),
      used: !isOff && decision?.helps === true,
      nEvents,
      nUpdates,
      nAllUpdates: this.settings.updates,
      decision,
    };
  }

  /** Go on with the session that is due, piece by piece; nothing is yielded if none is. Throws what `encode` throws. */
  async *work(): AsyncGenerator<Work> {
    const engine = this.release.engines.current;
    if (engine === null || (await this.isOff())) return;
    const record = await this.kept.read();
    const session = record?.session ?? null;
    const events = await this.history.all();
    const newest = session?.newest ?? newestOf(events);
    const split = this.splitOf(events.filter(({ id }) => id <= newest));
    const tried = await this.tried();
    if (split === null || (session === null && tried !== null && !this.isDue(tried, events))) {
      if (record !== null && session !== null) await this.kept.replace({ ...record, session: null });
      return;
    }
    yield* this.learn(engine, record ?? (await this.kept.create()), split, newest);
  }

  private async *learn(engine: Engine, record: LearningRecord, split: Split, newest: number): AsyncGenerator<Work> {
    const encode = (vectors: Float32Array<ArrayBuffer>, matrices: SmallMatrices) =>
      this.encode(engine, vectors, matrices);
    const small = await this.smallFor(split.rows, { ...engine, encode });
    const name = `${engine.name} ${engine.precision}`;
    const key = await sessionKey(this.release, this.settings, small, split.rows, name);
    if (record.session !== null && record.session.key !== key) {
      // Another release or engine, or an event was removed: the session that is due then begins with all events.
      if (await this.kept.replace({ ...record, session: null })) yield* this.work();
      return;
    }
    this.leave(record);
    const optimizer = this.optimizerOf(record.session?.optimizer ?? "");
    const session = new LearningSession(
      {
        release: this.release,
        settings: this.settings,
        small,
        split,
        encode,
        permits: (nSteps) => this.stepsToday() + nSteps <= STEPS_A_DAY,
        save: (state, nSteps) => this.save(key, newest, state, nSteps),
      },
      optimizer,
    );
    yield* session.work();
    if (!session.isLost) await this.finish(newest, session);
  }

  private async save(key: string, newest: number, state: AdamWState, nSteps: number): Promise<boolean> {
    const record = this.ours();
    if (record === null) return false;
    const steps = this.stepsToday() + nSteps;
    const session: KeptSession = { key, newest, optimizer: packed(state) };
    const saved: LearningRecord = { ...record, day: this.today(), steps, session };
    this.leave(saved);
    return this.kept.replace(saved);
  }

  private async finish(newest: number, { optimizer, trials }: LearningSession): Promise<void> {
    const adapter = { base: await this.base, newest, optimizer: packed(optimizer), trials };
    const record = this.ours();
    if (record?.session == null) return;
    await this.kept.replace({ ...record, session: null, adapter });
  }

  private leave({ token, session }: LearningRecord): void {
    this.left = { token, session: JSON.stringify(session) };
  }

  /**
   * The record, if nobody else has erased or changed what this session goes on from. The one in memory may be another tab's:
   * `status` reads it.
   */
  private ours(): LearningRecord | null {
    const { record } = this.kept;
    const isOurs = record?.token === this.left?.token && JSON.stringify(record?.session) === this.left?.session;
    return isOurs ? record : null;
  }

  /** The adapter of this release that was trained last, and how it did. */
  private async tried(): Promise<Tried | null> {
    const kept = (await this.kept.read())?.adapter ?? null;
    if (kept === null || kept.base !== (await this.base)) return null;
    if (this.lastTried?.kept === kept) return this.lastTried;
    const state = unpacked(kept.optimizer, this.count);
    if (state === null) return null;
    this.lastTried = { kept, adapted: adaptedOf(state, this.release.small.adapterB), decision: decide(kept.trials) };
    return this.lastTried;
  }

  private state(
    isOff: boolean,
    hasBegun: boolean,
    nEvents: number,
    isDue: boolean,
    decision: Decision | null,
  ): LearningState {
    if (isOff) return "off";
    if (this.release.engines.current === null) return "no engine";
    if (hasBegun) return "learning";
    if (nEvents < LEARNING_MIN_EVENTS) return "few events";
    if (decision === null || isDue) return "ready";
    return decision.helps ? "helps" : "does not help";
  }

  /** Whether there are enough new events since the last session. */
  private isDue({ kept }: Tried, events: readonly HistoryEvent[]): boolean {
    return this.rowsOf(events.filter(({ id }) => id > kept.newest)).length >= NEW_EVENTS;
  }

  private splitOf(events: readonly HistoryEvent[]): Split | null {
    const rows = this.rowsOf(events).slice(-LEARNING_MAX_EVENTS);
    return rows.length < LEARNING_MIN_EVENTS ? null : splitOf(rows, this.settings);
  }

  private rowsOf(events: readonly HistoryEvent[]): number[] {
    return this.release.items.rowsOf(events.filter(({ event }) => event !== DISLIKE).map(({ itemId }) => itemId));
  }

  /** The bundle's matrices, without knowledge if it does not help this user. */
  private async smallFor(rows: readonly number[], engine: Engine): Promise<SmallMatrices> {
    const { small, scorer, manifest } = this.release;
    const knowledge = new KnowledgeSwitch(scorer.codes, small);
    if (await knowledge.helps(engine, rows.slice(-manifest.encoder.maxLength))) return small;
    return { ...small, knowledge: new Float32Array(small.knowledge.length) };
  }

  private optimizerOf(text: string): AdamWState {
    return unpacked(text, this.count) ?? this.first;
  }

  /** The state before the first update. */
  private get first(): AdamWState {
    const { adapterRank, dim } = this.release.manifest.encoder;
    return firstState(adapterRank, dim);
  }

  /** How many numbers are trained. */
  private get count(): number {
    return this.first.values.length;
  }

  private stepsToday(): number {
    const { record } = this.kept;
    return record !== null && record.day === this.today() ? record.steps : 0;
  }

  private today(): number {
    return Math.max(0, Math.floor(this.now() / DAY_MS));
  }
}

function newestOf(events: readonly HistoryEvent[]): number {
  return events.reduce((newest, { id }) => Math.max(newest, id), 0);
}
