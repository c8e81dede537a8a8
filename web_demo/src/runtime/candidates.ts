/**
 * The engines of a bundle, best first, and which of them may be used.
 *
 * The lowest that needs no download runs first, so that a list is there at once; better ones replace it when they have
 * loaded and passed the self-test. One that fails is never used, and says why.
 */

import type { Engine } from "./encoder";
import { messageOf } from "./errors";
import type { SelfTest } from "./golden";
import type { EngineVariant } from "./manifest";

/** `unavailable`: this browser or page does not have that engine. */
export type CandidateState = "waiting" | "loading" | "passed" | "failed" | "unavailable" | "not needed";

/** One engine of the manifest, and what became of it. */
export interface Candidate {
  readonly engine: string;
  readonly precision: string;
  readonly state: CandidateState;
  readonly inUse: boolean;
  /** Why it is not used, or empty. */
  readonly why: string;
  readonly test: SelfTest | null;
  /** Milliseconds of loading and self-test. */
  readonly ms: number | null;
}

/** Loads an engine, or returns why this browser cannot have it. */
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

  /** The engine in use, or null: then only the popularity order is left. */
  get current(): Engine | null {
    return this.engine;
  }

  get view(): readonly Candidate[] {
    return this.candidates;
  }

  /** Try the engines called `name`, best first, until one passes. */
  async start(name: string): Promise<void> {
    for (const [index, variant] of this.variants.entries()) {
      if (variant.engine === name && (await this.tryCandidate(index))) return;
    }
  }

  /** Try all candidates above the one in use, best first, and stay with the first that passes. */
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

  /** Give up an engine that threw while it was used, unless a better one has taken its place; the next one down is tried. */
  async fail(engine: Engine, error: unknown): Promise<void> {
    if (engine !== this.engine) return;
    const index = this.candidates.findIndex((candidate) => candidate.inUse);
    this.engine = null;
    if (index >= 0) this.set(index, { state: "failed", inUse: false, why: messageOf(error) });
    await discard(engine);
    for (let next = index + 1; next < this.candidates.length; next++) {
      const state = this.candidates[next]?.state;
      // A candidate that is loading is tried already, by `upgrade`.
      if (state !== "failed" && state !== "loading" && (await this.tryCandidate(next))) return;
    }
  }

  /** Give the engines back, one that is still loading as soon as it has loaded. The caller makes no more lists with it. */
  async close(): Promise<void> {
    this.isClosed = true;
    const last = this.engine;
    this.engine = null;
    await discard(last);
  }

  private async tryCandidate(index: number): Promise<boolean> {
    if (this.isClosed) return false;
    const variant = this.variants[index] as EngineVariant;
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
      if (candidate.inUse) this.set(other, { inUse: false, why: "a better engine has loaded since" });
    }
    this.set(index, { inUse: true, why: "" });
    await discard(before);
  }

  private set(index: number, change: Partial<Candidate>): void {
    if (this.isClosed) return;
    this.candidates[index] = { ...(this.candidates[index] as Candidate), ...change };
    this.changed([...this.candidates]);
  }
}

/** An engine that is thrown away may fail at that too; nobody can do anything about it. */
async function discard(engine: Engine | null): Promise<void> {
  await engine?.close?.().catch(() => undefined);
}
