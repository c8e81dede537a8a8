/** The golden vectors (SPEC section 8) and the self-test of an engine against them. */

import { type Arrays, take } from "./arrays";
import type { EngineVariant, Manifest } from "./bundleJson";
import { bestRows } from "./codes";
import { GOLDEN_TOP, MAX_GOLDEN_SEQUENCES, MAX_SELF_TEST_MS, MIN_TRANSITIONS_OVERLAP } from "./constants";
import type { Engine, SmallMatrices } from "./encoder";
import { BundleError, EngineError, messageOf } from "./errors";
import type { Scorer } from "./scorer";
import type { TransitionScores } from "./transitionScores";

const FILE = "golden.safetensors";

interface GoldenCase {
  /** Catalogue rows, oldest first. */
  readonly rows: readonly number[];
  readonly state: Float32Array;
  readonly topRows: readonly number[];
}

export type Golden = readonly GoldenCase[];

/** The result of an engine's self-test. */
export interface SelfTest {
  readonly passed: boolean;
  /** Largest absolute error of a state; null for transitions, which have none. */
  readonly stateError: number | null;
  /** Share of the expected top ten items that the engine ranks in its top ten. */
  readonly overlap: number;
  /** Why it failed, as a message for the user; empty if it passed. */
  readonly why: string;
}

/**
 * Check the golden arrays against the manifest.
 *
 * @throws BundleError they violate SPEC section 8, or there is no sequence.
 */
export function readGolden(arrays: Arrays, { encoder, catalogue }: Manifest): Golden {
  const n = arrays.get("rows")?.shape[0] ?? 0;
  if (n > MAX_GOLDEN_SEQUENCES)
    throw new BundleError(`${FILE}: there are ${n} sequences, at most ${MAX_GOLDEN_SEQUENCES} are allowed`);
  if (n === 0) throw new BundleError(`${FILE}: there is no golden sequence`);
  const rows = take(arrays, "rows", "I32", [n, encoder.maxLength], FILE);
  const states = take(arrays, "state", "F32", [n, encoder.dim], FILE);
  const tops = take(arrays, "top_rows", "I32", [n, GOLDEN_TOP], FILE);
  for (const array of [rows, tops]) {
    if (array.some((row) => row < -1 || row >= catalogue.nItems)) {
      throw new BundleError(`${FILE}: a row points outside the catalogue`);
    }
  }
  return Array.from({ length: n }, (_, index) => {
    const padded = [...rows.subarray(index * encoder.maxLength, (index + 1) * encoder.maxLength)];
    const known = padded.filter((row) => row >= 0);
    if (known.length === 0 || padded.slice(0, known.length).includes(-1)) {
      throw new BundleError(`${FILE}: sequence ${index} is empty or has a gap`);
    }
    return {
      rows: known,
      state: states.slice(index * encoder.dim, (index + 1) * encoder.dim),
      topRows: [...tops.subarray(index * GOLDEN_TOP, (index + 1) * GOLDEN_TOP)].filter((row) => row >= 0),
    };
  });
}

/** Run every golden sequence through an engine. Never throws: an engine that throws has failed. */
export async function selfTest(
  engine: Engine,
  variant: EngineVariant,
  golden: Golden,
  scorer: Scorer,
  small: SmallMatrices,
  clock: () => number = () => performance.now(),
): Promise<SelfTest> {
  let stateError = 0;
  let found = 0;
  let expected = 0;
  const end = clock() + MAX_SELF_TEST_MS;
  try {
    for (const { rows, state, topRows } of golden) {
      const answer = await engine.encode(scorer.codes.decode(rows), small);
      if (clock() > end) throw new EngineError(`its self-test took more than ${MAX_SELF_TEST_MS / 1000} s`);
      if (answer.length !== state.length || !answer.every(Number.isFinite)) {
        return {
          passed: false,
          stateError: Number.POSITIVE_INFINITY,
          overlap: 0,
          why: "its output is not a finite state",
        };
      }
      for (const [i, value] of answer.entries()) stateError = Math.max(stateError, Math.abs(value - (state[i] ?? 0)));
      found += foundRows(scorer.scores(answer, rows), rows, topRows);
      expected += topRows.length;
    }
  } catch (error) {
    return { passed: false, stateError: Number.POSITIVE_INFINITY, overlap: 0, why: messageOf(error) };
  }
  return verdict(variant, stateError, expected === 0 ? 1 : found / expected);
}

/** Rank after every golden sequence by transitions, as a bundle without engines does. */
export function selfTestTransitions(
  transitions: TransitionScores,
  golden: Golden,
  clock: () => number = () => performance.now(),
): SelfTest {
  let found = 0;
  let expected = 0;
  const end = clock() + MAX_SELF_TEST_MS;
  for (const { rows, topRows } of golden) {
    found += foundRows(transitions.scores(rows), rows, topRows);
    expected += topRows.length;
    if (clock() > end) {
      return {
        passed: false,
        stateError: null,
        overlap: 0,
        why: `its self-test took more than ${MAX_SELF_TEST_MS / 1000} s`,
      };
    }
  }
  const overlap = expected === 0 ? 1 : found / expected;
  const why = overlapProblem(overlap, MIN_TRANSITIONS_OVERLAP);
  return { passed: why === "", stateError: null, overlap, why };
}

/** How many of the expected rows are among the best ten that the sequence does not have. */
function foundRows(scores: Float32Array, sequence: readonly number[], expected: readonly number[]): number {
  const best = bestRows(scores, GOLDEN_TOP, new Set(sequence));
  return expected.filter((row) => best.includes(row)).length;
}

function verdict(variant: EngineVariant, stateError: number, overlap: number): SelfTest {
  const reasons: string[] = [];
  if (stateError > variant.maxStateError) {
    reasons.push(`its state has an error of ${stateError.toPrecision(2)}, at most ${variant.maxStateError} is allowed`);
  }
  const problem = overlapProblem(overlap, variant.minOverlap);
  if (problem !== "") reasons.push(problem);
  return { passed: reasons.length === 0, stateError, overlap, why: reasons.join("; ") };
}

/** Empty if the overlap is large enough. */
function overlapProblem(overlap: number, least: number): string {
  if (overlap >= least) return "";
  return `it finds ${(overlap * 100).toFixed(1)} % of the expected best items, at least ${least * 100} % are required`;
}
