/** The scores that lists are made of: those of an engine's state, and those of transitions if the bundle has them. */

import type { ProductCodes } from "./codes";
import type { TransitionScores } from "./transitionScores";

export class Scorer {
  constructor(
    readonly codes: ProductCodes,
    readonly transitions: TransitionScores | null,
  ) {}

  /** The score of every item, in row order. */
  scores(state: Float32Array, sequence: readonly number[]): Float32Array<ArrayBuffer> {
    const scores = this.codes.scores(state);
    if (this.transitions === null) return scores;
    const added = this.transitions.scores(sequence);
    for (let row = 0; row < scores.length; row++) scores[row] = (scores[row] ?? 0) + (added[row] ?? 0);
    return scores;
  }
}
