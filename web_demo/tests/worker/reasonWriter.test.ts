import { describe, expect, test } from "vitest";
import type { Language } from "../../src/worker/protocol";
import { ReasonWriter } from "../../src/worker/reasonWriter";
import { bundleOf, Gate, Llamas, Locks, reasonWriterParts, settle } from "./fakes";

function setUp(lacking: string | null = null) {
  const [llamas, locks, states] = [new Llamas(), new Locks(), [] as Language[]];
  const parts = reasonWriterParts(llamas, locks, lacking);
  const reasonWriter = new ReasonWriter(
    parts,
    (state) => void states.push(state),
    () => undefined,
  );
  return { llamas, locks, states, parts, reasonWriter, stateNames: () => states.map(({ state }) => state) };
}

describe("the reason writer", () => {
  test("loads one model, and frees it and its lock", async () => {
    const { llamas, locks, reasonWriter, stateNames } = setUp();

    await reasonWriter.load(bundleOf(1, {}));
    const whileOpen = [llamas.living, locks.isTaken];
    await reasonWriter.close();

    expect(stateNames()).toEqual(["fetching", "starting", "ready"]);
    expect(whileOpen).toEqual([1, true]);
    expect([llamas.created, llamas.exited, locks.isTaken]).toEqual([1, 1, false]);
  });

  test("frees a model that was closed while it loaded, without a notification", async () => {
    const { llamas, locks, reasonWriter, stateNames } = setUp();
    llamas.gate = new Gate();
    const loading = reasonWriter.load(bundleOf(1, {}));
    await settle();

    const closing = reasonWriter.close();
    llamas.gate.lift();
    await Promise.all([loading, closing]);

    expect([llamas.created, llamas.exited, locks.isTaken]).toEqual([1, 1, false]);
    expect(stateNames()).toEqual(["fetching", "starting"]);
  });

  test("aborts the download when it is closed, and loads no model", async () => {
    const { llamas, locks, reasonWriter } = setUp();
    const loading = reasonWriter.load(bundleOf(1, { gate: new Gate() }));
    await settle();

    await reasonWriter.close();
    await loading;

    expect([llamas.created, locks.isTaken]).toEqual([0, false]);
  });

  test("has one model at a time however loads and closes overlap", async () => {
    const { llamas, locks, states, reasonWriter } = setUp();
    llamas.gate = new Gate();
    const work = [reasonWriter.load(bundleOf(1, {}))];
    await settle();

    work.push(
      reasonWriter.load(bundleOf(2, {})),
      reasonWriter.close(),
      reasonWriter.load(bundleOf(3, {})),
      reasonWriter.load(bundleOf(4, {})),
    );
    llamas.gate.lift();
    await Promise.all(work);

    expect(states.at(-1)?.state).toBe("ready");
    expect([llamas.living, llamas.most, locks.isTaken]).toEqual([1, 1, true]);
    await reasonWriter.close();
    expect(llamas.exited).toBe(llamas.created);
  });

  test("frees a model that fails to load, and reports why", async () => {
    const { llamas, locks, states, reasonWriter } = setUp();
    llamas.fails = true;

    await reasonWriter.load(bundleOf(1, {}));
    await settle();

    expect(states.at(-1)).toEqual({ state: "unavailable", why: "not a model" });
    expect([llamas.created, llamas.exited, locks.isTaken]).toEqual([1, 1, false]);
  });

  test("downloads nothing where the browser lacks a feature", async () => {
    const { states, parts, reasonWriter } = setUp("this browser has no WebAssembly SIMD");
    let reads = 0;

    await reasonWriter.load(bundleOf(1, { read: () => void reads++ }));

    expect(states).toEqual([{ state: "unavailable", why: "this browser has no WebAssembly SIMD" }]);
    expect(reads).toBe(0);
    expect(parts.wasm).not.toHaveBeenCalled();
  });

  test("downloads no model where the browser rejects llama.cpp's WebAssembly", async () => {
    const { states, parts, reasonWriter } = setUp();
    let reads = 0;
    const strange = { ...parts, wasm: async () => new Uint8Array([0, 97, 115, 109, 9, 0, 0, 0]) };
    const other = new ReasonWriter(strange, (state) => void states.push(state), reasonWriter.forget);

    await other.load(bundleOf(1, { read: () => void reads++ }));

    expect(states.at(-1)).toMatchObject({
      state: "unavailable",
      why: "this browser cannot run llama.cpp's WebAssembly",
    });
    expect(reads).toBe(0);
  });

  test("loads no model while another tab has it", async () => {
    const { llamas, locks, states, reasonWriter } = setUp();
    locks.takeElsewhere();

    await reasonWriter.load(bundleOf(1, {}));

    expect(states).toEqual([{ state: "unavailable", why: "it runs in another tab of this page" }]);
    expect(llamas.created).toBe(0);
  });

  test("downloads no model that was trained on another layout of prompts, and names both", async () => {
    const { states, reasonWriter } = setUp();
    let reads = 0;
    const bundle = bundleOf(1, { read: () => void reads++ });
    Object.assign(bundle.manifest.languageModel ?? {}, { prompt: "facts-v2" });

    await reasonWriter.load(bundle);

    const why = "it needs the prompt layout facts-v2, this page supports facts-v3";
    expect(states).toEqual([{ state: "unavailable", why }]);
    expect(reads).toBe(0);
  });
});
