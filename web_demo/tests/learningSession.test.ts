import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LearningSettings } from "../src/runtime/bundleJson";
import { readLearningSettings } from "../src/runtime/bundleJson";
import { Fields } from "../src/runtime/fields";
import { dumpAdamW, readAdamW } from "../src/runtime/learning/adamw";
import { decide, type Trial, trialOf } from "../src/runtime/learning/decision";
import { matrix } from "../src/runtime/learning/exact";
import { candidateRows, offsetsOf, ownOf, splitOf, targetsOf } from "../src/runtime/learning/examples";
import { Random32 } from "../src/runtime/learning/random32";
import { batchesOf, firstState, type Training, update } from "../src/runtime/learning/training";

function golden<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/learning", `${name}.json`), "utf8"))
    .cases;
}

function drawn(random: Random32, count: number, scale = 1): Float64Array {
  return Float64Array.from({ length: count }, () => (random.next() / 2 ** 31 - 1) * scale);
}

interface SessionCase {
  name: string;
  seed: number;
  n_items: number;
  n_events: number;
  dim: number;
  rank: number;
  settings: Record<string, number>;
  candidates: number[];
  digest: string;
  factor: string;
}

/** The same as `_session` of `tests/golden_learning.py`. */
function trainingOf(
  one: SessionCase,
  settings: LearningSettings,
): { training: Training; candidates: readonly number[] } {
  const { n_items: nItems, dim, rank } = one;
  const random = new Random32(one.seed);
  const split = splitOf(
    Array.from({ length: one.n_events }, () => random.below(nItems)),
    settings,
  );
  const retired = Array.from({ length: 3 }, () => random.below(nItems));
  const candidates = candidateRows(split, nItems, settings.candidates, one.seed);
  const [a, shared] = [drawn(random, dim * rank, 0.3), drawn(random, rank * dim, 0.1)];
  const targets = targetsOf(split);
  const [states, vectors] = [drawn(random, targets.length * dim, 2), drawn(random, nItems * dim)];
  const following = drawn(random, targets.length * candidates.length, 5).map((value) => Math.max(value, 0));
  const batches = batchesOf(
    Float32Array.from(states),
    Float32Array.from(candidates.flatMap((row) => [...vectors.subarray(row * dim, (row + 1) * dim)])),
    Float32Array.from(following),
    offsetsOf(targets, candidates, new Set([...ownOf(split), ...retired]), nItems),
    Int32Array.from(targets, (target) => candidates.indexOf(target)),
    settings.temperature,
  );
  const half = matrix(dim, rank, Float64Array.from(Float32Array.from(a)));
  return {
    training: { batches, a: half, shared: Float32Array.from(shared), settings },
    candidates,
  };
}

describe("a session", () => {
  test.each(golden<SessionCase>("sessions"))("over $name has Python's bytes, also if it is interrupted", (one) => {
    const settings = readLearningSettings(new Fields(new Map(Object.entries(one.settings)), "settings"));
    const { training, candidates } = trainingOf(one, settings);

    let state = firstState(one.rank, one.dim);
    while (state.nSteps < settings.updates) {
      for (const next of update(training, readAdamW(dumpAdamW(state)))) state = next ?? state;
    }

    expect(candidates).toEqual(one.candidates);
    expect(Buffer.from(Float64Array.of(state.values.at(-1) ?? 0).buffer).toString("base64")).toBe(one.factor);
    expect(createHash("sha256").update(dumpAdamW(state)).digest("hex")).toBe(one.digest);
  });
});

interface DecisionCase {
  seed: number;
  scale: number;
  lift: number;
  trials: [number, number][];
  helps: boolean;
  gain: number;
  error: number;
  rank_gain: number;
}

describe("a decision", () => {
  test.each(golden<DecisionCase>("decisions"))("about a gain of $lift is Python's", (one) => {
    const random = new Random32(one.seed);
    const trials: Trial[] = [];
    for (const expected of one.trials) {
      const target = random.below(15);
      const hidden = new Set(Array.from({ length: 4 }, () => random.below(15)));
      const without = Float32Array.from(drawn(random, 15, one.scale).map(Math.round));
      const withAdapter = without.slice();
      withAdapter[target] = (without[target] ?? 0) + one.lift;
      const trial = trialOf(without, withAdapter, target, hidden, 2);
      trials.push(trial);
      expect(trial[0]).toBeCloseTo(expected[0], 6);
      expect(trial[1]).toBeCloseTo(expected[1], 12);
    }

    const found = decide(trials);

    expect(found.helps).toBe(one.helps);
    expect(found.gain).toBeCloseTo(one.gain, 6);
    expect(found.error).toBeCloseTo(one.error, 6);
    expect(found.rankGain).toBeCloseTo(one.rank_gain, 12);
  });

  test("is no with a single event, or with numbers that are none", () => {
    expect(decide([[1, 1]]).helps).toBe(false);
    expect(decide([[1, 1], [Number.NaN, 1]]).helps).toBe(false); // biome-ignore format: a pair
  });
});
