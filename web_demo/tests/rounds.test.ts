import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { FetchError, StorageError } from "../src/runtime/errors";
import { Random32 } from "../src/runtime/learning/random32";
import { roundCandidates, type TrainingPlan, trainedChange } from "../src/runtime/learning/roundTraining";
import { MemoryHistory } from "../src/runtime/memoryHistory";
import { deltaOf, epsilonOf, lossOf, privacyStatement } from "../src/runtime/rounds/accountant";
import { bodyOf, type Entry, type Outcome, RoundLedger } from "../src/runtime/rounds/ledger";
import { type ByteSource, discreteGaussian } from "../src/runtime/rounds/noise";
import { type Device, intended, prepared, RoundError, sendPending } from "../src/runtime/rounds/participate";
import { bodyBytes, largestOf, parsePlan, type RoundPlan, secondsOf, sizeOf } from "../src/runtime/rounds/plan";
import { clipped, contribution, quantized } from "../src/runtime/rounds/update";
import { drawn, drawnBatch } from "./drawn";

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/rounds.json"), "utf8"));
const TARGET = "laptop-x86_64";
const DIGITS = 1e-9;

interface Named {
  readonly name: string;
}

function planOf(text: string): RoundPlan {
  return parsePlan(new TextEncoder().encode(text), TARGET);
}

/** The same as `bytes_of` of `tests/golden_rounds.py`. */
function bytesOf(seed: number): ByteSource {
  const random = new Random32(seed);
  return (count) => Uint8Array.from({ length: count }, () => random.next() & 0xff);
}

function numbers(text: string): Float64Array {
  const data = Buffer.from(text, "base64");
  return Float64Array.from({ length: data.length / 8 }, (_, i) => data.readDoubleLE(8 * i));
}

function expectNear(found: number, expected: number | null): void {
  if (expected === null) expect(found).toBe(Number.POSITIVE_INFINITY);
  else expect(Math.abs(found - expected)).toBeLessThanOrEqual(DIGITS * Math.abs(expected));
}

describe("the same as in Python", () => {
  test.each(golden.noise as { seed: number; variance: string; values: number[] }[])(
    "noise of the variance $variance",
    ({ seed, variance, values }) => {
      expect(discreteGaussian(BigInt(variance), values.length, bytesOf(seed)).map(Number)).toEqual(values);
    },
  );

  test.each(golden.privacy as { mu: number; delta: number; epsilon: number; delta_of_half: number }[])(
    "privacy of the ratio $mu with delta $delta",
    ({ mu, delta, epsilon, delta_of_half }) => {
      expectNear(epsilonOf(delta, mu), epsilon);
      expectNear(deltaOf(epsilon / 2, mu), delta_of_half);
    },
  );

  test.each(golden.plans as (Named & { document: string; accepted: Record<string, number | null> | null })[])(
    "a plan with $name",
    ({ document, accepted }) => {
      if (accepted === null) {
        expect(() => planOf(document)).toThrow(/adapter\/round-laptop-x86_64\.json: /);
        return;
      }
      const plan = planOf(document);
      const { operator, readers } = privacyStatement(plan);
      expect([sizeOf(plan), bodyBytes(plan), largestOf(plan)]).toEqual([
        accepted["size"],
        accepted["body_bytes"],
        accepted["largest"],
      ]);
      expect([secondsOf(plan.opens), secondsOf(plan.deadline)]).toEqual([accepted["opens"], accepted["deadline"]]);
      for (const [found, name] of [
        [operator, "operator"],
        [readers, "readers"],
        [lossOf(plan), "loss"],
      ] as const)
        expectNear(found, accepted[name] ?? null);
    },
  );

  test.each(
    golden.updates as (Named & { plan: string; vector: string; seed: number; token_seed: number; body: string })[],
  )("an upload of a vector: $name", ({ plan: text, vector, seed, token_seed, body }) => {
    const [noise, token] = [bytesOf(seed), bytesOf(token_seed)];
    const source: ByteSource = (count) => (count === 16 ? token(count) : noise(count));
    expect(Buffer.from(contribution(numbers(vector), planOf(text), source)).toString("base64")).toBe(body);
  });

  test.each(
    golden.intents as (Named & {
      plan: string;
      entries: Pick<Entry, "round" | "time" | "loss" | "outcome">[];
      now: number;
      intent: { before: number; epsilon: number } | null;
    })[],
  )("whether a device takes part: $name", ({ plan: text, entries, now, intent }) => {
    const noted = entries.map((entry) => ({ ...ENTRY, ...entry }));
    if (intent === null) {
      expect(() => intended(planOf(text), DEVICE, noted, now)).toThrow(RoundError);
      return;
    }
    const found = intended(planOf(text), DEVICE, noted, now);
    expect(found.before).toBe(intent.before);
    expectNear(found.epsilon, intent.epsilon);
  });
});

