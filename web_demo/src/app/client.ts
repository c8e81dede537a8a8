/** The page's connection to its worker: requests that resolve to their results, and the latest state of everything. */

import { NO_TRAFFIC, sumTraffic, type Traffic, watchTraffic } from "../runtime/traffic";
import type { Message, Notifications, RequestMessage, RequestName, Requests, UserHistory } from "../worker/protocol";

/** What the page shows; everything in it but `online` and `pageKept` comes from the worker. */
export interface View extends Omit<Notifications, "history"> {
  readonly online: boolean;
  /** Whether a service worker has stored the page itself for offline visits. */
  readonly pageKept: boolean;
  /** Null until the history has been read, which happens before any release is opened. */
  readonly history: UserHistory | null;
}

const FIRST: View = {
  online: navigator.onLine,
  pageKept: false,
  opening: { state: "opening", bytes: null },
  recommendations: { cards: [], explained: false, by: "popularity", version: 0 },
  history: null,
  talk: null,
  diversity: 0,
  engines: [],
  update: { state: "unchecked" },
  signing: null,
  language: { state: "none" },
  listText: null,
  userData: { events: 0, settings: 0, hidden: 0, eventBytes: 0, storedBytes: null, storageError: null, offline: false },
  learning: null,
  timings: [],
  profiling: null,
  traffic: NO_TRAFFIC,
  problem: null,
};

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export type SendRequest = <K extends RequestName>(
  name: K,
  params: Requests[K]["params"],
) => Promise<Requests[K]["result"]>;

export class Client {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private ofWorker: Traffic = NO_TRAFFIC;
  private ofPage: Traffic = NO_TRAFFIC;
  private current: View = FIRST;
  private isScheduled = false;

  /** @param changed receives every new view; changes of one turn of the event loop are combined. */
  constructor(private readonly changed: (view: View) => void) {
    this.worker = new Worker(new URL("../worker/main.ts", import.meta.url), { type: "module", name: "pocketrec" });
    this.worker.addEventListener("message", ({ data }: MessageEvent<Message>) => this.receive(data));
    this.worker.addEventListener("error", (event) => this.crashed(event.message));
    addEventListener("online", () => this.show({ online: true }));
    addEventListener("offline", () => this.show({ online: false }));
    watchTraffic((traffic) => {
      this.ofPage = traffic;
      this.show({ traffic: sumTraffic(this.ofPage, this.ofWorker) });
    });
  }

  readonly request: SendRequest = (name, params) => {
    const id = ++this.lastId;
    this.worker.postMessage({ id, request: name, params } satisfies RequestMessage);
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
  };

  /** Record that the service worker has stored the page for offline visits. */
  pageIsKept(): void {
    this.show({ pageKept: true });
  }

  private receive(message: Message): void {
    if ("notification" in message) {
      if (message.notification === "traffic") {
        this.ofWorker = message.value;
        this.show({ traffic: sumTraffic(this.ofPage, this.ofWorker) });
      } else this.show({ [message.notification]: message.value });
      return;
    }
    const pending = this.pending.get(message.responseTo);
    this.pending.delete(message.responseTo);
    if ("error" in message) {
      pending?.reject(new Error(message.error.why));
      this.show({ problem: message.error });
    } else pending?.resolve(message.result);
  }

  private crashed(why: string): void {
    this.show({ opening: { state: "failed", cause: "crashed", why } });
  }

  private show(change: Partial<View>): void {
    this.current = { ...this.current, ...change };
    if (this.isScheduled) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.changed(this.current);
    });
  }
}
