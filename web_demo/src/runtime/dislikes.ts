/** Lowers the scores of items that resemble disliked ones. The same as `edge_runtime/dislikes.py`. */

import { bestRows } from "./codes";
import { DISLIKE, DISLIKE_STRENGTH, N_DISLIKE_EVENTS, N_DISLIKES } from "./constants";
import type { Cosines } from "./cosines";
import type { HistoryEvent } from "./events";

const DEPTH = 100;
const FAR = 1 / 3;

/** The ids of the latest disliked items, newest first, without those that have a later event of another kind. */
export function newestDislikes(events: readonly Pick<HistoryEvent, "itemId" | "event">[]): string[] {
  const newest = new Map<string, string>();
  for (const { itemId, event } of events.slice(-N_DISLIKE_EVENTS).reverse()) {
    if (!newest.has(itemId)) newest.set(itemId, event);
  }
  return [...newest].filter(([, event]) => event === DISLIKE).map(([itemId]) => itemId);
}

/** Lowers scores by dislikes. */
export class DislikePenalty {
  constructor(private readonly cosines: Cosines) {}

  /**
   * The scores, lowered by dislikes; `scores` itself if there are none.
   *
   * @param disliked rows, the newest first.
   */
  apply(scores: Float32Array, disliked: readonly number[]): Float32Array {
    if (disliked.length === 0) return scores;
    const best = bestRows(scores, DEPTH, new Set());
    const spread = Math.fround((scores[best[0] ?? 0] ?? 0) - (scores[best.at(-1) ?? 0] ?? 0));
    const penalty = Math.fround(DISLIKE_STRENGTH * spread);
    const most = new Float32Array(scores.length);
    for (const [age, row] of disliked.slice(0, N_DISLIKES).entries()) {
      const weight = 1 - age / N_DISLIKES;
      for (const [other, resemblance] of resemblanceOf(this.cosines.of(row)).entries()) {
        most[other] = Math.max(most[other] ?? 0, weight * resemblance);
      }
    }
    return scores.map((score, row) => score - Math.fround(penalty * (most[row] ?? 0)));
  }
}

/** The similarity that counts, of every item, from 0 to 1. */
export function resemblanceOf(cosines: Float32Array): Float32Array {
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const far = mean + (1 - mean) * FAR;
  // All items have the same direction.
  if (far >= 1) return new Float32Array(cosines.length);
  const [from, width] = [Math.fround(far), Math.fround(1 - far)];
  return cosines.map((value) => Math.min(1, Math.max(0, Math.fround(value - from) / width)));
}
