import { describe, expect, test } from "vitest";
import type { Bundle, Fetch } from "../../src/runtime/bundle";
import { BundleError, FetchError, UpdateRefusedError } from "../../src/runtime/errors";
import { TrustStore } from "../../src/runtime/trustStore";
import { Releases } from "../../src/worker/releases";
import { BASE } from "../folder";
import { bundleOf } from "./fakes";

const NOWHERE: Fetch = async () => new Response(null, { status: 404 });

function releases(): Releases {
  return new Releases(
    BASE,
    "browser-wasm",
    NOWHERE,
    {} as unknown as ConstructorParameters<typeof Releases>[3],
    new TrustStore("not there", BASE),
    () => async () => "none",
    () => undefined,
    () => undefined,
  );
}

/** Uses the releases with these numbers, and fails with an error for others. */
function using(error: Error, ...good: number[]) {
  const tried: number[] = [];
  const use = async ({ manifest }: Bundle) => {
    tried.push(manifest.release);
    if (!good.includes(manifest.release)) throw error;
    return manifest.release;
  };
  return { tried, use };
}

describe("of a release and what it derives from", () => {
  const bundles = [bundleOf(3), bundleOf(2), bundleOf(1)];

  test.each([
    new BundleError("damaged"),
    new UpdateRefusedError("not what is signed"),
    new FetchError("the server lacks a file", 404),
  ])("the first that can be used is used: $name", async (error) => {
    const all = releases();
    const { tried, use } = using(error, 2, 1);

    expect(await all.first(bundles, use)).toBe(2);
    expect(tried).toEqual([3, 2]);
    expect(all.signing(bundleOf(2)).notes).toEqual([`release 3 could not be used: ${error.message}`]);
  });

  test.each([new FetchError("no network"), new FetchError("busy", 503), new Error("a fault of the page")])(
    "none is tried after $message, which is no fault of a release",
    async (error) => {
      const { tried, use } = using(error, 2);

      await expect(releases().first(bundles, use)).rejects.toBe(error);
      expect(tried).toEqual([3]);
    },
  );

  test("the error of the newest is told if none can be used", async () => {
    const { tried } = using(new BundleError(""));
    const use = async ({ manifest }: Bundle) => {
      tried.push(manifest.release);
      throw new BundleError(`${manifest.release} is damaged`);
    };

    await expect(releases().first(bundles, use)).rejects.toThrow("3 is damaged");
    expect(tried).toEqual([3, 2, 1]);
  });
});
