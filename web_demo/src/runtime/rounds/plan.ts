/**
 * The signed plan of a round: what devices train, how an update is bounded and made noisy, and until when. Twin of
 * `edge_runtime/rounds/plan.py`; SPEC, "Rounds", is normative. It is parsed after its length and digest were checked.
 */

import type { Bytes } from "../bytes";
import { PLAIN_NAME } from "../constants";
import { BundleError, BundleVersionError } from "../errors";
import { Fields, type Range } from "../fields";
import { parseJson } from "../json";

const SCHEMA = 1;
export const MAX_PLAN_BYTES = 1 << 14;
/** Largest body of an upload. */
const MAX_UPDATE_BYTES = 1 << 16;
/** Bytes before the integers of an upload. */
export const HEAD_BYTES = 56;
/** Smallest standard deviation of noise in integer units with which it is as private as continuous noise. */
const MIN_NOISE = 16;
/** All integers of an update fit their type but with a probability below `2 ** -SATURATION_BITS`. */
const SATURATION_BITS = 40;

const ROUND = /^[a-z0-9]{26}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const MOMENT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;
const ADDRESS = /^https?:\/\/[!-~]{1,190}$/;

export interface RoundPlan {
  readonly round: string;
  readonly name: string;
  readonly target: string;
  /** SHA-256 of the final manifest that holds the adapter from which devices train. */
  readonly base: string;
  /** SHA-256 of its adapter, which each update names. */
  readonly adapterSha256: string;
  /** Rows of B that are trained. */
  readonly rank: number;
  readonly dim: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly minEvents: number;
  /** Largest L2 norm of an update before noise. */
  readonly clip: number;
  /** Standard deviation of the noise that each device adds to each value; 0 for none. */
  readonly sigma: number;
  /** Integers per unit, a power of two. */
  readonly scale: number;
  readonly bits: 16 | 32;
  readonly participations: number;
  readonly periodDays: number;
  readonly minUpdates: number;
  readonly maxUpdates: number;
  readonly maxStaleness: number;
  /** As the plan writes them. */
  readonly opens: string;
  readonly deadline: string;
  readonly retryAfterSeconds: number;
  readonly delta: number;
  readonly operators: readonly string[];
}

const REQUIRED = [
  ...["round", "name", "target", "base", "adapter_sha256", "rank", "dim", "steps", "batch", "learning_rate"],
  ...["min_events", "clip", "sigma", "scale", "participations", "period_days", "min_updates", "max_updates", "opens"],
  ...["deadline", "retry_after_s", "operators"],
];
const OPTIONAL = ["schema", "part", "bits", "max_staleness", "delta"];

/** The path of the plan of a target's round in the signed metadata. */
export function roundPath(target: string): string {
  return `adapter/round-${target}.json`;
}

/**
 * Parse the plan of a target.
 *
 * @throws BundleVersionError it needs a newer version of this page.
 * @throws BundleError it violates the format, or is of another target.
 */
