/**
 * The candidate engines of a bundle, best first, and which of them are in use.
 *
 * The engine that needs no download starts first, so that there is a list at once; better ones join it when they have
 * loaded and passed the self-test. All are then timed on this device: each list is made by the one that is fastest for
 * the history's length, and an engine that is never the fastest is closed (ADR 0034). An engine that fails is not used,
 * and the reason is recorded.
 */

import { at } from "./at";
import type { EngineVariant } from "./bundleJson";
import type { Engine } from "./encoder";
import { messageOf } from "./errors";
import type { SelfTest } from "./golden";
import { type EngineTime, LONG, SHORT, type TimeEngines, timeFor } from "./timing";

const SLOWER = "another engine is faster here";

/** `unavailable`: this browser or page does not support the engine. */
export type CandidateState = "waiting" | "loading" | "passed" | "failed" | "unavailable" | "not needed";

/** One engine of the manifest, and its state. */
export interface Candidate {
  readonly engine: string;
  readonly precision: string;
  readonly state: CandidateState;
  readonly inUse: boolean;
  /** Why it is not in use; empty if it is, or has not been tried. */
  readonly why: string;
  readonly test: SelfTest | null;
  /** Milliseconds of loading and self-test. */
  readonly ms: number | null;
  /** Milliseconds for a short and a long history; null until engines have been compared. */
  readonly time: EngineTime | null;
}

/** An engine in use; its time is null if it is the only one. */
interface Ready {
  readonly index: number;
  readonly engine: Engine;
  readonly time: EngineTime | null;
}

/** Loads an engine, or returns why this browser does not support it. */
export type OpenEngine = (variant: EngineVariant) => Promise<Engine | string>;

export class EngineCandidates {
  private readonly candidates: Candidate[];
  private ready: readonly Ready[] = [];
  private isClosed = false;

  constructor(
    private readonly variants: readonly EngineVariant[],
    private readonly open: OpenEngine,
    private readonly test: (engine: Engine, variant: EngineVariant) => Promise<SelfTest>,
    private readonly changed: (candidates: readonly Candidate[]) => void,
    /** The last entry of the list: part of every score, and alone if no engine is usable. Null if there are none. */
    private readonly transitions: Candidate | null = null,
    /** Null if a better engine always replaces the one in use. */
    private readonly time: TimeEngines | null = null,
    /** The time of an engine on an earlier visit; one that would never be the fastest is not loaded. */
    private readonly known: (variant: EngineVariant) => EngineTime | null = () => null,
  ) {
    this.candidates = variants.map(({ engine, precision }) => ({
      engine,
      precision,
      state: "waiting",
      inUse: false,
      why: "",
      test: null,
      ms: null,
      time: null,
    }));
  }

  /** The engine for long histories; null if there is none, and items are ranked by transitions or popularity. */
  get current(): Engine | null {
    return this.for(LONG);
  }

  /** The fastest engine for a history of `n` events; null if there is none. */
  for(n: number): Engine | null {
    return fastest(this.ready, n)?.engine ?? null;
  }

  get view(): readonly Candidate[] {
    if (this.transitions === null) return [...this.candidates];
    const why = this.ready.length === 0 ? this.transitions.why : "added to the scores of the engine";
    return [...this.candidates, { ...this.transitions, why }];
  }

  /** Try the candidates with an engine name, best first, until one passes. */
  async start(name: string): Promise<void> {
    for (const [index, variant] of this.variants.entries()) {
      if (variant.engine === name && (await this.tryCandidate(index))) return;
    }
  }

  /** Try all candidates that are better than the one in use, best first, until one passes and is the fastest. */
  async upgrade(): Promise<void> {
    const top = this.candidates.findIndex((candidate) => candidate.inUse);
    const end = top < 0 ? this.candidates.length : top;
    for (let index = 0; index < end; index++) {
      if (this.candidates[index]?.state !== "waiting") continue;
      const time = this.known(at(this.variants, index));
      if (this.isSlower(time)) this.set(index, { state: "not needed", why: SLOWER, time });
      else if (await this.tryCandidate(index)) break;
    }
    if (this.isClosed) return;
    for (const [index, candidate] of this.candidates.entries()) {
      if (candidate.state === "waiting") this.set(index, { state: "not needed", why: "another engine is in use" });
    }
  }

