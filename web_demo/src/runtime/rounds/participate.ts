/**
 * A browser's part in a round: whether it takes part, the upload that it prepares, and how it is sent once. Twin of
 * `edge_runtime/rounds/participate.py`. Nothing is sent that is not noted before.
 */

import type { Bytes } from "../bytes";
import { sha256 } from "../digest";
import { FetchError, messageOf } from "../errors";
import { epsilonOf, lossOf, type PrivacyStatement, privacyStatement } from "./accountant";
import { bodyOf, type Entry, type Outcome, participations, type RoundLedger, since } from "./ledger";
import { type RoundPlan, secondsOf } from "./plan";
import { contribution } from "./update";

const DAY_S = 86_400;
/** By what an epsilon may exceed the limit: a plan for exactly the limit does so by a rounding error. */
const ROUNDING = 1 + 1e-9;
/** The final answers of a server; after any other the same bytes are sent again later. */
const ANSWERS: ReadonlyMap<number, Outcome> = new Map([
  [202, "counted"],
  [200, "counted before"],
  [404, "closed"],
  [409, "closed"],
  [410, "too late"],
  [413, "refused"],
  [422, "refused"],
]);

/** Why a browser does not take part; `special` is what only a message describes. */
export type RoundProblemKind =
  | "no round"
  | "done"
  | "few events"
  | "too often"
  | "limit"
  | "over"
  | "early"
  | "deleted"
  | "not kept"
  | "unanswered"
  | "special";

/** This browser does not take part; the message says why. */
export class RoundError extends Error {
  override name = "RoundError";

  /** @param values the figures of the message. */
  constructor(
    message: string,
    readonly kind: RoundProblemKind = "special",
    readonly values: Readonly<Record<string, number>> = {},
  ) {
    super(message);
  }
}

/** What a plan is compared with. */
export interface Device {
  /** Of the bundle in use. */
  readonly name: string;
  /** SHA-256 of its manifest. */
  readonly base: string;
  readonly adapterSha256: string;
  readonly nEvents: number;
}

/** What this browser reveals to operators at most in `days`, whatever plans say. */
export interface Limit {
  readonly epsilon: number;
  readonly delta: number;
  readonly days: number;
}

export const DEFAULT_LIMIT: Limit = { epsilon: 8, delta: 1e-6, days: 365 };

/** What this browser is about to do, for its user to read. */
export interface Intent {
  readonly plan: RoundPlan;
  readonly device: Device;
  readonly statement: PrivacyStatement;
  /** Participations in the period of the limit. */
  readonly before: number;
  /** What all of them and this one reveal to the operator. */
  readonly epsilon: number;
  readonly limit: Limit;
  /** Participations that were noted when the limit was checked. */
  readonly nNoted: number;
}

/** An attempt to send an upload; `prepared` if the same bytes are sent again later, with the problem. */
export interface Sending {
  readonly entry: Entry;
  readonly outcome: Outcome;
  readonly problem: string | null;
}

/** By how much training changes the first rows of B, row by row. */
export type Train = (plan: RoundPlan) => Promise<Float64Array>;
/** Sends bytes to an operator's address and a path below it; the status of the answer. Throws FetchError without one. */
export type Send = (operator: string, path: string, body: Bytes) => Promise<number>;

/**
 * What taking part would mean.
 *
 * @param now seconds since 1970.
 * @throws RoundError this browser does not take part; the message says why.
 */
export function intended(
  plan: RoundPlan,
  device: Device,
  entries: readonly Entry[],
  now: number,
  limit: Limit = DEFAULT_LIMIT,
): Intent {
  // First: a browser that took the release which came of the round fits it no longer.
  const noted = entries.find(({ round }) => round === plan.round);
  if (noted !== undefined && noted.outcome !== "training")
    throw new RoundError(`this browser has taken part in the round ${plan.round} already.`, "done");
  checkFit(plan, device, now);
  const recent = since(entries, now - plan.periodDays * DAY_S).length;
  if (recent >= plan.participations)
    throw new RoundError(
      `this browser has taken part ${recent} times in ${plan.periodDays} days, and the plan permits ${plan.participations}.`,
      "too often",
      { n: recent, days: plan.periodDays },
    );
  const earlier = since(entries, now - limit.days * DAY_S);
  const loss = earlier.reduce((sum, entry) => sum + entry.loss, 0) + lossOf(plan);
  const epsilon = epsilonOf(limit.delta, Math.sqrt(loss));
  if (!(epsilon <= limit.epsilon * ROUNDING))
    throw new RoundError(
      `taking part would reveal epsilon ${epsilon.toPrecision(3)} to the operator, with all rounds of ${limit.days} days; ` +
        `the limit here is ${limit.epsilon}.`,
      "limit",
      { epsilon: Number(epsilon.toPrecision(3)), days: limit.days, limit: limit.epsilon },
    );
  const statement = privacyStatement(plan);
  return { plan, device, statement, before: earlier.length, epsilon, limit, nNoted: participations(entries).length };
}

