/** Begins a session with the browser's storage, locks and network. */

import type { Fetch, Progress } from "../runtime/bundle";
import { openHistory } from "../runtime/history";
import { KeptTimes } from "../runtime/keptTimes";
import { ReleaseStore } from "../runtime/releaseStore";
import { TrustStore } from "../runtime/trustStore";
import { lacksForLanguage } from "../runtime/writer";
import { engineOpener, languageWasm } from "./engines";
import { takeLock } from "./lock";
import type { Notify } from "./protocol";
import type { ReasonWriterParts } from "./reasonWriter";
import { type CandidatesChanged, Releases } from "./releases";
import { Session } from "./session";

const HISTORY = "pocketrec";
const FILES = "pocketrec-files";
const TRUST = "pocketrec-releases";
const CHANNEL = "pocketrec-history";
const LOCK = "pocketrec-language-model";

const LANGUAGE: ReasonWriterParts = {
  lacks: lacksForLanguage,
  lock: () => takeLock(LOCK, navigator.locks),
  wasm: languageWasm,
  open: async (...model) => {
    // With what a text needs, so that writing one needs no connection.
    const [{ LanguageModel }] = await Promise.all([import("../runtime/language"), import("./listText")]);
    return LanguageModel.load(...model);
  },
};

/** Open the browser's storage; no release is opened yet. */
export async function beginSession(
  base: string,
  target: string,
  engine: string | null,
  language: string,
  notify: Notify,
): Promise<Session> {
  const [history, store] = await Promise.all([openHistory(HISTORY), ReleaseStore.open(FILES, base)]);
  const trust = new TrustStore(TRUST, base);
  // Bypass the HTTP cache: verified files are in our own store, and damaged ones must not come back from the cache.
  const download: Fetch = (url, stop) => fetch(url, { cache: "no-store", signal: stop ?? null });
  const progress: Progress = (file, received) => {
    if (file.role === "language_model") notify("language", { state: "fetching", received, total: file.bytes });
  };
  const releases = (changed: CandidatesChanged) =>
    new Releases(base, target, download, store, trust, engineOpener, progress, changed, engine, (manifest) =>
      KeptTimes.read(history, manifest, [
        navigator.userAgent,
        String(navigator.hardwareConcurrency),
        self.location.href,
      ]),
    );
  return new Session(notify, history, releases, LANGUAGE, new BroadcastChannel(CHANNEL), trust, language);
}
