/** What learning on this device has come to, as `edge_runtime/learning/status.py`; the page has its own words for it. */

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
