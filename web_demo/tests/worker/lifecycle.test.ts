import { describe, expect, test } from "vitest";
import type { Bundle } from "../../src/runtime/bundle";
import { BundleError, ExpiredMetadataError, FetchError } from "../../src/runtime/errors";
import { Lifecycle } from "../../src/worker/lifecycle";
import type { Opening, Preview, Signing, Update } from "../../src/worker/protocol";
import { ReasonWriter } from "../../src/worker/reasonWriter";
import type { NewRelease } from "../../src/worker/releases";
import { bundleOf, FakeEngines, Gate, Llamas, Locks, reasonWriterParts, settle } from "./fakes";

const PREVIEW: Preview = { of: 10, entering: ["New"], isReordered: false };

/** Releases of a server that has release 1 at first; counts calls. */
class FakeReleases {
  readonly engines = new FakeEngines();
  readonly adopted: number[] = [];
  checks = 0;
  trials = 0;
  error: Error | null = null;
  current: Bundle = bundleOf(1, {});
  keptBundle: Bundle | null = null;
  /** A release whose rollout has not come to this device. */
  waiting: number | null = null;
  /** Ends every check. */
  failure: Error | null = null;
  /** Holds each of these steps. */
  gates: { check?: Gate; tryOut?: Gate; keep?: Gate } = {};

  readonly kept = async () => this.keptBundle;

  readonly newest = async () => {
    if (this.error !== null) throw this.error;
    return [this.current];
  };

  readonly first = async <T>(
    [bundle]: readonly Bundle[],
    use: (bundle: Bundle, next: Bundle | undefined) => Promise<T>,
  ) => use(bundle ?? this.current, undefined);

  readonly openFirst = async (bundle: Bundle) => this.open(bundle);

  readonly bytesFor = async () => 1;

  readonly open = async (bundle: Bundle) => this.engines.open(bundle);

  readonly check = async (inUse: Bundle): Promise<NewRelease> => {
    this.checks++;
    await this.gates.check?.passed;
    if (this.failure !== null) throw this.failure;
    if (this.waiting !== null) return { waiting: this.waiting };
    return inUse.manifest.release === this.current.manifest.release ? null : { bundles: [this.current] };
  };

  readonly tryOut = async (bundle: Bundle) => {
    this.trials++;
    await this.gates.tryOut?.passed;
    return this.engines.open(bundle);
  };

  readonly signing = (): Signing => ({
    signedBy: null,
    arrival: { how: "delta", bytes: 7 },
    metadata: null,
    notes: [],
    isKept: true,
  });

  readonly keep = async ({ manifest }: Bundle, stop: AbortSignal) => {
    await this.gates.keep?.passed;
    if (stop.aborted) return false;
    this.adopted.push(manifest.release);
    return true;
  };
}

function setUp() {
  const [releases, llamas, locks] = [new FakeReleases(), new Llamas(), new Locks()];
  const updates: Update[] = [];
  const openings: Opening[] = [];
  const used: number[] = [];
  const reasonWriter = new ReasonWriter(
    reasonWriterParts(llamas, locks),
    () => undefined,
    () => undefined,
  );
  const life = new Lifecycle(releases, reasonWriter, {
    notify: (name, value) => {
      if (name === "update") updates.push(value as Update);
      if (name === "opening") openings.push(value as Opening);
    },
    onRelease: ({ bundle }) => void used.push(bundle.manifest.release),
    refresh: async () => undefined,
    onStored: () => undefined,
    preview: async () => PREVIEW,
  });
  return { life, releases, llamas, locks, updates, openings, used };
}

/** Check that everything that was opened has been closed. */
function expectNoLeak({ releases, llamas, locks }: ReturnType<typeof setUp>): void {
  expect([releases.engines.closed, llamas.exited]).toEqual([releases.engines.opened, llamas.created]);
  expect(llamas.most).toBeLessThanOrEqual(1);
  expect(locks.isTaken).toBe(false);
}

