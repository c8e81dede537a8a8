/** The language model at work: loaded in the background, it rewords the reasons of the list that is shown, one by one. */

import type { Bundle } from "../runtime/bundle";
import { messageOf } from "../runtime/errors";
import { LanguageModel, lacksForLanguage, type Writer, WriterError } from "../runtime/language";
import { fileNamed } from "../runtime/manifest";
import type { Sentence } from "../runtime/reasons/sentences";
import { phrases } from "../runtime/reasons/words";
import { languageWasm } from "./engines";
import type { Language } from "./protocol";

const MAX_FAILURES = 2;
const MAX_REMEMBERED = 500;
const LOCK = "pocketrec-language-model";

/** One reason that may be reworded. */
export interface Wish {
  readonly row: number;
  readonly prompt: string;
  readonly allowed: readonly Sentence[];
}

export class Wording {
  private writer: Writer | null = null;
  private readonly known = new Map<string, Sentence>();
  private current = new AbortController();
  private release: (() => void) | null = null;
  private failures = 0;
  private written = 0;
  private spentMs = 0;

  constructor(
    private readonly tell: (language: Language) => void,
    private readonly wrote: (row: number, prompt: string, sentence: Sentence) => void,
  ) {}

  /** What the model has said for this prompt, or undefined. */
  remembered(prompt: string): Sentence | undefined {
    return this.known.get(prompt);
  }

  /** Load the model of a bundle, if it has one and this browser can run it. Never throws. */
  async load(bundle: Bundle): Promise<void> {
    const model = bundle.manifest.languageModel;
    if (model === null) return this.tell({ state: "none" });
    if (model.prompt !== phrases.layout)
      return this.refuse(`it wants the prompt layout ${model.prompt}, this page has ${phrases.layout}`);
    const lacking = lacksForLanguage();
    if (lacking !== null) return this.refuse(lacking);
    if (!(await this.lock())) return this.refuse("it runs in another tab of this page");
    try {
      this.tell({ state: "fetching", received: 0, total: fileNamed(bundle.manifest, model.file).bytes });
      const gguf = await bundle.file(model.file);
      this.tell({ state: "starting" });
      this.writer = await LanguageModel.load(gguf.data, model.context, await languageWasm());
      this.tellReady();
    } catch (error) {
      this.refuse(messageOf(error));
    }
  }

  /** Reword these, in this order; wishes of before that are not done are dropped. */
  async want(wishes: readonly Wish[]): Promise<void> {
    this.current.abort();
    const stop = new AbortController();
    this.current = stop;
    for (const wish of wishes) {
      if (stop.signal.aborted || this.writer === null) return;
      // One sentence leaves nothing to choose.
      if (this.known.has(wish.prompt) || wish.allowed.length < 2) continue;
      await this.write(wish, stop.signal);
    }
  }

  /** Drop what was worded, because it tells of a history. */
  forget(): void {
    this.current.abort();
    this.known.clear();
  }

  /** Give the model's memory back. */
  close(): void {
    this.current.abort();
    this.writer?.close();
    this.writer = null;
    this.known.clear();
    this.release?.();
    this.release = null;
  }

  private async write({ row, prompt, allowed }: Wish, stop: AbortSignal): Promise<void> {
    const begun = performance.now();
    try {
      const text = await (this.writer as Writer).write(
        prompt,
        allowed.map((sentence) => sentence.text),
        row,
        stop,
      );
      const sentence = allowed.find((candidate) => candidate.text === text);
      if (sentence === undefined) throw new WriterError("it wrote something else than the facts allow");
      this.failures = 0;
      this.written++;
      this.spentMs += performance.now() - begun;
      if (this.known.size >= MAX_REMEMBERED) this.known.clear();
      this.known.set(prompt, sentence);
      this.tellReady();
      this.wrote(row, prompt, sentence);
    } catch (error) {
      if (stop.aborted) return;
      this.failures++;
      if (this.failures >= MAX_FAILURES) this.refuse(`it failed ${this.failures} times: ${messageOf(error)}`);
    }
  }

  private refuse(why: string): void {
    this.close();
    this.tell({ state: "unavailable", why });
  }

  private tellReady(): void {
    this.tell({ state: "ready", written: this.written, meanMs: this.written === 0 ? 0 : this.spentMs / this.written });
  }

  /** Only one tab of the page holds a model, for the sake of the machine's memory. */
  private lock(): Promise<boolean> {
    if (!("locks" in navigator)) return Promise.resolve(true);
    return new Promise((resolve) => {
      void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return undefined;
        return new Promise<void>((release) => {
          this.release = release;
        });
      });
    });
  }
}
