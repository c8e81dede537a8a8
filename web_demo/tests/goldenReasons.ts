/** The cases of `tests/golden/reasons-v3/`, with what explains their lists. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import type { TransitionSettings } from "../src/runtime/bundleJson";
import { Items } from "../src/runtime/items";
import type { Evidence } from "../src/runtime/reasons/evidence";
import { Explainer, type Listed, type Manner } from "../src/runtime/reasons/explainer";
import { Transitions } from "../src/runtime/transitions";
import { arraysOf } from "./goldenArrays";

const FOLDER = join(import.meta.dirname, "../../tests/golden/reasons-v3");

export interface Catalogue {
  readonly item_id: string[];
  readonly popularity: number[];
  readonly kind?: string;
  readonly transitions: { followers: number[][]; levels: number[][]; ratio: number } | null;
}

export interface GoldenFact {
  readonly kind: string;
  readonly field: string;
  readonly value: string;
  readonly history_row: number | null;
}

export interface GoldenReason {
  readonly text: string;
  readonly facts: GoldenFact[];
}

export interface Case extends Evidence, Manner {
  readonly name: string;
  readonly rows: number[];
  readonly events: Record<string, string>;
  readonly language: string;
  readonly expected: {
    readonly names: Record<string, [text: string, isTitle: boolean]>;
    readonly claims: { fact: GoldenFact; cost: number; seconds: GoldenFact[] }[][];
    readonly wordings: [text: string, skeleton: string][];
    readonly prompt: string | null;
    readonly reasons: (GoldenReason | null)[];
    readonly first_alone: GoldenReason;
  };
}

/** With their file. */
export const cases = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .flatMap((file) => {
    const golden = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as { catalogue: Catalogue; cases: Case[] };
    return golden.cases.map((one) => ({ file, title: `${file}: ${one.name}`, catalogue: golden.catalogue, ...one }));
  });

export async function explainerOf(catalogue: Catalogue): Promise<[Items, Explainer]> {
  const items = await Items.read(new Uint8Array(deflateSync(JSON.stringify(catalogue))), catalogue.item_id.length);
  const popularity = Uint8Array.from(catalogue.popularity);
  return [items, new Explainer(items, popularity, transitionsOf(catalogue), async () => null, catalogue.kind)];
}

function transitionsOf({ transitions: table, item_id: ids }: Catalogue): Transitions | null {
  if (table === null) return null;
  const [followers, levels] = [table.followers.flat(), table.levels.flat()];
  const packed = Array.from({ length: Math.ceil(levels.length / 2) }, (_, index) => {
    return (levels[2 * index] ?? 0) | ((levels[2 * index + 1] ?? 0) << 4);
  });
  const arrays = arraysOf({
    count: { dtype: "uint8", shape: [ids.length], data: table.followers.map((rows) => rows.length) },
    follower: { dtype: "uint8", shape: [followers.length, 1], data: followers },
    level: { dtype: "uint8", shape: [packed.length], data: packed },
  });
  const settings = { nEntries: followers.length, ratio: table.ratio } as TransitionSettings;
  return Transitions.read(arrays, settings, ids.length);
}

export function listedOf({ rows, pasts, older, drops, events }: Case): Listed {
  return {
    rows,
    evidence: { pasts, older, drops },
    events: new Map(Object.entries(events).map(([row, event]) => [Number(row), event])),
  };
}
