import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Bytes } from "../src/runtime/bytes";
import { BundleError, BundleVersionError, UpdateRefusedError } from "../src/runtime/errors";
import { parseManifest } from "../src/runtime/manifest";
import { webCrypto } from "../src/runtime/signed";
import { SignedChannel } from "../src/runtime/signed/channel";
import {
  type Component,
  foreignChange,
  openShare,
  parseComponent,
  parseRelease,
  parseRollout,
  position,
  type RolloutDocument,
} from "../src/runtime/signed/documents";
import { PageMetadata } from "../src/runtime/signed/pageMetadata";
import { TrustStore } from "../src/runtime/trustStore";

interface Repository {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly now: number;
  readonly draw: string;
  readonly held: string | null;
  readonly expected: Outcome;
}

interface Outcome {
  readonly final: string | null;
  /** What to install if the final one cannot be used. */
  readonly fallbacks: readonly string[];
  readonly waiting: number | null;
  readonly refused: string | null;
  readonly notes: readonly string[];
}

interface Golden {
  readonly target: string;
  readonly documents: readonly { readonly folder: string; readonly text: string; readonly verdict: string }[];
  readonly derived: readonly {
    readonly base: string;
    readonly derived: string;
    readonly foreign: Readonly<Record<Component, boolean>>;
  }[];
  readonly waves: readonly {
    readonly wave: { readonly salt: string };
    readonly rollout: RolloutDocument | null;
    readonly draw: string;
    readonly now: number;
    readonly final: string;
    readonly position: number;
    readonly share: number;
  }[];
  readonly repositories: readonly Repository[];
  readonly contents: Readonly<Record<string, string>>;
}

const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "../../tests/golden/releases.json"), "utf8"));
const { target } = golden;

function encoded(text: string | undefined): Bytes {
  return new TextEncoder().encode(text);
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function verdictOf(folder: string, data: Bytes): string {
  try {
    if (folder === "bundle") parseRelease(data, target);
    else if (folder === "rollout") parseRollout(data, target);
    else parseComponent(data, folder as Component, target);
    return "accepted";
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return error instanceof BundleVersionError ? "newer" : "refused";
  }
}

test("documents are accepted and refused as in Python", () => {
  const found = golden.documents.map((one) => ({ ...one, verdict: verdictOf(one.folder, encoded(one.text)) }));

  expect(found).toEqual(golden.documents);
});

test("a component may change what Python lets it change", () => {
  for (const { base, derived, foreign } of golden.derived) {
    const [before, after] = [base, derived].map((key) => parseManifest(encoded(golden.contents[key])));
    if (before === undefined || after === undefined) throw new Error("a manifest is missing");
    const components = Object.keys(foreign) as Component[];

    const found = components.map((component) => [component, foreignChange(before, after, component) !== null]);

    expect(Object.fromEntries(found)).toEqual(foreign);
  }
});

test("places in a rollout, and the shares that are open, are those of Python", async () => {
  for (const { wave, rollout, draw, now, final, ...expected } of golden.waves) {
    const release = {
      ...{ schema: 1, name: "s", target, release: 1, wave, deltas: [] },
      manifest: { bytes: 1, sha256: final },
    };
    const document = parseRelease(encoded(JSON.stringify(release)), target);

    expect({
      position: await position(wave.salt, fromHex(draw), webCrypto.sha256),
      share: openShare(document, final, rollout, now),
    }).toEqual(expected);
  }
});

async function outcomeOf({ files, now, draw, held }: Repository): Promise<Outcome> {
  const store = new TrustStore("not there", "");
  store.kept.draw.set(fromHex(draw));
  const fetch = async (path: string, maxBytes: number) => {
    const data = files[path] === undefined ? null : encoded(golden.contents[files[path]]);
    return data === null || data.length <= maxBytes ? data : data.subarray(0, maxBytes + 1);
  };
  const metadata = new PageMetadata(store, webCrypto, () => now);
  await metadata.trust((await fetch("metadata/1.root.json", 512_000)) ?? new Uint8Array());
  const channel = new SignedChannel(fetch, target, metadata, webCrypto);
  const nothing = { final: null, fallbacks: [], waiting: null, refused: null, notes: [] };
  try {
    const { offers, waiting, notes } = await channel.newest(held === null ? null : encoded(golden.contents[held]));
    const [final = null, ...fallbacks] = await Promise.all(offers.map(({ bytes }) => webCrypto.sha256(bytes)));
    return { ...nothing, final, fallbacks, waiting, notes: notes.map((note) => note.replace(/:.*/s, "")) };
  } catch (error) {
    if (!(error instanceof UpdateRefusedError || error instanceof BundleError)) throw error;
    return { ...nothing, refused: error.name };
  }
}

describe("the page finds the release that Python finds", () => {
  test.each(golden.repositories)("$name, in use: $held", async (repository) => {
    expect(await outcomeOf(repository)).toEqual(repository.expected);
  });
});
