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
  const name = request.url.slice(self.registration.scope.length);
  if (request.mode === "navigate") event.respondWith(answerPage(request));
  else if (name.startsWith("assets/") || FILES.includes(name)) event.respondWith(answerPart(request));
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

/** The page of this very build, whatever is asked for: it has one address. */
async function answerPage(request: Request): Promise<Response> {
  const cache = await caches.open(PREFIX + VERSION);
  return (await cache.match(self.registration.scope)) ?? fetch(request);
}

async function answerPart(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}
