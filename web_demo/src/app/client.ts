/** The page's end of the worker: asks with a promise each, and the newest of everything that was told. */

import { NO_TRAFFIC, sumTraffic, type Traffic, watchTraffic } from "../runtime/traffic";
import type { AskName, Asks, Marks, Message, Question, TellName, Tells } from "../worker/protocol";

/** What the page shows; everything in it but `online` and `pageKept` comes from the worker. */
export interface View extends Omit<Tells, "marks"> {
  readonly online: boolean;
  /** Whether a service worker keeps the page itself for a visit without network. */
  readonly pageKept: boolean;
  /** Null until the history has been read, which is before anything is opened. */
  readonly marks: Marks | null;
}

const FIRST: View = {
  online: navigator.onLine,
  pageKept: false,
  opening: { state: "opening", bytes: null },
  shelf: { cards: [], by: "popularity", version: 0 },
  marks: null,
  variety: 0,
  ladder: [],
  update: { state: "unchecked" },
  language: { state: "none" },
  knows: { events: 0, settings: 0, hidden: 0, eventBytes: 0, storedBytes: null, trouble: null, offline: false },
  timings: [],
  traffic: NO_TRAFFIC,
  problem: null,
};

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export type Ask = <K extends AskName>(ask: K, question: Asks[K]["question"]) => Promise<Asks[K]["answer"]>;

export class Client {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private ofWorker: Traffic = NO_TRAFFIC;
  private ofPage: Traffic = NO_TRAFFIC;
  private current: View = FIRST;

  /** @param changed hears every new view, at most one a frame. */
  constructor(private readonly changed: (view: View) => void) {
    this.worker = new Worker(new URL("../worker/main.ts", import.meta.url), { type: "module", name: "pocketrec" });
    this.worker.addEventListener("message", ({ data }: MessageEvent<Message>) => this.receive(data));
    this.worker.addEventListener("error", (event) => this.died(event.message));
    addEventListener("online", () => this.show({ online: true }));
    addEventListener("offline", () => this.show({ online: false }));
    watchTraffic((traffic) => {
      this.ofPage = traffic;
      this.show({ traffic: sumTraffic(this.ofPage, this.ofWorker) });
    });
  }

  readonly ask: Ask = (ask, question) => {
    const id = ++this.lastId;
    this.worker.postMessage({ id, ask, question } as Question);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
    });
  };

  /** The page itself is kept for a visit without network. */
  pageIsKept(): void {
    this.show({ pageKept: true });
  }

  private receive(message: Message): void {
    if ("tell" in message) {
      this.hear(message.tell, message.value);
      return;
    }
    const waiting = this.waiting.get(message.answerTo);
    this.waiting.delete(message.answerTo);
    if ("error" in message) {
      waiting?.reject(new Error(message.error));
      this.show({ problem: message.error });
    } else waiting?.resolve(message.answer);
  }

  private hear(name: TellName, value: Tells[TellName]): void {
    if (name === "traffic") {
      this.ofWorker = value as Traffic;
      this.show({ traffic: sumTraffic(this.ofPage, this.ofWorker) });
    } else this.show({ [name]: value });
  }

  private died(why: string): void {
    this.show({
      opening: { state: "failed", cause: "crashed", why: why || "The page's worker could not be started." },
    });
  }

  private show(change: Partial<View>): void {
    const isScheduled = this.pending;
    this.current = { ...this.current, ...change };
    if (isScheduled) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.changed(this.current);
    });
  }

  private pending = false;
}
