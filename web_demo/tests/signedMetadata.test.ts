import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Bytes } from "../src/runtime/bytes";
import { ExpiredMetadataError, UpdateRefusedError } from "../src/runtime/errors";
import { parseJson } from "../src/runtime/json";
import {
  drive,
  type Floors,
  filesOf,
  pinned,
  raised,
  restored,
  type SignatureCrypto,
  signatureCrypto,
  type TrustedMetadata,
  target,
  update,
  webCrypto,
} from "../src/runtime/signed";
import { canonicalJson } from "../src/runtime/signed/canonical";
import { pathMatches } from "../src/runtime/signed/paths";
import { softwareCrypto } from "../src/runtime/signed/software";

interface Outcome {
  readonly refused: string | null;
  readonly stale_since: number | null;
  readonly found: { readonly length: number; readonly sha256: string; readonly role: string } | null;
  readonly requests: readonly string[];
  readonly versions: Readonly<Record<string, number>>;
  readonly floors: Floors;
}

interface Step {
  readonly now: number;
  readonly files: Readonly<Record<string, string>>;
  readonly find: string | null;
  readonly expected: Outcome;
}

interface Golden {
  readonly contents: Readonly<Record<string, string | { readonly base64: string }>>;
  readonly cases: readonly { readonly name: string; readonly root: string; readonly steps: readonly Step[] }[];
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/golden/signed_metadata.json"), "utf8"),
);

function content(key: string | undefined): Bytes | null {
  const found = key === undefined ? undefined : golden.contents[key];
  if (found === undefined) return null;
  return typeof found === "string"
    ? new TextEncoder().encode(found)
    : Uint8Array.from(Buffer.from(found.base64, "base64"));
}

/** A device that saves nothing, but restores what it trusts before each step, as if it had. */
class Device {
  constructor(
    private trusted: TrustedMetadata,
    private readonly crypto: SignatureCrypto,
  ) {}

  async step({ now, files, find }: Step): Promise<Outcome> {
    const requests: string[] = [];
    const fetch = async (name: string) => {
      requests.push(name);
      return content(files[name]);
    };
    const save = async (trusted: TrustedMetadata) => {
      this.trusted = trusted;
    };
    this.trusted = await restored(filesOf(this.trusted), this.trusted.floors, this.crypto);
    let failure: unknown = null;
    let found: Outcome["found"] = null;
    try {
      await save(await drive(update(this.trusted, now, this.crypto), fetch, save));
      if (find !== null) {
        const result = await drive(target(this.trusted, find, now, this.crypto), fetch, save);
        await save(result.trusted);
        found = result.file && { length: result.file.length, sha256: result.file.sha256, role: result.file.role };
      }
    } catch (error) {
      if (!(error instanceof UpdateRefusedError)) throw error;
      failure = error;
    }
    return {
      refused: failure instanceof Error ? failure.name : null,
      stale_since: failure instanceof ExpiredMetadataError ? failure.staleSince : null,
      found,
      requests,
      versions: Object.fromEntries(
        [...filesOf(this.trusted)].map(([role, raw]) => [
          role,
          JSON.parse(new TextDecoder().decode(raw)).signed.version,
        ]),
      ),
      floors: this.trusted.floors,
    };
  }
}

describe.each([
  ["WebCrypto", webCrypto],
  ["software", softwareCrypto],
])("with %s, the page decides as Python does", (_, crypto) => {
  test.each(golden.cases)("$name", async ({ root, steps }) => {
    const device = new Device(await pinned(content(root) ?? new Uint8Array(), crypto), crypto);
    for (const step of steps) expect(await device.step(step)).toEqual(step.expected);
  });
});

describe("signatures are verified", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("by WebCrypto where there is one", async () => {
    expect(await signatureCrypto()).toBe(webCrypto);
  });

  test("by software in a page that was loaded over plain http", async () => {
    vi.stubGlobal("crypto", {});

    expect(await signatureCrypto()).toBe(softwareCrypto);
  });

  test("by software in a browser without Ed25519", async () => {
    const importKey = async () => {
      throw new DOMException("unknown", "NotSupportedError");
    };
    vi.stubGlobal("crypto", { subtle: { importKey } });

    expect(await signatureCrypto()).toBe(softwareCrypto);
  });
});

test("a root that its keys did not sign cannot be pinned", async () => {
  const [first] = golden.cases;
  const root = new TextDecoder().decode(content(first?.root) ?? new Uint8Array());

  const forged = new TextEncoder().encode(root.replace('"version":1', '"version":2'));

  await expect(pinned(forged, webCrypto)).rejects.toThrow("is signed by 0 of the keys");
});

test("a device without a clock starts from the time that it is given", async () => {
  const [first] = golden.cases;
  const step = first?.steps[0];
  if (step === undefined) throw new Error("no case");
  const fetch = async (name: string) => content(step.files[name]);
  const late = await pinned(content(first?.root) ?? new Uint8Array(), webCrypto, step.now + 31 * 86_400);
  const early = await pinned(content(first?.root) ?? new Uint8Array(), webCrypto, step.now);

  await expect(drive(update(late, 0, webCrypto), fetch, async () => {})).rejects.toThrow(ExpiredMetadataError);
  expect((await drive(update(early, 0, webCrypto), fetch, async () => {})).floors.time).toBe(step.now);
});

test("a stated time raises the bound to just before the expiry of the timestamp at most", async () => {
  const [first] = golden.cases;
  const step = first?.steps[0];
  if (step === undefined) throw new Error("no case");
  const start = await pinned(content(first?.root) ?? new Uint8Array(), webCrypto);
  const trusted = await drive(
    update(start, step.now, webCrypto),
    async (name) => content(step.files[name]),
    async () => {},
  );

  expect(raised(trusted, step.now + 5).floors.time).toBe(step.now + 5);
  expect(raised(trusted, 1e12).floors.time).toBe((trusted.timestamp?.signed.expires ?? 0) - 1);
});

test("names are sorted by code points", () => {
  const json = parseJson(
    new TextEncoder().encode('{"\u{1f600}": 1, "\ufb00": [2, "\\"\\\\\\n"], "a": {}, "": null}'),
    "x",
  );

  expect(new TextDecoder().decode(canonicalJson(json))).toBe('{"":null,"a":{},"\ufb00":[2,"\\"\\\\\n"],"\u{1f600}":1}');
});

test.each([
  ["a/b", "a/*", true],
  ["a/b/c", "a/*", false],
  ["ab", "a?", true],
  ["a\u{1f600}", "a?", true],
  ["aab", "a*b", true],
  ["abab", "a*b?", false],
  ["abab", "*ab", true],
  ["", "*", true],
  ["", "?", false],
  ["a.b", "a?b*", true],
  [`${"a".repeat(5000)}b`, `${"a*".repeat(50)}c`, false],
])("%s and %s: %s", (path, pattern, expected) => {
  expect(pathMatches(path, pattern)).toBe(expected);
});
