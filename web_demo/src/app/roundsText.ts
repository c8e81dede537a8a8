/**
 * What this browser sends in a round, in sentences: before, for its user to decide, and after. As
 * `edge_runtime/rounds/words.py`.
 */

import type { RoundProblem, RoundReceipt, RoundTerms } from "../worker/protocol";
import { fill, minute, number, parts, plural, spaced } from "./partTexts";

/** What taking part means, a sentence or two in each text. */
export function termsText(terms: RoundTerms): readonly string[] {
  const texts = parts.rounds;
  const { name, deadline, nEvents, steps, clip, sigma, numbers, bytes, operator, learns, before, epsilon, limit } =
    terms;
  const noise = sigma > 0 ? fill(texts.noise, { numbers, sigma: short(sigma) }) : texts.noNoise;
  return [
    fill(texts.open, { name, time: minute(deadline) }),
    `${spaced(fill(texts.trains, { events: nEvents, steps, clip: short(clip) }))}${noise}`,
    fill(texts.sends, { bytes, operator }),
    Number.isFinite(learns.operator)
      ? fill(texts.learns, {
          operator: epsilonText(learns.operator),
          times: plural(texts.times, learns.participations),
          days: learns.periodDays,
          readers: epsilonText(learns.readers),
          delta: short(learns.delta),
        })
      : texts.learnsAll,
    fill(texts.account, {
      times: plural(texts.times, before),
      days: limit.days,
      epsilon: epsilonText(epsilon),
      limit: limit.epsilon,
    }),
  ];
}

/** The receipt of a round. */
export function receiptText({ round, time, operator, outcome, digest }: RoundReceipt): string {
  const { receipt, receiptDigest, outcomes } = parts.rounds;
  const values = { round, time: minute(time), operator, outcome: outcomes[outcome], digest };
  return fill(digest === "" ? receipt : receiptDigest, values);
}

/** Why this browser does not take part now, or what went wrong. */
export function problemText({ kind, values }: RoundProblem): string {
  return fill(parts.rounds.problems[kind], values);
}

function epsilonText(value: number): string {
  return Number.isFinite(value) ? fill(parts.rounds.epsilon, { value: short(value) }) : parts.rounds.noBound;
}

function short(value: number): string {
  return number(value, { maximumSignificantDigits: 3 });
}