interface TrainingCase {
  readonly seed: number;
  readonly n: number;
  readonly m: number;
  readonly dim: number;
  readonly rank: number;
  readonly plan: TrainingPlan;
  readonly settings: { readonly beta1: number; readonly beta2: number; readonly epsilon: number };
  readonly change: string;
}

describe("training", () => {
  function trained({ seed, n, m, dim, rank, plan, settings }: TrainingCase, clock: () => number = () => 0) {
    const random = new Random32(seed, 1);
    const adapterA = Float32Array.from(drawn(random, dim * rank, 0.3));
    const adapterB = Float32Array.from(drawn(random, rank * dim, 0.1));
    const batch = drawnBatch(seed, n, m, dim);
    return trainedChange(batch, settings, plan, { adapterA, adapterB }, seed, async () => undefined, clock);
  }

  test.each(golden.trainings as TrainingCase[])("of $plan.steps steps is Python's to the last bit", async (one) => {
    const change = await trained(one);
    expect(Buffer.from(change.buffer).toString("base64")).toBe(one.change);
  });

  test("ends after a minute with the steps that it has made", async () => {
    const [one] = golden.trainings as [TrainingCase];
    let calls = 0;
    const after = (steps: number) => () => (calls++ > steps ? 60_001 : 0);
    const change = await trained(one, after(2));
    calls = 0;
    expect(change).toEqual(await trained({ ...one, plan: { ...one.plan, steps: 2 } }));
    expect(change).not.toEqual(numbers(one.change));
  });

  test("own and retired items are no counterexamples, and drawn ones stand for the others", () => {
    const { rows, offsets } = roundCandidates([3, 7, 3], [5], 1000, 20, 9);
    expect([...rows].sort((one, other) => one - other)).toEqual(rows);
    const ofRow = new Map(rows.map((row, at) => [row, offsets[at]]));
    expect([ofRow.get(3), ofRow.get(7)]).toEqual([-1e9, -1e9]);
    const counted = offsets.filter((offset) => offset > -1e9);
    expect(new Set(counted).size).toBe(1);
    expect(counted[0]).toBeCloseTo(Math.log(997 / counted.length));
  });
});

const DEVICE: Device = { name: "tiny shop", base: "a".repeat(64), adapterSha256: "b".repeat(64), nEvents: 20 };
const ENTRY: Entry = {
  round: "w".repeat(26),
  time: 0,
  loss: 0,
  operator: "http://127.0.0.1:8000",
  deadline: 0,
  retryAfterSeconds: 60,
  digest: "",
  body: null,
  retryAt: 0,
  outcome: "training",
};

