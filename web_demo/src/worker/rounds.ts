/** Takes part in rounds: only after the user has switched it on, and sends nothing but on the user's click. */

import type { LearningSettings } from "../runtime/bundleJson";
import type { Bytes } from "../runtime/bytes";
import { DISLIKE } from "../runtime/constants";
import { sha256 } from "../runtime/digest";
import { BundleError, FetchError, messageOf, StorageError, UpdateRefusedError } from "../runtime/errors";
import type { History } from "../runtime/events";
import type { StorageProblem } from "../runtime/indexedDbHistory";
import { MAX_EXAMPLES, roundExamples, trainedChange } from "../runtime/learning/roundTraining";
import type { Learnable } from "../runtime/recommender";
import { bodyOf, type Entry, RoundLedger } from "../runtime/rounds/ledger";
import { type Device, type Intent, intended, prepared, RoundError, sendPending } from "../runtime/rounds/participate";
import { bodyBytes, parsePlan, type RoundPlan, roundPath, secondsOf, sizeOf } from "../runtime/rounds/plan";
import type { RoundProblem, RoundReceipt, RoundsAction, RoundsView, RoundTerms } from "./protocol";

const SWITCH = "rounds_switch";
const ON = "on";
const UPLOAD_MS = 60_000;

/** What taking part needs of the session. */
export interface RoundsHost {
  readonly history: Pick<History, "all" | "setting" | "set" | "swap">;
  /** Why the history is kept only until the tab is closed; null if it is kept. */
  readonly storageError: StorageProblem | null;
  readonly release: Learnable;
  readonly settings: LearningSettings;
  /** The manifest of the release. */
  readonly manifest: Bytes;
  /** Origin of the page's server, the only one that this page sends to. */
  readonly origin: string;
  /** A signed document, and the time; null if nothing is signed at this path. */
  signed(path: string): Promise<{ readonly bytes: Bytes | null; readonly now: number }>;
  /** Do some work after pending lists. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

/** Do what the user asks for; what to show then. */
export async function rounds(host: RoundsHost, action: RoundsAction): Promise<RoundsView> {
  const part = new Part(host);
  if (action === "on" || action === "off") await host.history.set(SWITCH, action === "on" ? ON : null);
  if ((await host.history.setting(SWITCH)) !== ON) return part.view(null, null);
  try {
    if (action === "send") await part.send();
    if (await part.isPending()) return await part.view(null, null);
    const intent = await part.intent();
    if (action === "prepare") await part.prepare(intent);
    return await part.view(termsOf(intent), null);
  } catch (error) {
    if (!isToTell(error)) throw error;
    return part.view(null, problemOf(error));
  }
}

class Part {
  private readonly ledger: RoundLedger;

  constructor(private readonly host: RoundsHost) {
    this.ledger = new RoundLedger(host.history);
  }

  async view(terms: RoundTerms | null, problem: RoundProblem | null): Promise<RoundsView> {
    const isOn = (await this.host.history.setting(SWITCH)) === ON;
    const entries = await this.ledger.entries();
    const pending = entries.find(({ body }) => body !== null);
    const upload = isOn && pending !== undefined ? hexOf(bodyOf(pending)) : null;
    return {
      isOn,
      terms,
      problem,
      upload,
      receipts: entries.map(receiptOf).reverse(),
    };
  }

  async isPending(): Promise<boolean> {
    return (await this.ledger.entries()).some(({ body }) => body !== null);
  }

  /** @throws RoundError this browser does not take part now; the message says why. */
  async intent(): Promise<Intent> {
    const { manifest } = this.host.release;
    const { bytes, now } = await this.host.signed(roundPath(manifest.target));
    if (bytes === null) throw new RoundError("no round is open for this release.", "no round");
    const plan = parsePlan(bytes, manifest.target);
    const found = intended(plan, await this.device(), await this.ledger.entries(), now);
    this.checkOperator(plan.operators[0] ?? "");
    return found;
  }