  /** Replace an engine that threw during use by the next candidate that passes; does nothing if it is no longer in use. */
  async fail(engine: Engine, error: unknown): Promise<void> {
    const failed = this.ready.find((one) => one.engine === engine);
    if (failed === undefined) return;
    const { index } = failed;
    this.ready = this.ready.filter((one) => one !== failed);
    this.set(index, { state: "failed", inUse: false, why: messageOf(error) });
    this.explain();
    await discard(engine);
    if (this.ready.length > 0) return;
    for (const [next, { state }] of this.candidates.entries()) {
      // A candidate that is loading, or better and waiting, is tried by `upgrade`.
      const isLeft = next > index ? state !== "failed" && state !== "loading" : state === "not needed";
      if (isLeft && (await this.tryCandidate(next))) return;
    }
  }

  /** Close all engines; one that is still loading is closed once it has loaded. None may be used afterwards. */
  async close(): Promise<void> {
    this.isClosed = true;
    const last = this.ready;
    this.ready = [];
    for (const { engine } of last) await discard(engine);
  }

  private async tryCandidate(index: number): Promise<boolean> {
    if (this.isClosed) return false;
    const variant = at(this.variants, index);
    const begun = performance.now();
    let engine: Engine | string = "";
    this.set(index, { state: "loading", why: "" });
    try {
      engine = await this.open(variant);
      if (typeof engine === "string") {
        this.set(index, { state: "unavailable", why: engine });
        return false;
      }
      const test = await this.test(engine, variant);
      const ms = performance.now() - begun;
      this.set(index, { state: test.passed ? "passed" : "failed", why: test.why, test, ms });
      if (test.passed && !this.isClosed) {
        return await this.use(index, engine);
      }
    } catch (error) {
      this.set(index, { state: "failed", why: messageOf(error) });
    }
    if (typeof engine !== "string") await discard(engine);
    return false;
  }

  /** Add an engine to those in use, and close those that are never the fastest; false if it is one of them. */
  private async use(index: number, engine: Engine): Promise<boolean> {
    const added = { index, engine, time: null };
    const all = this.time === null ? [added] : await this.timed([...this.ready, added], this.time);
    if (this.isClosed) {
      await discard(engine);
      return false;
    }
    const kept = [...new Set([fastest(all, SHORT), fastest(all, LONG)])].filter((one) => one !== undefined);
    const closed = [...this.ready, added].filter((one) => !kept.some((other) => other.engine === one.engine));
    this.ready = kept;
    for (const one of all) this.set(one.index, { time: one.time ?? this.known(at(this.variants, one.index)) });
    for (const one of closed) this.set(one.index, { inUse: false, why: SLOWER });
    for (const one of kept) this.set(one.index, { inUse: true });
    this.explain();
    for (const one of closed) await discard(one.engine);
    return kept.some((one) => one.engine === engine);
  }

  /** Whether some engine in use was faster than a time of an earlier visit, both for short and for long histories. */
  private isSlower(own: EngineTime | null): boolean {
    if (own === null) return false;
    const others = this.ready.map(({ index }) => this.known(at(this.variants, index)));
    return [SHORT, LONG].every((n) => others.some((other) => other !== null && timeFor(other, n) < timeFor(own, n)));
  }

  /** Time engines; one alone needs no comparison. */
  private async timed(engines: readonly Ready[], time: TimeEngines): Promise<readonly Ready[]> {
    if (engines.length < 2) return engines;
    const times = await time(engines.map(({ engine }) => engine));
    return engines.map((one, at) => ({ ...one, time: times[at] ?? null }));
  }

  /** Say for which lengths each engine in use is used. */
  private explain(): void {
    let first = 1;
    while (first <= LONG && fastest(this.ready, first) === fastest(this.ready, 1)) first++;
    for (const one of this.ready) {
      const isShort = one === fastest(this.ready, 1);
      const why = isShort ? `for histories of fewer than ${first} events` : `for histories of ${first} events or more`;
      this.set(one.index, { why: this.ready.length > 1 ? why : "" });
    }
  }

  private set(index: number, change: Partial<Candidate>): void {
    if (this.isClosed) return;
    this.candidates[index] = { ...at(this.candidates, index), ...change };
    this.changed(this.view);
  }
}

/** The fastest engine for a history of `n` events; of two alike, or without times, the better candidate. */
function fastest(engines: readonly Ready[], n: number): Ready | undefined {
  const time = (one: Ready) => (one.time === null ? 0 : timeFor(one.time, n));
  return [...engines].sort((a, b) => time(a) - time(b) || a.index - b.index)[0];
}

/** Close an engine; errors are ignored, because it is no longer needed. */
async function discard(engine: Engine | null): Promise<void> {
  await engine?.close?.().catch(() => undefined);
}
