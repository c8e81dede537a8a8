/** Learns from the history while the page is idle, and adapts the lists to what was learned. */

import { LEARNING_SETTING, LEARNING_SWITCH } from "../runtime/constants";
import type { Engine, SmallMatrices } from "../runtime/encoder";
import type { History } from "../runtime/events";
import { PersonalLearner } from "../runtime/learning/personal";
import type { Recommender } from "../runtime/recommender";
import type { Release } from "./lock";
import type { Notify } from "./protocol";

/** How long no list was asked for, before learning goes on. */
const IDLE_MS = 2000;
/** After so many times as long as that it is tried again, when another tab was learning: that one may have been closed. */
const OTHER_TAB = 5;
/** After so many pieces of work the page is told how far learning is. */
const PIECES_TOLD = 16;

/** What learning needs of the session. */
export interface LearningHost {
  readonly history: Pick<History, "all" | "setting" | "set" | "swap">;
  readonly notify: Notify;
  /** Do some work after pending lists; those that are asked for meanwhile wait for it. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** One tab at a time learns; null if it is another one. */
  lock(): Promise<Release | null>;
  /** Compute the lists of all tabs again. */
  changed(): Promise<void>;
}

export class Learning {
  private readonly learners = new WeakMap<Recommender, PersonalLearner>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The release that is learned with. */
  private current: Recommender | null = null;
  private running: Promise<void> = Promise.resolve();
  private isOff = false;

  constructor(
    private readonly host: LearningHost,
    private readonly idleMs: number = IDLE_MS,
  ) {}

  /** Let the lists of a release that follow be those of what was learned, if it helps. */
  async adapt(recommender: Recommender): Promise<void> {
    const learner = this.learnerOf(recommender);
    if (learner === null) return;
    this.isOff = await learner.isOff();
    recommender.adapt(await learner.adapter());
  }

  /** Go on learning with a release when no list has been asked for during some time. */
  schedule(recommender: Recommender): void {
    this.current = recommender;
    this.later(recommender, this.idleMs);
  }

  private later(recommender: Recommender, ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(recommender), ms);
  }

  /** Switch learning, and the use of what was learned, on or off. */
  async switch(on: boolean): Promise<void> {
    this.isOff = !on;
    await this.host.history.set(LEARNING_SWITCH, on ? null : "off");
    if (this.current !== null) await this.tell(this.current);
  }

  /** Erase what was learned from events that are removed. */
  async forget(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return;
    const learner = this.current === null ? null : this.learnerOf(this.current);
    if (learner !== null) await learner.forget(ids);
    else await this.host.history.set(LEARNING_SETTING, null); // no release is in use that could tell what is of the events
  }

  /** Stop; resolves when no engine is used any more. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.current = null;
    await this.running;
  }

  private start(recommender: Recommender): void {
    this.running = this.running.then(() => this.run(recommender)).catch(() => undefined);
  }

  private async run(recommender: Recommender): Promise<void> {
    const learner = this.learnerOf(recommender);
    if (learner === null || this.isReplaced(recommender)) return;
    await this.tell(recommender);
    const release = await this.host.lock();
    if (release === null) {
      if (!this.isReplaced(recommender)) this.later(recommender, OTHER_TAB * this.idleMs);
      return;
    }
    let nPieces = 0;
    try {
      for await (const piece of learner.work()) {
        if (piece === "paused" || this.isOff || this.isReplaced(recommender)) return;
        if (++nPieces % PIECES_TOLD === 0) await this.tell(recommender);
        await this.idle();
      }
    } finally {
      await release();
    }
    await this.tell(recommender);
    if (nPieces > 0) await this.host.changed();
  }

  private isReplaced(recommender: Recommender): boolean {
    return this.current !== recommender;
  }

  /** Let the messages of the page be handled, and pending lists be computed. */
  private async idle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    await this.host.inTurn(async () => undefined);
  }

  private async tell(recommender: Recommender): Promise<void> {
    const status = await this.learnerOf(recommender)?.status();
    if (status !== undefined) this.host.notify("learning", status);
  }

  /** What learns with a release; null if it has no settings for that. */
  private learnerOf(recommender: Recommender): PersonalLearner | null {
    const { learning } = recommender.manifest;
    const known = this.learners.get(recommender) ?? null;
    if (learning === null || known !== null) return known;
    const { history } = this.host;
    const learner = new PersonalLearner(recommender.learnable, learning, history, (engine, vectors, small) =>
      this.encode(recommender, engine, vectors, small),
    );
    this.learners.set(recommender, learner);
    return learner;
  }

  private async encode(
    recommender: Recommender,
    engine: Engine,
    vectors: Float32Array<ArrayBuffer>,
    small: SmallMatrices,
  ): Promise<Float32Array> {
    const { engines } = recommender;
    await this.idle();
    return this.host.inTurn(async () => {
      if (this.isReplaced(recommender) || engines.current !== engine) throw new Error("another engine is in use");
      try {
        return await engine.encode(vectors, small);
      } catch (error) {
        await engines.fail(engine, error);
        throw error;
      }
    });
  }
}
