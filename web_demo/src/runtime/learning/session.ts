/**
 * One session of learning, in small pieces of work: encode the examples, train, and try the result. The same as
 * `edge_runtime/learning/session.py`. A session that is resumed has the same result as one that was never stopped.
 */

import type { LearningSettings } from "../bundleJson";
import { LEARNING_SEED } from "../constants";
import { sha256 } from "../digest";
import type { Adapted, SmallMatrices } from "../encoder";
import type { Learnable } from "../recommender";
import type { AdamWState } from "./adamw";
import { type Trial, trialOf } from "./decision";
import { matrix } from "./exact";
import { candidateRows, offsetsOf, ownOf, type Split, targetsOf } from "./examples";
import { adaptedOf, batchesOf, type Training, update } from "./training";

/** What a piece of work did, or that today's steps are used up. */
export type Work = "work" | "paused";

export interface SessionParts {
  readonly release: Pick<Learnable, "manifest" | "scorer" | "retired">;
  readonly settings: LearningSettings;
  /** Prompts and adapter, as states are to be computed. */
  readonly small: SmallMatrices;
  readonly split: Split;
  encode(vectors: Float32Array<ArrayBuffer>, small: SmallMatrices): Promise<Float32Array>;
  /** Whether so many steps may be made now. */
  permits(nSteps: number): boolean;
  /** Keeps the state after an update, which took so many steps; resolves to whether it could. */
  save(optimizer: AdamWState, nSteps: number): Promise<boolean>;
}

export class LearningSession {
  /** Whether what was learned has been erased meanwhile. */
  isLost = false;
  /** Of the held-out events, once the training has ended. */
  readonly trials: Trial[] = [];
  private readonly states = new Map<number, Float32Array>();
  private readonly withoutB: SmallMatrices;

  /** @param optimizer the state after the last update that was made. */
  constructor(
    private readonly parts: SessionParts,
    public optimizer: AdamWState,
  ) {
    const { small } = parts;
    this.withoutB = { ...small, adapterB: new Float32Array(small.adapterB.length) };
  }

  /** Do the session piece by piece; afterwards it is finished, or `isLost`. Throws whatever `encode` throws. */
  async *work(): AsyncGenerator<Work> {
    const { settings, split, small } = this.parts;
    if (this.optimizer.nSteps < settings.updates) yield* this.train();
    if (this.isLost) return;
    const adapted = adaptedOf(this.optimizer, small.adapterB);
    const shared = { adapterB: small.adapterB, factor: 1 };
    for (let index = split.heldOut; index < split.rows.length; index++) {
      await this.state(index);
      yield "work";
      const without = await this.scores(index, shared);
      yield "work";
      const withAdapter = await this.scores(index, adapted);
      const before = new Set([...split.rows.slice(0, index), ...this.parts.release.retired]);
      this.trials.push(trialOf(without, withAdapter, split.rows[index] ?? 0, before, settings.temperature));
      yield "work";
    }
  }

  private async *train(): AsyncGenerator<Work> {
    const { release, settings, split } = this.parts;
    const { nItems } = release.manifest.catalogue;
    const candidates = candidateRows(split, nItems, settings.candidates, LEARNING_SEED);
    const following = new Float32Array((split.heldOut - split.first) * candidates.length);
    for (let index = split.first; index < split.heldOut; index++) {
      await this.state(index);
      yield "work";
      following.set(this.following(index, candidates), (index - split.first) * candidates.length);
      if (release.scorer.transitions !== null) yield "work";
    }
    const training = await this.training(candidates, following);
    while (this.optimizer.nSteps < settings.updates && !this.isLost) {
      if (!this.parts.permits(training.batches.length)) {
        yield "paused";
        continue;
      }
      for (const state of update(training, this.optimizer)) {
        if (state !== null) {
          this.optimizer = state;
          this.isLost = !(await this.parts.save(state, training.batches.length));
        }
        yield "work";
      }
    }
  }

