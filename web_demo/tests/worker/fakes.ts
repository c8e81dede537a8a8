/** Fakes for the worker's tests: a llama.cpp that counts its instances, releases without files, gates to wait at. */

import { vi } from "vitest";
import type { Bundle } from "../../src/runtime/bundle";
import type { Manifest } from "../../src/runtime/bundleJson";
import { PROMPT_LAYOUT } from "../../src/runtime/constants";
import { FetchError } from "../../src/runtime/errors";
import { LanguageModel, type Llama } from "../../src/runtime/language";
import { takeLock } from "../../src/worker/lock";
import type { ReasonWriterParts } from "../../src/worker/reasonWriter";
import type { Opened } from "../../src/worker/releases";

/** The smallest module there is. */
const WASM = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);

/** Blocks callers until it is opened. */
export class Gate {
  private open: () => void = () => undefined;
  readonly passed: Promise<void>;

  constructor() {
    this.passed = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  lift(): void {
    this.open();
  }
}

/** Let all pending promises settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Counts the instances of llama.cpp that are created and closed; at most one may exist. */
export class Llamas {
  created = 0;
  exited = 0;
  most = 0;
  /** Holds every load. */
  gate: Gate | null = null;
  fails = false;

  get living(): number {
    return this.created - this.exited;
  }

  readonly open = async (): Promise<Llama> => {
    this.created++;
    this.most = Math.max(this.most, this.living);
    let isOut = false;
    return {
      loadModel: async () => {
        await this.gate?.passed;
        if (this.fails) throw new Error("not a model");
      },
      createCompletion: (async () => new Promise(() => undefined)) as unknown as Llama["createCompletion"],
      exit: async () => {
        if (isOut) throw new Error("an instance is closed twice");
        isOut = true;
        this.exited++;
      },
    };
  };
}

/** The browser's locks for one tab after another. */
export class Locks {
  private holder: string | null = null;

  /** Another tab takes the lock. */
  takeElsewhere(): void {
    this.holder = "another tab";
  }

  get isTaken(): boolean {
    return this.holder !== null;
  }

  readonly manager = {
    request: async (_name: string, _options: LockOptions, act: LockGrantedCallback<unknown>) => {
      if (this.holder !== null) return act(null);
      this.holder = "this tab";
      try {
        return await act({ name: "lock", mode: "exclusive" });
      } finally {
        this.holder = null;
      }
    },
  } as unknown as LockManager;
}

export function reasonWriterParts(llamas: Llamas, locks: Locks, lacking: string | null = null): ReasonWriterParts {
  return {
    lacks: () => lacking,
    lock: () => takeLock("model", locks.manager),
    wasm: vi.fn(async () => WASM),
    open: (bundle, gguf, wasm, stop) => LanguageModel.load(bundle, gguf, wasm, stop, llamas.open),
  };
}

function stopped(stop: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    stop?.addEventListener("abort", () => reject(new FetchError("stopped")));
  });
}

/** A bundle with only a release number and, optionally, a language model whose download waits at a gate. */
export function bundleOf(release: number, model: { gate?: Gate; read?: () => void } | null = null): Bundle {
  const entry = { name: "reasons.gguf", role: "language_model", bytes: 3, sha256: `${release}`, chunkSha256: [] };
  const manifest = {
    release,
    files: model === null ? [] : [entry],
    engines: [],
    languageModel: model === null ? null : { file: entry.name, context: 8, prompt: PROMPT_LAYOUT, adapters: [] },
  } as unknown as Manifest;
  const file = async (name: string, stop?: AbortSignal) => {
    model?.read?.();
    if (model?.gate !== undefined) await Promise.race([model.gate.passed, stopped(stop)]);
    return { name, data: new Uint8Array([1, 2, 3]) };
  };
  return { manifest, bytes: new Uint8Array([release]), file } as unknown as Bundle;
}

/** Counts the engines that are open. */
export class FakeEngines {
  opened = 0;
  closed = 0;
  upgraded: number[] = [];

  open(bundle: Bundle): Opened {
    this.opened++;
    let isClosed = false;
    const engines = {
      upgrade: async () => void this.upgraded.push(bundle.manifest.release),
      close: async () => {
        if (isClosed) throw new Error("a engines is closed twice");
        isClosed = true;
        this.closed++;
      },
    };
    return { bundle, recommender: { engines } } as unknown as Opened;
  }
}
