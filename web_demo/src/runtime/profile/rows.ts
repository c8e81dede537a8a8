/** The report of a profile from its samples. */

import { at } from "../at";
import type { Bundle } from "../bundle";
import type { Golden } from "../golden";
import type { About, Variant } from "./profile";
import type { Distribution, EngineUse, Outputs, Profile, Ratio, Row, Verdict } from "./report";
import { CONFIDENCE, drift, MIN_RUNS, median, percentile, ratioInterval, roundLevels, uncertainty } from "./statistics";

/** The times of each round, by step. */
export type Samples = Map<string, number[][]>;

const MOST_UNCERTAIN = 0.1;
const NO_LIMIT = "a page cannot measure the peaks of the processor";
const PHASES: Readonly<Record<string, Row["phase"]>> = { open: "open", "first inference": "first inference" };
const NOTES = [
  "a page has no clock of CPU time, so a busy machine shows only in rounds that differ",
  "a page cannot measure its memory, single operators or the browser's storage",
];

/** Counts how many of the expected items were in the lists that were timed. */
export class OutputCheck {
  private lists = 0;
  private found = 0;
  private expected = 0;
  private finite = true;

  constructor(private readonly least: number) {}

  /** @param rows the list; null if the step makes none. */
  add(state: Float32Array, rows: readonly number[] | null, expected: readonly number[]): void {
    this.finite &&= state.every(Number.isFinite);
    if (rows === null) return;
    this.lists++;
    this.expected += expected.length;
    this.found += expected.filter((row) => rows.includes(row)).length;
  }

  result(variant: string): Outputs {
    const overlap = this.expected === 0 ? 1 : this.found / this.expected;
    const passed = this.finite && this.lists > 0 && overlap >= this.least;
    const { lists, least, finite } = this;
    return { variant, against: "golden vectors", lists, overlap, least, finite, passed };
  }
}

/** @param about the browser, and the milliseconds between two ticks of its clock. */
export function profileOf(
  bundle: Bundle,
  variants: readonly Variant[],
  golden: Golden,
  about: About & { readonly tick: number },
): Profile {
  const ran = variants.filter(({ why }) => why === null);
  const rows = ran.flatMap(rowsOf);
  const outputs = ran.map(({ name, check }) => check.result(name));
  return {
    schema: 1,
    created: `${new Date().toISOString().slice(0, 19)}Z`,
    mode: "page",
    seed: 0,
    machine: machine(about),
    bundles: [described(bundle)],
    histories: lengths(golden),
    engines: variants.map(useOf),
    rows,
    ratios: ran.slice(1).flatMap((one) => ratiosOf(one, at(ran, 0))),
    outputs,
    memory: [],
    language_models: [],
    budgets: [],
    notes: NOTES,
    verdict: verdictOf(rows, outputs, variants),
  };
}

export function distribution(times: readonly number[]): Distribution {
  const [p90, p95, p99] = [percentile(times, 0.9), percentile(times, 0.95), percentile(times, 0.99)];
  return { runs: times.length, minimum: Math.min(...times), median: median(times), p90, p95, p99 };
}

/** @param unsure by which share the median may be wrong. */
export function rowVerdict(runs: number, unsure: number): Verdict {
  const least = MIN_RUNS.get(0.5) ?? 0;
  if (runs < least) return { state: "invalid", reasons: [`${runs} runs, a median needs ${least}`] };
  if (unsure <= MOST_UNCERTAIN) return { state: "valid", reasons: [] };
  const percent = Math.round(unsure * 100);
  return {
    state: "noisy",
    reasons: [`rounds of equal work differ: the median is known to within ${percent}% only`],
  };
}

function rowsOf({ name, samples }: Variant): Row[] {
  return [...samples].map(([step, times]) => {
    const all = times.flat();
    const levels = roundLevels(times);
    const unsure = uncertainty(levels);
    return {
      phase: PHASES[step] ?? "steady",
      step,
      variant: name,
      wall_ms: distribution(all),
      cpu_ms: null,
      seconds: all.reduce((sum, ms) => sum + ms, 0) / 1000,
      wall_by_cpu: null,
      drift: drift(levels),
      uncertainty: unsure,
      limit: null,
      no_limit: NO_LIMIT,
      verdict: rowVerdict(all.length, unsure),
    };
  });
}

function ratiosOf(one: Variant, first: Variant): Ratio[] {
  return [...one.samples].flatMap(([step, times]) => {
    const against = first.samples.get(step);
    if (against === undefined || PHASES[step] !== undefined) return [];
    const rounds = times.map((round, i) => round.map((ms, j) => ms / at(at(against, i), j)));
    const pairs = rounds.reduce((sum, { length }) => sum + length, 0);
    const shape = { clock: "wall", pairs, rounds: rounds.length, confidence: CONFIDENCE } as const;
    return [{ step, variant: one.name, against: first.name, ...shape, ...ratioInterval(rounds) }];
  });
}

function useOf({ name, why }: Variant): EngineUse {
  return { variant: name, asked: name, actual: why === null ? name : null, ran_on: {}, operators: [], note: why };
}

function verdictOf(rows: readonly Row[], outputs: readonly Outputs[], variants: readonly Variant[]): Verdict {
  const wrong = variants.filter(({ failed }) => failed).map(({ name, why }) => `${name}: ${why}`);
  wrong.push(...wrongLists(outputs));
  if (rows.length === 0) wrong.push("no engine works in this browser");
  const bad = (state: string) => rows.filter(({ verdict }) => verdict.state === state);
  const said = (some: readonly Row[]) => some.map((row) => `${row.variant}, ${row.step}: ${row.verdict.reasons[0]}`);
  const invalid = [...wrong, ...said(bad("invalid"))];
  if (invalid.length > 0) return { state: "invalid", reasons: invalid };
  const noisy = said(bad("noisy"));
  return { state: noisy.length > 0 ? "noisy" : "valid", reasons: noisy };
}

function wrongLists(outputs: readonly Outputs[]): string[] {
  return outputs.filter(({ passed }) => !passed).map(({ variant }) => `${variant}: its lists are wrong`);
}

function machine({ cores, runtime, tick }: About & { readonly tick: number }): Profile["machine"] {
  return {
    system: "browser",
    processor: "unknown to a page",
    cores,
    memory: null,
    runtime,
    load: null,
    clock_ns: tick * 1e6,
    read_bytes_per_s: null,
    operations_per_s: null,
    digest_bytes_per_s: null,
    disk_flush_ms: null,
  };
}

function lengths(golden: Golden): Profile["histories"] {
  const all = golden.map(({ rows }) => rows.length);
  const [shortest, longest] = [Math.min(...all), Math.max(...all)];
  return { source: "golden sequences of the bundle", count: all.length, shortest, median: median(all), longest };
}

function described({ manifest }: Bundle): Profile["bundles"][number] {
  const { name, release, target, files, engines } = manifest;
  const bytes = (some: typeof files) => some.reduce((sum, file) => sum + file.bytes, 0);
  const roles = new Set(["codes", "prompts", "adapter", "transitions", "similarity"]);
  const ranking = files.filter((file) => roles.has(file.role) || file.name === engines[0]?.file);
  return { path: "", name, release, target, ranking_bytes: bytes(ranking), bundle_bytes: bytes(files) };
}
