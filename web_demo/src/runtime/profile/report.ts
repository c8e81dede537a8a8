/** The result of a profile, as JSON with the schema `edge_runtime/profiling/profile.schema.json`: what a page fills of it. */

export type State = "valid" | "noisy" | "invalid";

export interface Verdict {
  readonly state: State;
  readonly reasons: readonly string[];
}

export interface Distribution {
  readonly runs: number;
  readonly minimum: number;
  readonly median: number;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface Row {
  readonly phase: "open" | "first inference" | "steady";
  readonly step: string;
  readonly variant: string;
  readonly wall_ms: Distribution;
  readonly cpu_ms: null;
  readonly seconds: number;
  readonly wall_by_cpu: null;
  readonly drift: number;
  readonly uncertainty: number;
  readonly limit: null;
  readonly no_limit: string;
  readonly verdict: Verdict;
}

export interface Ratio {
  readonly step: string;
  readonly variant: string;
  readonly against: string;
  readonly clock: "wall";
  readonly pairs: number;
  readonly rounds: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly confidence: number;
}

export interface EngineUse {
  readonly variant: string;
  readonly asked: string;
  readonly actual: string | null;
  readonly ran_on: Readonly<Record<string, number>>;
  readonly operators: readonly never[];
  readonly note: string | null;
}

export interface Outputs {
  readonly variant: string;
  readonly against: string;
  readonly lists: number;
  readonly overlap: number;
  readonly least: number;
  readonly finite: boolean;
  readonly passed: boolean;
}

export interface Profile {
  readonly schema: 1;
  readonly created: string;
  readonly mode: string;
  readonly seed: number;
  readonly machine: Readonly<Record<string, string | number | null>>;
  readonly bundles: readonly Readonly<Record<string, string | number>>[];
  readonly histories: Readonly<Record<string, string | number>>;
  readonly engines: readonly EngineUse[];
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
  readonly outputs: readonly Outputs[];
  readonly memory: readonly never[];
  readonly language_models: readonly never[];
  readonly budgets: readonly never[];
  readonly notes: readonly string[];
  readonly verdict: Verdict;
}