export function parsePlan(data: Bytes, target: string): RoundPlan {
  const path = roundPath(target);
  if (data.length > MAX_PLAN_BYTES)
    throw new BundleError(`${path}: ${data.length} bytes, at most ${MAX_PLAN_BYTES} are allowed`);
  const fields = Fields.of(parseJson(data, path), path);
  const schema = fields.integer("schema", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (schema !== SCHEMA)
    throw new BundleVersionError(
      `${path}: schema ${schema}, this page reads ${SCHEMA}. Reload the page to get its newest version.`,
    );
  const unknown = fields.names().find((name) => ![...REQUIRED, ...OPTIONAL].includes(name));
  if (unknown !== undefined) throw new BundleError(`${path}: unknown field ${JSON.stringify(unknown.slice(0, 60))}`);
  const plan = readPlan(fields);
  checkPlan(plan, path);
  if (plan.target !== target) throw new BundleError(`${path}: it is of another target`);
  return plan;
}

/** Number of values of an update, row by row. */
export function sizeOf({ rank, dim }: Pick<RoundPlan, "rank" | "dim">): number {
  return rank * dim;
}

/** Number of bytes of an upload. */
export function bodyBytes(plan: Pick<RoundPlan, "rank" | "dim" | "bits" | "operators" | "maxUpdates">): number {
  return HEAD_BYTES + (sizeOf(plan) * wireBits(plan)) / 8;
}

/** Width of the integers of an upload; shares for two operators are so wide that a sum of all updates fits. */
function wireBits({ bits, operators, maxUpdates }: Pick<RoundPlan, "bits" | "operators" | "maxUpdates">): number {
  if (operators.length === 1) return bits;
  return maxUpdates * 2 ** (bits - 1) <= 2 ** 31 ? 32 : 64;
}

/** The largest integer of an update; the smallest is one further from 0. */
export function largestOf({ bits }: Pick<RoundPlan, "bits">): number {
  return 2 ** (bits - 1) - 1;
}

/** A time of a plan in seconds since 1970. */
export function secondsOf(moment: string): number {
  return Date.parse(moment) / 1000;
}

function readPlan(fields: Fields): RoundPlan {
  const count = (max: number): Range => ({ min: 1, max });
  if (fields.has("part") && fields.text("part") !== "b")
    throw new BundleError(`${fields.where}: part must be "b". Reload the page to get its newest version.`);
  const bits = fields.has("bits") ? fields.integer("bits", { min: 16, max: 32 }) : 16;
  if (bits !== 16 && bits !== 32) throw new BundleError(`${fields.where}: bits must be 16 or 32, found ${bits}`);
  return {
    round: fields.matching("round", ROUND),
    name: fields.text("name", count(100)),
    target: fields.matching("target", PLAIN_NAME),
    base: fields.matching("base", DIGEST),
    adapterSha256: fields.matching("adapter_sha256", DIGEST),
    rank: fields.integer("rank", count(64)),
    dim: fields.integer("dim", count(1024)),
    steps: fields.integer("steps", count(10_000)),
    batch: fields.integer("batch", count(1024)),
    learningRate: positive(fields, "learning_rate", 1),
    minEvents: fields.integer("min_events", { min: 2, max: 1_000_000 }),
    clip: positive(fields, "clip", 1e6),
    sigma: fields.number("sigma", { min: 0, max: 1e6 }),
    scale: fields.integer("scale", count(2 ** 40)),
    bits,
    participations: fields.integer("participations", count(10_000)),
    periodDays: fields.integer("period_days", count(3650)),
    minUpdates: fields.integer("min_updates", count(1_000_000)),
    maxUpdates: fields.integer("max_updates", count(1_000_000)),
    maxStaleness: fields.has("max_staleness") ? fields.integer("max_staleness", { min: 0, max: 1000 }) : 0,
    opens: moment(fields, "opens"),
    deadline: moment(fields, "deadline"),
    retryAfterSeconds: fields.integer("retry_after_s", count(30 * 86_400)),
    delta: fields.has("delta") ? positive(fields, "delta", 0.01) : 1e-6,
    operators: fields.texts("operators", { min: 1, max: 2, each: ADDRESS }),
  };
}

function positive(fields: Fields, name: string, max: number): number {
  const value = fields.number(name, { above: 0 });
  if (value > max) throw new BundleError(`${fields.where}: ${name} must be at most ${max}, found ${value}`);
  return value;
}

function moment(fields: Fields, name: string): string {
  const text = fields.matching(name, MOMENT);
  const seconds = secondsOf(text);
  // A browser may read the 30th of February as the 2nd of March.
  if (Number.isNaN(seconds) || new Date(1000 * seconds).toISOString() !== text.replace("Z", ".000Z"))
    throw new BundleError(`${fields.where}: ${name} must be a time, found ${text}`);
  return text;
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text) || /[?#\\]/.test(text)) return false;
  const { username, password, port } = new URL(text);
  return username === "" && password === "" && port !== "0";
}

/** Check what no field shows alone; most of all that the noise is private as integers, and that these do not overflow. */
function checkPlan(plan: RoundPlan, path: string): void {
  const { clip, sigma, scale, bits, minUpdates, maxUpdates, operators } = plan;
  const noise = sigma * scale;
  const needed = scale * reachOf(plan);
  const problems: readonly [boolean, string][] = [
    [minUpdates > maxUpdates, `min_updates ${minUpdates} is above max_updates ${maxUpdates}`],
    [new Set(operators).size !== operators.length, "one operator is named twice"],
    [!operators.every(isAddress), `${operators.join(" and ")} is no address, without a user, a query or a fragment`],
    [operators.length > 1 && plan.maxStaleness > 0, "two operators and late updates, which both would not weigh alike"],
    [secondsOf(plan.opens) >= secondsOf(plan.deadline), `the deadline ${plan.deadline} is not after ${plan.opens}`],
    [bodyBytes(plan) > MAX_UPDATE_BYTES, `an update has ${bodyBytes(plan)} bytes, at most ${MAX_UPDATE_BYTES}`],
    [!Number.isInteger(Math.log2(scale)), `the scale ${scale} is no power of two`],
    [noise > 0 && noise < MIN_NOISE, `noise of ${noise} integers, at least ${MIN_NOISE} are private`],
    [
      needed > largestOf(plan),
      `values reach ${Math.round(needed)} integers with clip ${clip}, too many for ${bits} bits`,
    ],
  ];
  const problem = problems.find(([isFound]) => isFound);
  if (problem !== undefined) throw new BundleError(`${path}: ${problem[1]}`);
}

/** What no value of an update exceeds, but with a negligible probability (Canonne, Kamath and Steinke, Proposition 25). */
function reachOf(plan: RoundPlan): number {
  return plan.clip + Math.sqrt(2 * (SATURATION_BITS * Math.LN2 + Math.log(2 * sizeOf(plan)))) * plan.sigma;
}
