/**
 * Stores the page itself for offline visits. Bundle files and engines are verified and stored by the page's worker. The
 * service worker sends no data, and only makes requests to this site.
 */

export type {};

declare const self: ServiceWorkerGlobalScope;

/** Replaced by the build: the page's files, and their digest. */
const FILES: readonly string[] = JSON.parse("__FILES__");
const VERSION = "__VERSION__";

const PREFIX = "pocketrec-page-";
/** A page that was opened before an update may still load files of the previous build. */
const N_KEPT = 2;
const TIMEOUT_MS = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([dropOld(), self.clients.claim()]));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  const { origin, pathname } = new URL(request.url);
  const name = `${origin}${pathname}`.slice(self.registration.scope.length);
  // All other requests (`/v1`, `/healthz`, a misspelt path) go to the server.
  if (request.mode === "navigate") {
    if (name === "" || name === "index.html") event.respondWith(respondWithPage(event));
  } else if (name.startsWith("assets/") || FILES.includes(name)) event.respondWith(respondWithFile(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(PREFIX + VERSION);
  await cache.addAll([...FILES]);
  await self.skipWaiting();
}

async function dropOld(): Promise<void> {
  const pages = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(pages.slice(0, -N_KEPT).map((name) => caches.delete(name)));
}

/** The page of this build. */
async function respondWithPage(event: FetchEvent): Promise<Response> {
  const opening = caches.open(PREFIX + VERSION);
  const kept = await inTime(opening.then((cache) => cache.match(self.registration.scope)));
  if (kept !== undefined) return kept;
  // The browser has deleted the page to free space: store it again for the next offline visit.
  event.waitUntil(opening.then((cache) => cache.addAll([...FILES])).catch(() => undefined));
  return fetch(event.request);
}

async function respondWithFile(request: Request): Promise<Response> {
  return (await inTime(caches.match(request))) ?? fetch(request);
}

/** What is stored; undefined if the browser refuses or does not respond in time. */
function inTime(stored: Promise<Response | undefined>): Promise<Response | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), TIMEOUT_MS));
  return Promise.race([stored, late]).catch(() => undefined);
}
