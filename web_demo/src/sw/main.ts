/**
 * Keeps the page itself for visits without network. Bundle files and engines are kept by the page's worker, which checks
 * them; this one sends nothing, and asks nobody but this site.
 */

export type {};

declare const self: ServiceWorkerGlobalScope;

/** Filled in by the build: the page's files, and a digest of them. */
const FILES: readonly string[] = JSON.parse("__FILES__");
const VERSION = "__VERSION__";

const PREFIX = "pocketrec-page-";
/** A page that was opened before an update may still load a part of itself from the build before. */
const N_KEPT = 2;

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
  // Whatever else is asked for under this address (`/v1`, `/healthz`, a misspelt path) is the server's to answer.
  if (request.mode === "navigate") {
    if (name === "" || name === "index.html") event.respondWith(answerPage(event));
  } else if (name.startsWith("assets/") || FILES.includes(name)) event.respondWith(answerPart(request));
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

/** The page of this very build. */
async function answerPage(event: FetchEvent): Promise<Response> {
  const cache = await caches.open(PREFIX + VERSION);
  const kept = await cache.match(self.registration.scope);
  if (kept !== undefined) return kept;
  // The browser has cleared the page to make room: keep it anew, for the next visit without network.
  event.waitUntil(cache.addAll([...FILES]).catch(() => undefined));
  return fetch(event.request);
}

async function answerPart(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}