describe("noise and rounding", () => {
  test("noise of the browser has about the variance that was asked for", () => {
    const drawn = discreteGaussian(10_000n, 3000).map(Number);
    const square = drawn.reduce((sum, value) => sum + value * value, 0) / drawn.length;
    expect(square).toBeGreaterThan(7500);
    expect(square).toBeLessThan(12_500);
  });

  test("two uploads of one vector have other noise and another token", () => {
    const [{ plan: text }] = golden.updates;
    const [one, other] = [0, 1].map(() => contribution(new Float64Array(8), planOf(text)));
    expect(one?.slice(0, 8)).toEqual(other?.slice(0, 8));
    expect(one?.slice(8, 24)).not.toEqual(other?.slice(8, 24));
    expect(one?.slice(56)).not.toEqual(other?.slice(56));
  });

  test("rounding never makes a vector longer than the clip", () => {
    const random = new Random32(7);
    for (let trial = 0; trial < 200; trial++) {
      const vector = Float64Array.from({ length: 9 }, () => random.next() / 2 ** 31 - 1);
      const clip = (random.next() + 1) / 2 ** 34;
      const values = quantized(vector, { clip, scale: 2 ** 40 });
      const squares = values.reduce((sum, value) => sum + value * value, 0n);
      // Both are whole: the clip has 34 binary digits after the point.
      expect(squares <= BigInt(clip * 2 ** 40) ** 2n).toBe(true);
    }
  });

  test("a vector that is too long keeps its direction, whatever its size", () => {
    expect(Array.from(clipped(Float64Array.of(3e200, -4e200), 1))).toEqual([expect.closeTo(0.6), expect.closeTo(-0.8)]);
    expect(Array.from(clipped(Float64Array.of(0.3, -0.4), 1))).toEqual([0.3, -0.4]);
    expect(Array.from(clipped(Float64Array.of(Number.NaN, 1), 1))).toEqual([0, 0]);
  });

  test("an update of another width is refused", () => {
    const [{ plan: text }] = golden.updates;
    expect(() => contribution(new Float64Array(7), planOf(text))).toThrow("expected at most 2 rows of 4");
  });
});

