/**
 * Time of scoring and ranking a catalogue of the size of Beauty, with and without transitions: `npm run bench`.
 * The data are random; time does not depend on them.
 */

import { bench, describe } from "vitest";
import type { NdArray } from "../src/runtime/arrays";
import type { Catalogue, TransitionSettings } from "../src/runtime/bundleJson";
import { bestRows, ProductCodes } from "../src/runtime/codes";
import { Scorer } from "../src/runtime/scorer";
import { TransitionScores } from "../src/runtime/transitionScores";
import { Transitions } from "../src/runtime/transitions";

const N_ITEMS = 12_101;
const K = 12;
const ITEMS: Catalogue = {
  nItems: N_ITEMS,
  dim: 64,
  nCodewords: 256,
  tiers: [
    { nItems: 1210, nCodes: 32, nBooks: 1 },
    { nItems: 3630, nCodes: 16, nBooks: 1 },
    { nItems: 7261, nCodes: 8, nBooks: 8 },
  ],
};
const TEXTS: Catalogue = { ...ITEMS, tiers: [{ nItems: N_ITEMS, nCodes: 16, nBooks: 16 }] };
const SETTINGS: TransitionSettings = {
  newest: 5,
  recency: 0.6,
  secondHop: 1,
  smoothing: 0.0003,
  similarity: 4,
  weight: 0.5,
  ratio: 0.8,
  nEntries: 0,
  vectors: null,
};

let seed = 1;
/** An integer from 0 to `limit - 1`: a linear congruential generator, the same in every run. */
function draw(limit: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (seed >>> 8) % limit;
}

const u8 = (shape: readonly number[], of: () => number): NdArray<"U8"> => ({
  dtype: "U8",
  shape,
  data: Uint8Array.from({ length: shape.reduce((product, n) => product * n, 1) }, of),
});

function codesOf(sizes: Catalogue): ProductCodes {
  const { dim, nCodewords, tiers } = sizes;
  const tierOf = tiers.flatMap(({ nItems }, tier) => new Array<number>(nItems).fill(tier));
  const packed = Array.from({ length: Math.ceil(N_ITEMS / 4) }, (_, quad) =>
    [0, 1, 2, 3].reduce((byte, i) => byte | ((tierOf[4 * quad + i] ?? 0) << (2 * i)), 0),
  );
  const arrays = new Map<string, NdArray>([
    ["tier", { dtype: "U8", shape: [packed.length], data: Uint8Array.from(packed) }],
  ]);
  for (const [tier, { nItems, nCodes, nBooks }] of tiers.entries()) {
    const shape = [nBooks, nCodewords, dim / nCodes];
    arrays.set(
      `codes.${tier}`,
      u8([nItems, nCodes], () => draw(nCodewords)),
    );
    arrays.set(`codebook.${tier}`, { dtype: "I8", shape, data: new Int8Array(u8(shape, () => draw(256)).data) });
    arrays.set(`scale.${tier}`, { dtype: "F32", shape: [nBooks], data: new Float32Array(nBooks).fill(0.01) });
    arrays.set(`centre.${tier}`, { dtype: "F32", shape: [dim], data: new Float32Array(dim) });
  }
  return ProductCodes.read(arrays, sizes, "codes");
}

/** A table with the same number of followers for every item. */
function transitionsOf(nFollowers: number): Transitions {
  const nEntries = N_ITEMS * nFollowers;
  const rows = Array.from({ length: N_ITEMS }, (_, row) => {
    const chosen = new Set<number>();
    while (chosen.size < nFollowers) {
      const follower = draw(N_ITEMS);
      if (follower !== row) chosen.add(follower);
    }
    return [...chosen].sort((a, b) => a - b);
  });
  const bytes = rows.flat().flatMap((row) => [row & 255, row >> 8]);
  const arrays = new Map<string, NdArray>([
    ["count", u8([N_ITEMS], () => nFollowers)],
    ["follower", { dtype: "U8", shape: [nEntries, 2], data: Uint8Array.from(bytes) }],
    ["level", u8([Math.ceil(nEntries / 2)], () => draw(nEntries % 2 === 1 ? 16 : 256))],
  ]);
  return Transitions.read(arrays, { ...SETTINGS, nEntries }, N_ITEMS);
}

const items = codesOf(ITEMS);
const scorers: [string, Scorer][] = [
  ["without transitions", new Scorer(items, null)],
  ["with 8 followers an item", new Scorer(items, new TransitionScores(SETTINGS, transitionsOf(8), items))],
  [
    "with 44 followers an item and codes of texts",
    new Scorer(items, new TransitionScores(SETTINGS, transitionsOf(44), codesOf(TEXTS))),
  ],
];

describe(`the best ${K} of ${N_ITEMS} items after 20 events`, () => {
  const state = Float32Array.from({ length: ITEMS.dim }, () => draw(100) / 100);
  const history = Array.from({ length: 20 }, () => draw(N_ITEMS));

  for (const [name, scorer] of scorers) {
    bench(name, () => {
      bestRows(scorer.scores(state, history), K, new Set(history));
    });
  }
});
