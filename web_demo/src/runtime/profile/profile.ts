/**
 * Measures the engines of a bundle in this browser: all of them in turns, history by history, in random order.
 *
 * As `pocketrec profile` does, every round opens all engines anew, every list is checked, and engines are compared by
 * the ratios of pairs. Nothing that the user did is read.
 */

import { loadArrays } from "../arrays";
import { at } from "../at";
import type { Bundle } from "../bundle";
import type { EngineVariant } from "../bundleJson";
import type { OpenEngine } from "../candidates";
import { bestRows } from "../codes";
import { GOLDEN_TOP } from "../constants";
import { type Engine, readSmall, type SmallMatrices } from "../encoder";
import { messageOf } from "../errors";
import { type Golden, readGolden } from "../golden";
import { Scorer } from "../scorer";
import { repeatsFor, tickMs } from "./clock";
import type { Profile } from "./report";
import { OutputCheck, profileOf, type Samples } from "./rows";

const ROUNDS = 12;
const HISTORIES = 24;
const TURNS = 2;

export const STEPS = ["encode", "score", "list"] as const;
export type Step = (typeof STEPS)[number];

/** An engine, and what was measured of it. */
export interface Variant {
  readonly name: string;
  readonly variant: EngineVariant;
  readonly check: OutputCheck;
  /** The times of each round, by step. */
  readonly samples: Samples;
  /** Why it could not be used; null if it could. */
  why: string | null;
  /** Whether it failed, though this page supports it. */
  failed: boolean;
}

/** What a page knows of the machine. */
export interface About {
  readonly cores: number | null;
  readonly runtime: string;
}

/** What all engines share. */
interface Shared {
  readonly golden: Golden;
  readonly scorer: Scorer;
  readonly small: SmallMatrices;
  readonly tick: number;
  /** How often a step is repeated for one time, by engine and step. */
  readonly repeats: Map<string, number>;
}

/**
 * Measure all engines of a bundle that this page supports.
 *
 * @param about the browser.
 * @param onProgress called with the share of the work that is done.
 * @throws FetchError a file of the bundle cannot be downloaded.
 */
export async function profileBundle(
  bundle: Bundle,
  open: OpenEngine,
  about: About,
  onProgress: (share: number) => void = () => undefined,
  random: () => number = Math.random,
): Promise<Profile> {
  const shared = await read(bundle);
  const variants = bundle.manifest.engines.map((variant): Variant => {
    const name = `${variant.engine} ${variant.precision}`;
    return { name, variant, check: new OutputCheck(variant.minOverlap), samples: new Map(), why: null, failed: false };
  });
  let order: readonly Variant[] = variants;
  for (let round = 0; round < ROUNDS; round++) {
    // Who is opened first may be slower until it is closed, so every second round reverses the order of the one before.
    order = round % 2 === 0 ? shuffled(variants, random) : order.toReversed();
    await measureRound(usable(order), open, shared, random);
    onProgress((round + 1) / ROUNDS);
  }
  return profileOf(bundle, variants, shared.golden, { ...about, tick: shared.tick });
}

async function read(bundle: Bundle): Promise<Shared> {
  const [small, scorer, file] = await Promise.all([readSmall(bundle), Scorer.open(bundle), bundle.role("golden")]);
  const all = readGolden(loadArrays(file.data, file.name), bundle.manifest);
  const ordered = [...all].sort((a, b) => a.rows.length - b.rows.length);
  const n = Math.min(HISTORIES, ordered.length);
  const golden = Array.from({ length: n }, (_, i) => at(ordered, Math.floor(((i + 0.5) * ordered.length) / n)));
  return { golden, scorer, small, tick: tickMs(), repeats: new Map() };
}

async function measureRound(
  variants: readonly Variant[],
  open: OpenEngine,
  shared: Shared,
  random: () => number,
): Promise<void> {
  const opened: [Variant, Engine][] = [];
  try {
    for (const one of variants) {
      const engine = await start(one, open, shared);
      if (engine !== null) opened.push([one, engine]);
    }
    for (const golden of shuffled(shared.golden, random)) await measureHistory(opened, golden, shared, random);
  } finally {
    for (const [, engine] of opened) await engine.close?.().catch(() => undefined);
  }
}

/** Time all steps of one history, engines in turns; they keep their order, as none may find its own data in the caches. */
async function measureHistory(
  opened: readonly (readonly [Variant, Engine])[],
  golden: Golden[number],
  shared: Shared,
  random: () => number,
): Promise<void> {
  for (const step of STEPS) {
    const order = shuffled(opened, random);
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [one, engine] of order) {
        at(rounds(one, step), -1).push(await timeStep(step, one, engine, golden, shared));
      }
    }
  }
}

/** Open an engine and run it for the first time; null if it cannot be used. */
async function start(one: Variant, open: OpenEngine, shared: Shared): Promise<Engine | null> {
  try {
    const begun = performance.now();
    const engine = await open(one.variant);
    const opened = performance.now();
    if (typeof engine === "string") {
      one.why = engine;
      return null;
    }
    const { rows } = at(shared.golden, shared.golden.length >> 1);
    await engine.encode(shared.scorer.codes.decode(rows), shared.small);
    one.samples.set("open", [...rounds(one, "open"), [opened - begun]]);
    one.samples.set("first inference", [...rounds(one, "first inference"), [performance.now() - opened]]);
    for (const step of STEPS) one.samples.set(step, [...rounds(one, step), []]);
    return engine;
  } catch (error) {
    one.why = messageOf(error);
    one.failed = true;
    return null;
  }
}

/** Milliseconds of a step; the first time of each engine and step decides how often it is repeated from then on. */
async function timeStep(
  step: Step,
  one: Variant,
  engine: Engine,
  { rows, topRows }: Golden[number],
  { scorer, small, tick, repeats }: Shared,
): Promise<number> {
  const encode = () => engine.encode(scorer.codes.decode(rows), small);
  const best = (state: Float32Array) => bestRows(scorer.scores(state, rows), GOLDEN_TOP, new Set(rows));
  const state = await encode();
  let found: readonly number[] | null = null;
  const run = async () => {
    if (step === "encode") await encode();
    else found = best(step === "score" ? state : await encode());
  };
  const key = `${one.name} ${step}`;
  const times = repeats.get(key) ?? repeatsFor(await timed(run, 1), tick);
  repeats.set(key, times);
  const ms = await timed(run, times);
  one.check.add(state, found, topRows);
  // A ratio needs a time above 0, even if the clock did not tick.
  return Math.max(ms, Number.EPSILON);
}

async function timed(run: () => Promise<void>, times: number): Promise<number> {
  const begun = performance.now();
  for (let n = 0; n < times; n++) await run();
  return (performance.now() - begun) / times;
}

function usable(variants: readonly Variant[]): Variant[] {
  return variants.filter(({ why }) => why === null);
}

function rounds(one: Variant, step: string): number[][] {
  return one.samples.get(step) ?? [];
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [at(copy, other), at(copy, last)];
  }
  return copy;
}
