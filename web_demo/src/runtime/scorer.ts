/** The scores that lists are made of: those of an engine's state, and those of transitions if the bundle has them. */

import { loadArrays } from "./arrays";
import type { Bundle } from "./bundle";
import type { Catalogue, TransitionSettings } from "./bundleJson";
import { ProductCodes } from "./codes";
import { TRANSITIONS } from "./constants";
import { TransitionScores } from "./transitionScores";
import { Transitions } from "./transitions";

export class Scorer {
  constructor(
    readonly codes: ProductCodes,
    readonly transitions: TransitionScores | null,
  ) {}

  /**
   * Read the codes and the transitions of a bundle.
   *
   * @throws BundleError a file violates the format.
   */
  static async open(bundle: Bundle): Promise<Scorer> {
    const { catalogue, transitions: settings } = bundle.manifest;
    const codes = readCodes(bundle, "codes", catalogue);
    if (settings === null) return new Scorer(await codes, null);
    const { vectors } = settings;
    const [ofItems, table, compared] = await Promise.all([
      codes,
      readTable(bundle, settings),
      vectors === null ? codes : readCodes(bundle, "similarity", vectors),
    ]);
    return new Scorer(ofItems, new TransitionScores(settings, table, compared));
  }

  /** The score of every item, in row order; those of transitions are multiplied with `factor`. */
  scores(state: Float32Array, sequence: readonly number[], factor: number = 1): Float32Array<ArrayBuffer> {
    const scores = this.codes.scores(state);
    if (this.transitions === null) return scores;
    const added = this.transitions.scores(sequence);
    const share = Math.fround(factor);
    for (let row = 0; row < scores.length; row++)
      scores[row] = (scores[row] ?? 0) + Math.fround(share * (added[row] ?? 0));
    return scores;
  }
}

async function readCodes(bundle: Bundle, role: string, sizes: Catalogue): Promise<ProductCodes> {
  const { data, name } = await bundle.role(role);
  return ProductCodes.read(loadArrays(data, name), sizes, name);
}

async function readTable(bundle: Bundle, settings: TransitionSettings): Promise<Transitions> {
  const { data, name } = await bundle.role(TRANSITIONS);
  return Transitions.read(loadArrays(data, name), settings, bundle.manifest.catalogue.nItems);
}
