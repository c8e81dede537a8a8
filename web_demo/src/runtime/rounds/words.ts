/** What this browser sends in a round, in sentences: before, for its user to decide, and after. As `rounds/words.py`. */

import type { Entry, Outcome } from "./ledger";
import type { Intent } from "./participate";
import { bodyBytes, sizeOf } from "./plan";

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  training: "nothing was sent: the training did not end",
  prepared: "not sent yet",
  counted: "sent and counted",
  "counted before": "sent again; it had been counted before",
  closed: "sent, but the round was closed",
  "too late": "sent, but its adapter was too old",
  refused: "sent, but the server refused it",
  missed: "not sent in time",
};

/** What taking part means, a sentence or two in each text. */
export function before({ plan, device, statement, before: nBefore, epsilon, limit }: Intent): readonly string[] {
  const size = sizeOf(plan).toLocaleString("en");
  const noise =
    plan.sigma > 0
      ? `adds random noise to each of its ${size} numbers (standard deviation ${short(plan.sigma)})`
      : "adds NO noise";
  return [
    `This round of “${plan.name}” is open until ${plan.deadline}.`,
    `This browser trains a copy of the adapter on your ${device.nEvents} choices, in ${plan.steps} steps. It scales the ` +
      `change to a length of at most ${short(plan.clip)}, and ${noise}.`,
    `It sends ${bodyBytes(plan).toLocaleString("en")} bytes once to ${plan.operators[0]}: these numbers, a random token ` +
      "of 16 bytes that is used once, and which adapter was trained. No item, no choice and no identifier; but the server " +
      "sees the address of this device, as with every request.",
    Number.isFinite(statement.operator)
      ? `Whoever reads the upload learns at most ${epsilonText(statement.operator)} about your history in ` +
        `${times(statement.participations)} within ${statement.periodDays} days, whoever reads published adapters at ` +
        `most ${epsilonText(statement.readers)} (delta ${statement.delta}).`
      : "As there is no noise, whoever reads the upload may learn everything about your history.",
    `Own account: ${times(nBefore)} in the last ${limit.days} days, with this one ${epsilonText(epsilon)}; the limit is ` +
      `${limit.epsilon}.`,
  ];
}

/** The receipt of a round. */
export function receipt(entry: Entry): string {
  const when = new Date(1000 * entry.time).toISOString().slice(0, 16).replace("T", " ");
  const digest = entry.digest === "" ? "" : ` (sha256 ${entry.digest})`;
  return `Round ${entry.round}, ${when} UTC, for ${entry.operator}: ${OUTCOMES[entry.outcome]}${digest}.`;
}

function epsilonText(value: number): string {
  return Number.isFinite(value) ? `epsilon ${short(value)}` : "epsilon without bound";
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function times(count: number): string {
  return count === 1 ? "1 round" : `${count} rounds`;
}
