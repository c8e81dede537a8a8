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
export type RungState = "waiting" | "loading" | "passed" | "failed" | "unavailable" | "not needed";

/** One engine of the manifest, and what became of it. */
export interface Rung {
  readonly engine: string;
  readonly precision: string;
  readonly state: RungState;
  readonly inUse: boolean;
  /** Why it is not used, or empty. */
  readonly why: string;
  readonly test: SelfTest | null;
  /** Milliseconds of loading and self-test. */
  readonly ms: number | null;
}

/** Loads an engine, or returns why this browser cannot have it. */
export type OpenEngine = (variant: EngineVariant) => Promise<Engine | string>;

export class Ladder {
  private readonly rungs: Rung[];
  private engine: Engine | null = null;

  constructor(
    private readonly variants: readonly EngineVariant[],
    private readonly open: OpenEngine,
    private readonly test: (engine: Engine, variant: EngineVariant) => Promise<SelfTest>,
    private readonly changed: (rungs: readonly Rung[]) => void,
  ) {
    this.rungs = variants.map(({ engine, precision }) => ({
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

  get view(): readonly Rung[] {
    return this.rungs;
  }

  /** Try the engines called `name`, best first, until one passes. */
  async start(name: string): Promise<void> {
    for (const [index, variant] of this.variants.entries()) {
      if (variant.engine === name && (await this.tryRung(index))) return;
    }
  }

  /** Try all rungs above the one in use, best first, and stay with the first that passes. */
  async climb(): Promise<void> {
    const top = this.rungs.findIndex((rung) => rung.inUse);
    const end = top < 0 ? this.rungs.length : top;
    for (let index = 0; index < end; index++) {
      if (this.rungs[index]?.state === "waiting" && (await this.tryRung(index))) break;
    }
    for (const [index, rung] of this.rungs.entries()) {
      if (rung.state === "waiting") this.set(index, { state: "not needed", why: "a better engine passed" });
    }
  }

  /** Give up the engine in use, because it threw while it was used; the next one down is tried. */
  async fail(error: unknown): Promise<void> {
    const index = this.rungs.findIndex((rung) => rung.inUse);
    this.engine = null;
    if (index >= 0) this.set(index, { state: "failed", inUse: false, why: messageOf(error) });
    for (let next = index + 1; next < this.rungs.length; next++) {
      if (this.rungs[next]?.state !== "failed" && (await this.tryRung(next))) return;
    }
  }

  private async tryRung(index: number): Promise<boolean> {
    const variant = this.variants[index] as EngineVariant;
    const begun = performance.now();
    this.set(index, { state: "loading", why: "" });
    try {
      const engine = await this.open(variant);
      if (typeof engine === "string") {
        this.set(index, { state: "unavailable", why: engine });
        return false;
      }
      const test = await this.test(engine, variant);
      const ms = performance.now() - begun;
      this.set(index, { state: test.passed ? "passed" : "failed", why: test.why, test, ms });
      if (test.passed) this.use(index, engine);
      return test.passed;
    } catch (error) {
      this.set(index, { state: "failed", why: messageOf(error) });
      return false;
    }
  }

  private use(index: number, engine: Engine): void {
    this.engine = engine;
    for (const [other, rung] of this.rungs.entries()) {
      if (rung.inUse) this.set(other, { inUse: false, why: "a better engine has loaded since" });
    }
    this.set(index, { inUse: true, why: "" });
  }

  private set(index: number, change: Partial<Rung>): void {
    this.rungs[index] = { ...(this.rungs[index] as Rung), ...change };
    this.changed([...this.rungs]);
  }
}
