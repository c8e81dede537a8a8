/** What learning on this device has come to, in sentences. As `edge_runtime/learning/status.py`. */

import { LEARNING_MIN_EVENTS } from "../runtime/constants";
import type { Decision } from "../runtime/learning/decision";
import type { LearningStatus } from "../runtime/learning/status";
import { fill, number, parts, plural, spaced } from "./partTexts";

/** Whether the adapter is used and by how much it helped, or why it is not. */
export function learningText({ state, used, nEvents, nUpdates, nAllUpdates, decision }: LearningStatus): string {
  const texts = parts.learning;
  const last = decision === null ? "" : `${spaced(used ? texts.used : texts.unused)}${resultOf(decision)}`;
  switch (state) {
    case "off":
      return texts.off;
    case "no engine":
      return texts.noEngine;
    case "few events":
      return plural(texts.few, nEvents, { min: LEARNING_MIN_EVENTS });
    case "ready":
      return `${spaced(last)}${texts.ready}`;
    case "learning":
      return `${spaced(last)}${fill(texts.training, { n: nUpdates, all: nAllUpdates })}`;
    default:
      return last;
  }
}

/** How the adapter did on the newest events, which it was not trained on. */
function resultOf({ nTried, gain, helps }: Decision): string {
  const { tried, hardly, notMore } = parts.learning;
  return plural(tried, nTried, { result: helps ? gainText(Math.exp(gain)) : gain > 0 ? hardly : notMore });
}

function gainText(times: number): string {
  const texts = parts.learning;
  if (times >= 2) return fill(texts.times, { times: number(times, { maximumFractionDigits: 1 }) });
  const percent = Math.round(100 * (times - 1));
  return percent < 1 ? texts.slightly : fill(texts.percent, { percent });
}
