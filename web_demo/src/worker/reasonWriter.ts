/** Loads the language model in the background, and rewords the reasons of the current list one by one. */

import type { Bundle } from "../runtime/bundle";
import type { Manifest } from "../runtime/bundleJson";
import type { Bytes } from "../runtime/bytes";
import { PROMPT_LAYOUT } from "../runtime/constants";
import { messageOf } from "../runtime/errors";
import { fileNamed } from "../runtime/manifest";
import { type Writer, WriterError } from "../runtime/writer";
import type { Release } from "./lock";
import type { Language } from "./protocol";

const MAX_FAILURES = 2;
const MAX_REMEMBERED = 500;

/** A reason to reword. */
export interface RewordRequest {
  readonly row: number;
  /** What is asked when its turn comes; what was written for the rows before may change it. Null: nothing. */
  readonly question: () => { readonly prompt: string; readonly choices: readonly string[] } | null;
}

/** The browser features that rewording uses. */
export interface ReasonWriterParts {
  /** A feature that this browser lacks, or null. */
  lacks(): string | null;
  /** Null if another tab of the page holds the lock. */
  lock(): Promise<Release | null>;
  /** The WebAssembly of llama.cpp. */
  wasm(): Promise<Bytes>;
  /** Load the model of a bundle with its adapter for list texts, if there is one. */
  open(bundle: Bundle, gguf: Bytes, wasm: Bytes, stop: AbortSignal): Promise<Writer>;
}

/**
 * Holds at most one model. `load` and `close` may be called in any order and may overlap: a load waits for earlier calls,
 * and a load that is closed before it ends frees its model as soon as it has loaded.
 */
export class ReasonWriter {
  private writer: Writer | null = null;
  private readonly known = new Map<string, string>();
  private current = new AbortController();
  /** For the latest load; aborted by `close`. */
  private stop = new AbortController();
  /** Settles when the latest load has freed its model. */
  private loaded: Promise<void> = Promise.resolve();
  private failures = 0;
  private written = 0;
  private spentMs = 0;

  constructor(
    private readonly parts: ReasonWriterParts,
    private readonly notify: (language: Language) => void,
    private readonly wrote: (row: number, prompt: string) => void,
  ) {}

  /** The sentence that the model wrote for a prompt, or undefined. */
  remembered(prompt: string): string | undefined {
    return this.known.get(prompt);
  }

  /** Load the model of a bundle if there is one and this browser can run it; resolves once it is ready or refused. Never throws. */
  async load(bundle: Bundle): Promise<void> {
    const before = this.close();
    const stop = new AbortController();
    this.stop = stop;
    await new Promise<void>((settled) => {
      this.loaded = before.then(() => this.hold(bundle, stop.signal, settled)).finally(settled);
    });
  }

  /** Reword reasons in this order; earlier requests that are not done are dropped. */
  async reword(requests: readonly RewordRequest[]): Promise<void> {
    this.current.abort();
    const stop = new AbortController();
    this.current = stop;
    for (const request of requests) {
      const { writer } = this;
      if (stop.signal.aborted || writer === null) return;
      const question = request.question();
      // With a single sentence there is nothing to choose.
      if (question === null || this.known.has(question.prompt) || question.choices.length < 2) continue;
      await this.write(writer, request.row, question.prompt, question.choices, stop.signal);
    }
  }

  /** The model for one text, null if none is ready; rewording ends, and the text has to end when anything else begins. */
  take(): { readonly writer: Writer | null; readonly stop: AbortSignal } {
    void this.reword([]);
    return { writer: this.writer, stop: this.current.signal };
  }

  /** Delete the worded reasons, because they reveal the history. */
  forget(): void {
    this.current.abort();
    this.known.clear();
  }

  /** Free the model's memory; resolves when that is done. */
  close(): Promise<void> {
    this.forget();
    this.stop.abort();
    return this.loaded;
  }

  /** Hold the lock and the model until `stop` is aborted. */
  private async hold(bundle: Bundle, stop: AbortSignal, settled: () => void): Promise<void> {
    if (stop.aborted) return;
    const { manifest } = bundle;
    if (manifest.languageModel === null) return this.notify({ state: "none" });
    const lacking = lacksPrompt(manifest.languageModel) ?? this.parts.lacks();
    if (lacking !== null) return this.refuse(lacking);
    const release = await this.parts.lock();
    if (release === null) return stop.aborted ? undefined : this.refuse("it runs in another tab of this page");
    try {
      const writer = stop.aborted ? null : await this.open(bundle, manifest.languageModel, stop);
      if (writer !== null) await this.use(writer, stop, settled);
    } catch (error) {
      if (!stop.aborted) this.refuse(messageOf(error));
    } finally {
      await release();
    }
  }

  private async open(bundle: Bundle, model: LanguageModel, stop: AbortSignal): Promise<Writer | null> {
    const wasm = await this.parts.wasm();
    // Before the model, which is by far the larger download.
    if (!WebAssembly.validate(wasm)) throw new WriterError("this browser cannot run llama.cpp's WebAssembly");
    if (stop.aborted) return null;
    this.notify({ state: "fetching", received: 0, total: fileNamed(bundle.manifest, model.file).bytes });
    const gguf = await bundle.file(model.file, stop);
    if (stop.aborted) return null;
    this.notify({ state: "starting" });
    return this.parts.open(bundle, gguf.data, wasm, stop);
  }

  private async use(writer: Writer, stop: AbortSignal, settled: () => void): Promise<void> {
    try {
      if (stop.aborted) return;
      const stopped = new Promise((resolve) => stop.addEventListener("abort", resolve));
      this.writer = writer;
      this.failures = 0;
      this.notifyReady();
      settled();
      await stopped;
    } finally {
      this.writer = null;
      await writer.close();
    }
  }

  private async write(
    writer: Writer,
    row: number,
    prompt: string,
    choices: readonly string[],
    stop: AbortSignal,
  ): Promise<void> {
    const begun = performance.now();
    try {
      const text = await writer.write(prompt, choices, row, stop);
      if (stop.aborted) return;
      if (!choices.includes(text)) throw new WriterError("it wrote a sentence that is not allowed");
      this.failures = 0;
      this.written++;
      this.spentMs += performance.now() - begun;
      if (this.known.size >= MAX_REMEMBERED) this.known.clear();
      this.known.set(prompt, text);
      this.notifyReady();
      this.wrote(row, prompt);
    } catch (error) {
      if (stop.aborted) return;
      this.failures++;
      if (this.failures >= MAX_FAILURES) this.refuse(`it failed ${this.failures} times: ${messageOf(error)}`);
    }
  }

  /** Continue with templates only. */
  private refuse(why: string): void {
    void this.close();
    this.notify({ state: "unavailable", why });
  }

  private notifyReady(): void {
    this.notify({
      state: "ready",
      written: this.written,
      meanMs: this.written === 0 ? 0 : this.spentMs / this.written,
    });
  }
}

type LanguageModel = NonNullable<Manifest["languageModel"]>;

function lacksPrompt({ prompt }: LanguageModel): string | null {
  if (prompt === PROMPT_LAYOUT) return null;
  return `it needs the prompt layout ${prompt}, this page supports ${PROMPT_LAYOUT}`;
}