  async prepare(intent: Intent): Promise<void> {
    this.checkKept();
    await prepared(intent, (plan) => this.train(plan), this.ledger, Date.now() / 1000);
  }

  /** @throws RoundError there is no final answer yet. */
  async send(): Promise<void> {
    this.checkKept();
    const sendings = await sendPending(this.ledger, (...upload) => this.post(...upload), Date.now() / 1000);
    const problem = sendings.find(({ outcome }) => outcome === "prepared")?.problem;
    if (problem)
      throw new RoundError(`There is no answer yet: ${problem}. The same bytes can be sent again.`, "unanswered");
  }

  /** @throws RoundError the account of rounds would end with the tab, and the browser could take part again and again. */
  private checkKept(): void {
    if (this.host.storageError === null) return;
    throw new RoundError("this browser could not remember that it took part, so it does not.", "not kept");
  }

  private async device(): Promise<Device> {
    const { release, manifest, history } = this.host;
    return {
      name: release.manifest.name,
      base: await sha256(manifest),
      adapterSha256: release.manifest.files.find(({ role }) => role === "adapter")?.sha256 ?? "",
      nEvents: (await history.all()).length,
    };
  }

  private async train(plan: RoundPlan): Promise<Float64Array> {
    const { history, release, settings, inTurn } = this.host;
    const { small, manifest, items, engines } = release;
    const { adapterRank, dim, maxLength } = manifest.encoder;
    if (adapterRank < plan.rank || dim !== plan.dim)
      throw new RoundError(
        `the plan trains ${plan.rank} rows of ${plan.dim} numbers, but the adapter in use has ${adapterRank} of ${dim}.`,
      );
    const chosen = (await history.all()).filter(({ event }) => event !== DISLIKE).map(({ itemId }) => itemId);
    const sequence = items.rowsOf(chosen).slice(-(maxLength + MAX_EXAMPLES));
    const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
    const examples = await roundExamples(release, settings, sequence, seed, (vectors, matrices) =>
      inTurn(async () => {
        if (engines.current === null) throw new RoundError("no engine of the model works in this browser.");
        return engines.current.encode(vectors, matrices);
      }),
    );
    return trainedChange(examples, settings, plan, small, seed, () => new Promise((resolve) => setTimeout(resolve)));
  }

  private async post(operator: string, path: string, body: Bytes): Promise<number> {
    this.checkOperator(operator);
    const options: RequestInit = {
      method: "POST",
      body,
      headers: { "content-type": "application/octet-stream" },
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      signal: AbortSignal.timeout(UPLOAD_MS),
    };
    try {
      return (await fetch(`${operator.replace(/\/$/, "")}${path}`, options)).status;
    } catch (error) {
      throw new FetchError(`the server cannot be reached (${messageOf(error)})`);
    }
  }

  private checkOperator(operator: string): void {
    if (new URL(operator).origin === this.host.origin) return;
    throw new RoundError(
      `the round collects at ${operator}, and this page sends to its own server only; another one is not possible yet.`,
    );
  }
}

function isToTell(error: unknown): boolean {
  return [RoundError, FetchError, BundleError, UpdateRefusedError, StorageError, RangeError].some(
    (kind) => error instanceof kind,
  );
}

function problemOf(error: unknown): RoundProblem {
  const { kind, values } = error instanceof RoundError ? error : new RoundError("");
  return { kind, values, why: kind === "special" || kind === "unanswered" ? messageOf(error) : "" };
}

function termsOf({ plan, device, statement, before, epsilon, limit }: Intent): RoundTerms {
  const { name, steps, clip, sigma, operators } = plan;
  const sent = { numbers: sizeOf(plan), bytes: bodyBytes(plan), operator: operators[0] ?? "" };
  const deadline = secondsOf(plan.deadline);
  return {
    name,
    steps,
    clip,
    sigma,
    deadline,
    ...sent,
    nEvents: device.nEvents,
    learns: statement,
    before,
    epsilon,
    limit,
  };
}

function receiptOf({ round, time, operator, outcome, digest }: Entry): RoundReceipt {
  return { round, time, operator, outcome, digest };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
