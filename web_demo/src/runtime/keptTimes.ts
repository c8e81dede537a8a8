/** Keeps the times of engines between visits, so that they are measured once for each encoder and browser (ADR 0034). */

import type { EngineVariant, Manifest } from "./bundleJson";
import type { Engine } from "./encoder";
import type { CountsClears, History } from "./events";
import { fileNamed } from "./manifest";
import type { EngineTime, TimeEngines } from "./timing";

/** Where the times are kept. */
export type TimesStore = Pick<History, "setting" | "set"> & CountsClears;

const SETTING = "engine_times";

interface Entry extends EngineTime {
  readonly name: string;
}

export class KeptTimes {
  private readonly clears: number;

  private constructor(
    private readonly store: TimesStore,
    private readonly key: string,
    private readonly times: Map<string, EngineTime>,
  ) {
    this.clears = store.clears;
  }

  /**
   * Read the times of an earlier visit; there are none if the encoder, the browser or the page have changed since.
   *
   * @param about what the times depend on besides the encoder's files.
   */
  static async read(store: TimesStore, manifest: Manifest, about: readonly string[]): Promise<KeptTimes> {
    const key = keyOf(manifest, about);
    const entries = parsed(await store.setting(SETTING), key);
    return new KeptTimes(store, key, new Map(entries.map(({ name, short, long }) => [name, { short, long }])));
  }

  /** The time that an earlier visit measured; null if there is none. */
  of({ engine, precision }: Pick<EngineVariant, "engine" | "precision">): EngineTime | null {
    return this.times.get(`${engine} ${precision}`) ?? null;
  }

  /** Times engines by `time` unless all of them are known, and keeps the result if nothing was deleted during the visit. */
  timing(time: TimeEngines): TimeEngines {
    return async (engines) => {
      const known = engines.map((engine) => this.times.get(nameOf(engine)) ?? null);
      if (known.every((one) => one !== null)) return known;
      const measured = await time(engines);
      for (const [index, engine] of engines.entries()) {
        const one = measured[index];
        if (one !== undefined) this.times.set(nameOf(engine), one);
      }
      const times = [...this.times].map(([name, one]): Entry => ({ name, ...one }));
      if (this.store.clears === this.clears) await this.store.set(SETTING, JSON.stringify({ key: this.key, times }));
      return measured;
    };
  }
}

function keyOf(manifest: Manifest, about: readonly string[]): string {
  const engines = manifest.engines.map(({ engine, precision, file }) => {
    return `${engine} ${precision} ${fileNamed(manifest, file).sha256}`;
  });
  return [...about, ...engines].join("\n");
}

function nameOf({ name, precision }: Engine): string {
  return `${name} ${precision}`;
}

/** The entries that were kept under a key; none if something else is stored, such as by another version of the page. */
function parsed(text: unknown, key: string): readonly Entry[] {
  if (typeof text !== "string") return [];
  try {
    const kept: { key?: unknown; times?: unknown } = JSON.parse(text);
    return kept.key === key && Array.isArray(kept.times) && kept.times.every(isEntry) ? kept.times : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { name, short, long } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>;
  return typeof name === "string" && isTime(short) && isTime(long);
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
