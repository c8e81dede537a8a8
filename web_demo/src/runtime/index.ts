/**
 * The entry point for other pages: a release in the browser, verified and ranked by the runtime's own engine.
 *
 * Needs no worker, no DOM and no ONNX Runtime. `src/worker/` shows how to add those, storage and updates.
 */

import { Bundle, type Fetch, type FileStore, fetchManifest, manifestUrl, serverUrls } from "./bundle";
import { MANIFEST_NAME } from "./constants";
import { LiveFacts } from "./filters/live";
import { OpenRelease } from "./openRelease";
import { Recommender } from "./recommender";
import { openReference } from "./reference";

export type { Fetch, FileStore } from "./bundle";
export type { Manifest } from "./bundleJson";
export type { Candidate } from "./candidates";
export type { Chip, Question } from "./conversation/outcome";
export type { Query } from "./conversation/query";
export {
  BundleError,
  BundleIntegrityError,
  BundleVersionError,
  ClosedError,
  FetchError,
  FilterError,
  HistoryFileError,
  InsecureAddressError,
  UnknownItemError,
} from "./errors";
export type { Condition, NoneOf, Range, Value, Where } from "./filters/conditions";
export { above, atLeast, atMost, below, between, noneOf } from "./filters/conditions";
export type { LiveFactsOfItems, LiveValue } from "./filters/live";
export type { StoredEvent } from "./historyFile";
export { dumpHistory, isEncrypted, readHistory } from "./historyFile";
export type { ItemFacts, Items } from "./items";
export type { Fact } from "./reasons/facts";
export type {
  ExplainOptions,
  ListOptions,
  Past,
  Ranking,
  Reason,
  Recommendation,
  RecommendOptions,
  SaidAnswer,
  SayOptions,
} from "./recommender";
export { Recommender } from "./recommender";

export interface OpenOptions {
  /** `server` is the address of `pocketrec serve`, `folder` that of one bundle's folder, served as static files. */
  readonly source?: "server" | "folder";
  /** The channel to open on a server. */
  readonly target?: string;
  /** How files are downloaded, instead of the browser's `fetch`. */
  readonly fetch?: Fetch;
  /** Where verified files are stored between visits; without it, the browser's HTTP cache is used. */
  readonly store?: FileStore;
}

const NO_STORE: FileStore = {
  get: async () => null,
  put: () => undefined,
  remove: async () => undefined,
};

/**
 * Download and verify the newest release at an address. If its engine fails the self-test, items are ranked by the
 * release's transitions, or by popularity if it has none.
 *
 * @param base the address, with a slash at the end.
 * @throws FetchError a file cannot be downloaded.
 * @throws BundleError a file is damaged or violates the format.
 */
export async function openRecommender(base: string, options: OpenOptions = {}): Promise<Recommender> {
  const { source = "server", target = "browser-wasm", fetch = download, store = NO_STORE } = options;
  const isServer = source === "server";
  const newest = async () => {
    const manifest = await fetchManifest(fetch, isServer ? manifestUrl(base, target) : `${base}${MANIFEST_NAME}`);
    return new Bundle(manifest, isServer ? serverUrls(base) : ({ name }) => `${base}${name}`, fetch, store);
  };
  const opened = async (bundle: Bundle, live: LiveFacts) => {
    const release = await OpenRelease.open(
      bundle,
      async (variant) =>
        variant.engine === "reference" ? openReference(bundle, variant) : "it needs a library that was not loaded",
      undefined,
      live,
    );
    await release.engines.start("reference");
    return release;
  };
  const live = new LiveFacts();
  let inUse = await newest();
  return new Recommender(await opened(inUse, live), live, async () => {
    const bundle = await newest();
    if (sameBytes(bundle.bytes, inUse.bytes)) return null;
    const release = await opened(bundle, live);
    inUse = bundle;
    return release;
  });
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

const download: Fetch = (url, stop) => fetch(url, { signal: stop ?? null });