/**
 * Train, and note the upload.
 *
 * @throws RoundError the user had the data deleted meanwhile, or another tab took part in another round.
 * @throws StorageError the upload could not be noted; nothing may be sent.
 */
export async function prepared(intent: Intent, train: Train, ledger: RoundLedger, now: number): Promise<Entry> {
  const { plan } = intent;
  const begun: Entry = {
    round: plan.round,
    time: Math.trunc(now),
    loss: lossOf(plan),
    operator: plan.operators[0] ?? "",
    deadline: secondsOf(plan.deadline),
    retryAfterSeconds: plan.retryAfterSeconds,
    digest: "",
    body: null,
    retryAt: 0,
    outcome: "training",
  };
  await ledger.begin(begun);
  const body = contribution(await train(plan), plan);
  const entry = await ledger.prepare(begun, intent.nNoted, await sha256(body), body);
  if (entry === null) throw new RoundError("the data was deleted during the training. Nothing was sent.", "deleted");
  if (entry.outcome === "training")
    throw new RoundError("this browser took part in another round during the training. Nothing was sent; try again.");
  return entry;
}

/**
 * Send all uploads that have no final answer and are due; what became of them. What was deleted, or answered to another tab,
 * after this one has begun is not sent.
 */
export async function sendPending(ledger: RoundLedger, send: Send, now: number): Promise<readonly Sending[]> {
  const pending = (await ledger.entries()).filter(({ body }) => body !== null);
  const sendings: Sending[] = [];
  for (const entry of pending) {
    const sending = await sent(entry, ledger, send, now);
    if (sending !== null) sendings.push(sending);
  }
  return sendings;
}

async function sent(entry: Entry, ledger: RoundLedger, send: Send, now: number): Promise<Sending | null> {
  const later = (problem: string): Sending => ({ entry, outcome: "prepared", problem });
  if (now >= entry.deadline) {
    await ledger.settle(entry, "missed");
    return { entry, outcome: "missed", problem: "the round closed before the server answered" };
  }
  // A later one is of a clock that was set back since.
  if (now < entry.retryAt && entry.retryAt <= now + entry.retryAfterSeconds)
    return later("the server is tried again later");
  // Before: a page that is closed must not try without end.
  if (!(await ledger.postpone(entry, now + entry.retryAfterSeconds))) return null;
  let status: number;
  try {
    status = await send(entry.operator, `/v1/rounds/${entry.round}/updates`, bodyOf(entry));
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    return later(messageOf(error));
  }
  const outcome = ANSWERS.get(status);
  if (outcome === undefined) return later(`the server answered with status ${status}`);
  await ledger.settle(entry, outcome);
  return { entry: { ...entry, outcome }, outcome, problem: null };
}

function checkFit(plan: RoundPlan, device: Device, now: number): void {
  if (now >= secondsOf(plan.deadline))
    throw new RoundError(`the round ${plan.round} is over: it was open until ${plan.deadline}.`, "over");
  if (now < secondsOf(plan.opens))
    throw new RoundError(`the round ${plan.round} is not open yet: it opens at ${plan.opens}.`, "early");
  if (plan.name !== device.name || plan.base !== device.base || plan.adapterSha256 !== device.adapterSha256)
    throw new RoundError(`the round ${plan.round} trains the adapter of another release than the one in use here.`);
  if (device.nEvents < plan.minEvents)
    throw new RoundError(`there are ${device.nEvents} choices, and the plan needs ${plan.minEvents}.`, "few events", {
      n: device.nEvents,
      needed: plan.minEvents,
    });
  if (plan.operators.length !== 1)
    throw new RoundError("the plan splits updates between two servers, which this page cannot do yet.");
}
