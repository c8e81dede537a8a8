/**
 * The candidate engines of a bundle, best first, and which of them is in use.
 *
 * The engine that needs no download starts first, so that there is a list at once; better ones replace it when they have
 * loaded and passed the self-test. An engine that fails is not used, and the reason is recorded.
 */

import { at } from "./at";
import type { EngineVariant } from "./bundleJson";
import type { Engine } from "./encoder";
import { messageOf } from "./errors";
import type { SelfTest } from "./golden";

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
}

/** Loads an engine, or returns why this browser does not support it. */
export type OpenEngine = (variant: EngineVariant) => Promise<Engine | string>;

export class EngineCandidates {
  private readonly candidates: Candidate[];
  private engine: Engine | null = null;
  private isClosed = false;

  constructor(
    private readonly variants: readonly EngineVariant[],
    private readonly open: OpenEngine,
    private readonly test: (engine: Engine, variant: EngineVariant) => Promise<SelfTest>,
    private readonly changed: (candidates: readonly Candidate[]) => void,
    /** The last entry of the list: part of every score, and alone if no engine is usable. Null if there are none. */
    private readonly transitions: Candidate | null = null,
  ) {
    this.candidates = variants.map(({ engine, precision }) => ({
      engine,
      precision,
      state: "waiting",
      inUse: false,
      why: "",
      test: null,
      ms: null,
    }));
  }

  /** The engine in use; null if there is none, and items are ranked by transitions or popularity. */
  get current(): Engine | null {
    return this.engine;
  }

  get view(): readonly Candidate[] {
    if (this.transitions === null) return [...this.candidates];
    const why = this.engine === null ? this.transitions.why : "added to the scores of the engine";
    return [...this.candidates, { ...this.transitions, why }];
  }

  /** Try the candidates with an engine name, best first, until one passes. */
  async start(name: string): Promise<void> {
    for (const [index, variant] of this.variants.entries()) {
      if (variant.engine === name && (await this.tryCandidate(index))) return;
    }
  }

  /** Try all candidates that are better than the one in use, best first, until one passes. */
  async upgrade(): Promise<void> {
    const top = this.candidates.findIndex((candidate) => candidate.inUse);
    const end = top < 0 ? this.candidates.length : top;
    for (let index = 0; index < end; index++) {
      if (this.candidates[index]?.state === "waiting" && (await this.tryCandidate(index))) break;
    }
    if (this.isClosed) return;
    for (const [index, candidate] of this.candidates.entries()) {
      if (candidate.state === "waiting") this.set(index, { state: "not needed", why: "a better engine passed" });
    }
  }

  /** Replace an engine that threw during use by the next candidate that passes; does nothing if it is no longer in use. */
  async fail(engine: Engine, error: unknown): Promise<void> {
    if (engine !== this.engine) return;
    const index = this.candidates.findIndex((candidate) => candidate.inUse);
    this.engine = null;
    if (index >= 0) this.set(index, { state: "failed", inUse: false, why: messageOf(error) });
    await discard(engine);
    for (let next = index + 1; next < this.candidates.length; next++) {
      const state = this.candidates[next]?.state;
      // A candidate that is loading is already being tried by `upgrade`.
      if (state !== "failed" && state !== "loading" && (await this.tryCandidate(next))) return;
    }
  }

  /** Close all engines; one that is still loading is closed once it has loaded. None may be used afterwards. */
  async close(): Promise<void> {
    this.isClosed = true;
    const last = this.engine;
    this.engine = null;
    await discard(last);
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
        await this.use(index, engine);
        return true;
      }
    } catch (error) {
      this.set(index, { state: "failed", why: messageOf(error) });
    }
    if (typeof engine !== "string") await discard(engine);
    return false;
  }

  private async use(index: number, engine: Engine): Promise<void> {
    const before = this.engine;
    this.engine = engine;
    for (const [other, candidate] of this.candidates.entries()) {
      if (candidate.inUse) this.set(other, { inUse: false, why: "a better engine has replaced it" });
    }
    this.set(index, { inUse: true, why: "" });
    await discard(before);
  }

  private set(index: number, change: Partial<Candidate>): void {
    if (this.isClosed) return;
    this.candidates[index] = { ...at(this.candidates, index), ...change };
    this.changed(this.view);
  }
}

/** Close an engine; errors are ignored, because it is no longer needed. */
async function discard(engine: Engine | null): Promise<void> {
  await engine?.close?.().catch(() => undefined);
}