  private async training(candidates: readonly number[], following: Float32Array): Promise<Training> {
    const { release, settings, small, split } = this.parts;
    const { dim, adapterRank } = release.manifest.encoder;
    const targets = targetsOf(split);
    const states = new Float32Array(targets.length * dim);
    for (let i = 0; i < targets.length; i++) states.set(await this.state(split.first + i), i * dim);
    const placeOf = new Map(candidates.map((row, place) => [row, place]));
    const batches = batchesOf(
      states,
      release.scorer.codes.decode(candidates),
      following,
      offsetsOf(targets, candidates, new Set([...ownOf(split), ...release.retired]), release.manifest.catalogue.nItems),
      Int32Array.from(targets, (target) => placeOf.get(target) ?? 0),
      settings.temperature,
    );
    const a = matrix(dim, adapterRank, Float64Array.from(small.adapterA));
    return { batches, a, shared: small.adapterB, settings };
  }

  /** The score of every item before an event. */
  private async scores(index: number, { adapterB, factor }: Adapted): Promise<Float32Array> {
    const { release, small } = this.parts;
    const state = await this.state(index);
    const rank = adapterB.length / state.length;
    const reduced = Float64Array.from({ length: rank }, (_, j) =>
      state.reduce((sum, value, i) => sum + value * (small.adapterA[i * rank + j] ?? 0), 0),
    );
    const adapted = state.map((value, i) =>
      reduced.reduce((sum, share, j) => sum + share * (adapterB[j * state.length + i] ?? 0), value),
    );
    return release.scorer.scores(adapted, this.past(index), factor);
  }

  /** The events before one that the encoder gets. */
  private past(index: number): readonly number[] {
    const { split, release } = this.parts;
    return split.rows.slice(Math.max(0, index - release.manifest.encoder.maxLength), index);
  }

  /** The state before an event, with `B = 0`. */
  private async state(index: number): Promise<Float32Array> {
    const known = this.states.get(index);
    if (known !== undefined) return known;
    const vectors = this.parts.release.scorer.codes.decode(this.past(index));
    const state = await this.parts.encode(vectors, this.withoutB);
    this.states.set(index, state);
    return state;
  }

  /** The scores of the transitions before an event, of some rows; zeros without transitions. */
  private following(index: number, rows: readonly number[]): Float32Array {
    const all = this.parts.release.scorer.transitions?.scores(this.past(index));
    return Float32Array.from(rows, (row) => all?.[row] ?? 0);
  }
}

/** A digest of what a trained adapter belongs to: encoder, codes, prompts, and the bundle's `A`. */
export async function baseDigest({ manifest, small }: Pick<Learnable, "manifest" | "small">): Promise<string> {
  const digests = (...roles: string[]) =>
    manifest.files.filter(({ role }) => roles.includes(role)).map((file) => file.sha256);
  const files = [...digests("encoder"), ...digests("codes"), ...digests("prompts")];
  return digestOf(...files, await digestOfNumbers(small.adapterA));
}

/**
 * A digest of all that the result of a session depends on.
 *
 * @param engine name and precision of the engine in use: engines agree to some digits only.
 */
export async function sessionKey(
  { manifest }: Pick<Learnable, "manifest">,
  settings: LearningSettings,
  small: SmallMatrices,
  rows: readonly number[],
  engine: string,
): Promise<string> {
  const { prompts, knowledge, adapterA, adapterB } = small;
  const matrices = await Promise.all([prompts, knowledge, adapterA, adapterB].map(digestOfNumbers));
  const used = ["encoder", "codes", "transitions", "similarity", "retired"];
  const files = manifest.files.filter(({ role }) => used.includes(role)).map((file) => file.sha256);
  return digestOf(JSON.stringify(settings), String(LEARNING_SEED), engine, rows.join(), ...matrices, ...files);
}

async function digestOfNumbers(numbers: Float32Array): Promise<string> {
  return sha256(new Uint8Array(numbers.slice().buffer));
}

async function digestOf(...parts: readonly string[]): Promise<string> {
  return sha256(new TextEncoder().encode(parts.join("\n")));
}
