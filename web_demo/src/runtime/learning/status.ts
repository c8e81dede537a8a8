/** What learning on this device has come to, in figures and in words. As `edge_runtime/learning/status.py`. */

import { LEARNING_MIN_EVENTS } from "../constants";
import type { Decision } from "./decision";

export type LearningState = "off" | "few events" | "no engine" | "ready" | "learning" | "helps" | "does not help";

export interface LearningStatus {
  /** `learning` and `ready` tell of the session that is due, also if an earlier adapter is in use. */
  readonly state: LearningState;
  /** Whether an adapter changes the lists now. */
  readonly used: boolean;
  /** Known interactions that count, at most `LEARNING_MIN_EVENTS`. */
  readonly nEvents: number;
  /** Updates of the session that are done, and all of them. */
  readonly nUpdates: number;
  readonly nAllUpdates: number;
  /** How the adapter that was trained last did on the events that it was tried on; null without one. */
  readonly decision: Decision | null;
}

/** Whether the adapter is used and by how much it helped, or why it is not. */
export function sentenceOf({ state, used, nEvents, nUpdates, nAllUpdates, decision }: LearningStatus): string {
  const last = decision === null ? "" : `${used ? "It is in use" : "It is not in use"}: ${resultOf(decision)}. `;
  switch (state) {
    case "off":
      return "It is switched off: the list is made by the common model alone.";
    case "no engine":
      return "It is not in use: no engine of the model works in this browser.";
    case "few events":
      return `Training begins with ${LEARNING_MIN_EVENTS} choices; there are ${nEvents} so far.`;
    case "ready":
      return `${last}Training begins when nothing else is going on.`;
    case "learning":
      return `${last}It is being trained: ${nUpdates} of ${nAllUpdates} steps are done.`;
    default:
      return last.trim();
  }
}

/** How the adapter did on the newest events, which it was not trained on. */
function resultOf({ nTried, gain, helps }: Decision): string {
  const tried = `tried on your ${nTried} newest choices, which it had not seen, it`;
  if (helps) return `${tried} found them ${gainText(Math.exp(gain))} the common model alone`;
  if (gain <= 0) return `${tried} did not find them more likely than the common model alone`;
  return `${tried} found them hardly more likely than the common model alone, which may be chance`;
}

function gainText(times: number): string {
  if (times >= 2) return `${times.toFixed(1)} times as likely as`;
  const percent = Math.round(100 * (times - 1));
  return `${percent < 1 ? "slightly" : `${percent} %`} more likely than`;
}