describe("the lifecycle", () => {
  test("opens, loads better engines and the language model, and releases everything", async () => {
    const all = setUp();
    const { life, llamas, releases } = all;

    await life.open();
    await settle();
    const open = [life.state, life.offline, llamas.living, ...releases.adopted];
    await life.close();

    expect(open).toEqual(["running", true, 1, 1]);
    expect(life.state).toBe("closed");
    expectNoLeak(all);
  });

  test("opens the stored release without a request to the server", async () => {
    const { life, releases, used } = setUp();
    releases.keptBundle = bundleOf(1, {});
    releases.error = new FetchError("no network");

    await life.open();

    expect(used).toEqual([1]);
    expect(life.offline).toBe(true);
  });

  test.each([
    [new FetchError("no network"), "unreachable"],
    [new FetchError("The server answered 404", 404), "no catalogue"],
    [new FetchError("The server answered 503", 503), "failing"],
    [new BundleError("damaged"), "refused"],
  ])("reports for %s the cause: %s", async (error, cause) => {
    const { life, releases, openings } = setUp();
    releases.error = error;

    await life.open();

    expect(openings.at(-1)).toEqual({ state: "failed", cause, why: error.message });
    expect(life.state).toBe("opening");
  });

  test("an update is ready with what it would change, and says so again when that changes", async () => {
    const { life, releases, updates } = setUp();
    await life.open();
    await settle();
    releases.current = bundleOf(2, {});

    await life.checkUpdate();
    const first = updates.at(-1);
    life.showPreview({ of: 10, entering: [], isReordered: true });

    expect(first).toEqual({ state: "ready", release: 2, bytes: 7, preview: PREVIEW });
    expect(updates.at(-1)).toMatchObject({ state: "ready", preview: { isReordered: true } });
    await life.useUpdate();
    life.showPreview(PREVIEW);
    expect(updates.at(-1)).toEqual({ state: "current" });
  });

  test("a release that comes later to this device leaves the one in use", async () => {
    const { life, releases, updates, used } = setUp();
    await life.open();
    await settle();
    releases.waiting = 2;

    await life.checkUpdate();

    expect(updates.at(-1)).toEqual({ state: "waiting", release: 2 });
    expect([life.pending, used]).toEqual([null, [1]]);
  });

  test("expired signatures refuse updates and say since when", async () => {
    const { life, releases, updates } = setUp();
    await life.open();
    await settle();
    releases.failure = new ExpiredMetadataError("expired", 1000);

    await life.checkUpdate();

    expect(updates.at(-1)).toEqual({ state: "stale", since: 1000, why: "expired" });
    expect(life.state).toBe("running");
  });

  test("an update while the language model loads leaves one model, the new release's", async () => {
    const all = setUp();
    const { life, llamas, releases, used } = all;
    llamas.gate = new Gate();
    await life.open();
    await settle();
    const before = life.state;
    releases.current = bundleOf(2, {});
    await life.checkUpdate();

    await life.useUpdate();
    llamas.gate.lift();
    await settle();

    expect(before).toBe("loading the language model");
    expect(used).toEqual([1, 2]);
    expect([life.state, llamas.living, llamas.most]).toEqual(["running", 1, 1]);
    expect(releases.engines.opened - releases.engines.closed).toBe(1);
    await life.close();
    expectNoLeak(all);
  });

  test("concurrent checks for an update are one check", async () => {
    const { life, releases, updates } = setUp();
    await life.open();
    await settle();
    const before = releases.checks;
    releases.current = bundleOf(2, {});
    updates.length = 0;

    await Promise.all([life.checkUpdate(), life.checkUpdate(), life.checkUpdate()]);

    expect([releases.checks - before, releases.trials]).toEqual([1, 1]);
    expect(updates.map(({ state }) => state)).toEqual(["checking", "fetching", "ready"]);
  });

  test("an update that is used twice is used once", async () => {
    const all = setUp();
    const { life, releases, used } = all;
    await life.open();
    await settle();
    releases.current = bundleOf(2, {});
    await life.checkUpdate();

    await Promise.all([life.useUpdate(), life.useUpdate()]);
    await settle();

    expect(used).toEqual([1, 2]);
    await life.close();
    expectNoLeak(all);
  });

  test("a release that was replaced while it was being stored does not become the stored one", async () => {
    const { life, releases } = setUp();
    releases.gates.keep = new Gate();
    await life.open();
    await settle();
    releases.current = bundleOf(2, {});
    await life.checkUpdate();

    await life.useUpdate();
    releases.gates.keep.lift();
    await settle();

    expect(releases.adopted).toEqual([2]);
    expect(releases.engines.upgraded).toEqual([1, 2]);
  });

  test.each(["check", "tryOut", "keep"] as const)("releases everything when it is closed during %s", async (step) => {
    const all = setUp();
    const { life, releases, updates } = all;
    await life.open();
    await settle();
    releases.current = bundleOf(2, {});
    releases.gates[step] = new Gate();
    const checking = life.checkUpdate();
    await settle();
    const before = updates.length;

    const closing = life.close();
    releases.gates[step]?.lift();
    await Promise.all([closing, checking]);

    expect(updates.slice(before)).toEqual([]);
    expectNoLeak(all);
  });

  test("closes the release when it is closed while opening", async () => {
    const all = setUp();
    const opening = all.life.open();

    await Promise.all([all.life.close(), opening]);

    expect(all.used).toEqual([]);
    expectNoLeak(all);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("leaks nothing in any order of overlapping calls, order %i", async (seed) => {
    const all = setUp();
    const { life, llamas, releases } = all;
    const acts = actsOf(all);
    const work: Promise<void>[] = [life.open()];

    for (const draw of draws(seed, 120)) work.push(acts[draw % acts.length]?.() ?? Promise.resolve());
    for (const draw of draws(seed + 100, 120)) {
      work.push(acts[draw % acts.length]?.() ?? Promise.resolve());
      await settle();
    }
    llamas.gate?.lift();
    await life.close();
    await Promise.all(work);

    expect(releases.engines.opened).toBeGreaterThan(2);
    expect(llamas.created).toBeGreaterThan(1);
    expectNoLeak(all);
  });
});

/** What may happen to a session at any time. */
function actsOf({ life, llamas, releases }: ReturnType<typeof setUp>): (() => Promise<void>)[] {
  return [
    () => life.checkUpdate(),
    () => life.useUpdate(),
    async () => {
      releases.current = bundleOf(releases.current.manifest.release + 1, {});
    },
    async () => {
      llamas.gate?.lift();
      llamas.gate = new Gate();
    },
    async () => llamas.gate?.lift(),
  ];
}

/** Numbers of a linear congruential generator, the same in every run. */
function draws(seed: number, n: number): number[] {
  let state = seed;
  return Array.from({ length: n }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state >>> 8;
  });
}
