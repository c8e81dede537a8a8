import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { OpenEngine } from "../src/runtime/candidates";
import { repeatsFor, tickMs } from "../src/runtime/profile/clock";
import { profileBundle } from "../src/runtime/profile/profile";
import { rowVerdict } from "../src/runtime/profile/rows";
import {
  drift,
  MIN_RUNS,
  percentile,
  ratioInterval,
  roundLevels,
  uncertainty,
} from "../src/runtime/profile/statistics";
import { openReference } from "../src/runtime/reference";
import { GOOD, openBundle } from "./folder";

interface Golden {
  readonly min_runs: Record<string, number>;
  readonly percentiles: { times: number[]; expected: Record<string, number | null> }[];
  readonly intervals: { rounds: number[][]; seed: number; median: number; low: number; high: number }[];
  readonly rounds: { times: number[][]; levels: number[]; uncertainty: number; drift: number }[];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/profile.json"), "utf8")) as Golden;

describe("statistics equal Python's", () => {
  test("percentiles need as many runs", () => {
    expect(Object.fromEntries(MIN_RUNS)).toEqual(golden.min_runs);
  });

  test.each(golden.percentiles)("percentiles of $times.length times", ({ times, expected }) => {
    for (const [share, value] of Object.entries(expected)) expect(percentile(times, Number(share))).toBe(value);
  });

  test.each(golden.intervals)("the interval with seed $seed", ({ rounds, seed, median, low, high }) => {
    expect(ratioInterval(rounds, seed)).toEqual({ median, low, high });
  });

  test.each(golden.rounds)("rounds with uncertainty $uncertainty", (one) => {
    const levels = roundLevels(one.times);
    for (const [index, level] of one.levels.entries()) expect(levels[index]).toBeCloseTo(level, 12);
    expect(uncertainty(levels)).toBeCloseTo(one.uncertainty, 12);
    expect(drift(levels)).toBeCloseTo(one.drift, 12);
  });
});

const ABOUT = { cores: 2, runtime: "a test" };

describe("a coarse clock", () => {
  test("its tick is found", () => {
    let calls = 0;
    expect(tickMs(() => Math.floor(calls++ / 7) * 0.1)).toBeCloseTo(0.1);
  });

  test("short work is repeated until it takes twenty ticks, long work is not", () => {
    expect(repeatsFor(0.5, 0.1)).toBe(4);
    expect(repeatsFor(0, 0.1)).toBe(80);
    expect(repeatsFor(30, 0.1)).toBe(1);
  });
});

describe("the profile of a bundle", () => {
  test("has rows of every engine and step, checked lists, and the engines that cannot run with the reason", async () => {
    const bundle = await openBundle(GOOD);
    const shares: number[] = [];
    const open: OpenEngine = async (variant) =>
      variant.engine === "reference" ? openReference(bundle, variant) : "not in this test";

    const found = await profileBundle(bundle, open, ABOUT, (share) => shares.push(share));

    const steps = found.rows.filter(({ variant }) => variant === "reference int8").map(({ step }) => step);
    expect(steps).toEqual(["open", "first inference", "encode", "score", "list"]);
    expect(found.outputs).toMatchObject([{ variant: "reference int8", passed: true, overlap: 1 }]);
    expect(found.engines.filter(({ actual }) => actual === null).every(({ note }) => note === "not in this test")).toBe(
      true,
    );
    expect(shares.at(-1)).toBe(1);
  });

  test("opens each engine before and after each other one equally often", async () => {
    const bundle = await openBundle(GOOD);
    const three = bundle.manifest.engines.flatMap((one) => ["a", "b", "c"].map((precision) => ({ ...one, precision })));
    Object.assign(bundle, { manifest: { ...bundle.manifest, engines: three } });
    const opened: string[] = [];
    const open: OpenEngine = async (variant) => {
      opened.push(variant.precision);
      return openReference(bundle, { ...variant, precision: "int8" });
    };

    await profileBundle(bundle, open, ABOUT);

    const rounds = Array.from({ length: 12 }, (_, round) => opened.slice(3 * round, 3 * round + 3));
    for (const [one, other] of ["ab", "ac", "bc"].map((pair) => [...pair] as [string, string])) {
      expect(rounds.filter((round) => round.indexOf(one) < round.indexOf(other))).toHaveLength(6);
    }
  });

  test("is invalid if lists are wrong", async () => {
    const bundle = await openBundle(GOOD);
    const wrong: OpenEngine = async ({ engine, precision }) => ({
      name: engine,
      precision,
      encode: async () => new Float32Array(bundle.manifest.encoder.dim).fill(Number.NaN),
    });

    const found = await profileBundle(bundle, wrong, ABOUT);

    expect(found.verdict.state).toBe("invalid");
    expect(found.outputs.every(({ finite, passed }) => !finite && !passed)).toBe(true);
  });

  test("is invalid if an engine fails that this page supports", async () => {
    const bundle = await openBundle(GOOD);
    const broken: OpenEngine = async () => {
      throw new Error("truncated");
    };

    const found = await profileBundle(bundle, broken, ABOUT);

    expect(found.verdict.state).toBe("invalid");
    expect(found.verdict.reasons[0]).toBe("reference int8: truncated");
  });

  test("is invalid if no engine runs", async () => {
    const found = await profileBundle(await openBundle(GOOD), async () => "no WebAssembly", ABOUT);

    expect(found.verdict).toEqual({ state: "invalid", reasons: ["no engine works in this browser"] });
  });
});

test("a row is judged by its runs, and by how sure its median is", () => {
  expect(rowVerdict(10, 0).state).toBe("invalid");
  expect(rowVerdict(11, 0.1).state).toBe("valid");
  expect(rowVerdict(11, 0.2).state).toBe("noisy");
});