describe("taking part", () => {
  const plan = planOf(golden.updates[0].plan);
  const now = secondsOf(plan.opens) + 60;
  let history: MemoryHistory;
  let ledger: RoundLedger;
  const got: Uint8Array[] = [];

  /** Answers with given statuses; null is no answer. */
  function answering(...statuses: (number | null)[]) {
    return async (operator: string, path: string, body: Uint8Array) => {
      got.push(body);
      expect([operator, path]).toEqual([plan.operators[0], `/v1/rounds/${plan.round}/updates`]);
      const status = statuses.shift() ?? null;
      if (status === null) throw new FetchError("the connection was refused");
      return status;
    };
  }

  async function prepare(train = async () => new Float64Array(8).fill(0.1)): Promise<Entry> {
    return prepared(intended(plan, DEVICE, await ledger.entries(), now), train, ledger, now);
  }

  beforeEach(() => {
    got.length = 0;
    history = new MemoryHistory();
    ledger = new RoundLedger(history);
  });

  test("an upload is stored before it is sent, and counts once", async () => {
    const entry = await prepare();
    expect(entry.outcome).toBe("prepared");
    const [sending] = await sendPending(ledger, answering(202), now);
    expect(sending?.outcome).toBe("counted");
    expect(got).toEqual([bodyOf(entry)]);
    expect(await sendPending(ledger, answering(), now)).toEqual([]);
    await expect(prepare()).rejects.toThrow("already");
  });

  test("a page that was closed before the answer sends the same bytes again", async () => {
    await prepare();
    const [first] = await sendPending(ledger, answering(null), now);
    expect(first).toMatchObject({ outcome: "prepared", problem: "the connection was refused" });
    const again = new RoundLedger(history);
    expect((await sendPending(again, answering(200), now + 60))[0]?.problem).toBe("the server is tried again later");
    const [second] = await sendPending(again, answering(200), now + plan.retryAfterSeconds);
    expect(second?.outcome).toBe("counted before");
    expect(got).toHaveLength(2);
    expect(got[0]).toEqual(got[1]);
  });

  test.each<[number, Outcome]>([
    [404, "closed"],
    [409, "closed"],
    [410, "too late"],
    [413, "refused"],
    [422, "refused"],
    [429, "prepared"],
    [503, "prepared"],
  ])("the answer %i is understood", async (status, outcome) => {
    await prepare();
    expect((await sendPending(ledger, answering(status), now))[0]?.outcome).toBe(outcome);
    expect((await ledger.entries())[0]?.outcome).toBe(outcome);
  });

  test("an upload that was not sent in time is dropped, and counts as a participation all the same", async () => {
    await prepare();
    const [sending] = await sendPending(ledger, answering(), secondsOf(plan.deadline));
    expect(sending?.outcome).toBe("missed");
    expect((await ledger.entries())[0]).toMatchObject({ outcome: "missed", body: null, loss: lossOf(plan) });
  });

  test("a browser that took part is told so also with the release that came of the round", async () => {
    await prepare();
    const newer = { ...DEVICE, base: "0".repeat(64), adapterSha256: "0".repeat(64) };
    const told = "has taken part in the round";
    const entries = await ledger.entries();
    expect(() => intended(plan, newer, entries, now)).toThrow(told);
    expect(() => intended(plan, newer, entries, secondsOf(plan.deadline))).toThrow(told);
    expect(() => intended(plan, newer, [], secondsOf(plan.deadline))).toThrow("is over");
    expect(() => intended(plan, newer, [], now)).toThrow("another release");
  });

  test("a plan that splits updates between two operators is left to other devices", () => {
    const operators = ["https://a.example", "https://b.example"];
    expect(() => intended({ ...plan, operators }, DEVICE, [], now)).toThrow("which this page cannot do yet");
  });

  test("two tabs that train at the same time send one upload", async () => {
    const [one, other] = await Promise.all([prepare(), prepare()]);
    expect(one).toEqual(other);
    expect(await ledger.entries()).toHaveLength(1);
  });

  test("nothing is sent if the data is deleted during the training", async () => {
    const train = async () => {
      await history.clear();
      return new Float64Array(8);
    };
    await expect(prepare(train)).rejects.toThrow("deleted during the training");
    expect(await sendPending(ledger, answering(202), now)).toEqual([]);
  });

  test("the account is of the plan that was sent, and not of an earlier one of the round", async () => {
    const harmless = { ...plan, sigma: 1000 * plan.sigma };
    const failing = () => Promise.reject(new Error("no engine"));
    const intent = intended(harmless, DEVICE, [], now);
    await expect(prepared(intent, failing, ledger, now)).rejects.toThrow("no engine");
    expect((await ledger.entries())[0]?.loss).toBe(lossOf(harmless));

    expect((await prepare()).loss).toBe(lossOf(plan));
  });

  test("two tabs with different rounds do not exceed the limit together", async () => {
    const other = { ...plan, round: "b".repeat(26) };
    const overtaken = async () => {
      await prepared(intended(other, DEVICE, [], now), async () => new Float64Array(8), ledger, now);
      return new Float64Array(8);
    };
    await expect(prepare(overtaken)).rejects.toThrow("in another round during the training");
    expect((await ledger.entries()).filter(({ body }) => body !== null)).toHaveLength(1);
  });

  test("an upload that was deleted while another one was sent is not sent", async () => {
    await prepare();
    const other = { ...plan, round: "b".repeat(26) };
    const train = async () => new Float64Array(8);
    await prepared(intended(other, DEVICE, await ledger.entries(), now), train, ledger, now);
    let sent = 0;
    await sendPending(
      ledger,
      async () => {
        sent++;
        await history.clear();
        return 202;
      },
      now,
    );
    expect(sent).toBe(1);
  });

  test("a limit that is no number permits nothing", () => {
    const limit = { epsilon: Number.NaN, delta: 1e-6, days: 365 };
    expect(() => intended(plan, DEVICE, [], now, limit)).toThrow("the limit here");
  });

  test.each([5e-324, 1e-300, 1e-170])("a clip of %f, which vanishes beside the noise, reveals nothing", (clip) => {
    expect(intended({ ...plan, clip }, DEVICE, [], now).epsilon).toBe(0);
  });

  test("a training that fails is tried again", async () => {
    await expect(prepare(() => Promise.reject(new Error("no engine")))).rejects.toThrow("no engine");
    expect((await prepare()).outcome).toBe("prepared");
  });

  test("a damaged account sends nothing, rather than counting as none", async () => {
    await history.set("rounds", '[{"round": 1}]');
    await expect(prepare()).rejects.toThrow(StorageError);
    await expect(sendPending(ledger, answering(202), now)).rejects.toThrow("damaged");
    expect(got).toEqual([]);
  });
});
