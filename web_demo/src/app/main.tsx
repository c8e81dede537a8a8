/** Starts the page: the worker first, because it takes the longest. */

import { render } from "preact";
import { PLAIN_NAME } from "../runtime/constants";
import { App } from "./App";
import { Client, type View } from "./client";
import { keepFocus } from "./focus";
import "./style.css";

/** `?target=browser-webgpu` opens the bundle of another target, `?engine=reference` lets one engine make all lists. */
const asked = new URLSearchParams(location.search);
const named = asked.get("target") ?? "";
const target = PLAIN_NAME.test(named) ? named : "browser-wasm";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app");

keepFocus(root);

let first: View | null = null;
const client = new Client((view) => {
  first = view;
  draw();
});

function draw(): void {
  if (root !== null && first !== null) render(<App view={first} request={client.request} />, root);
}

const base = new URL("./", document.baseURI).href;
void client.request("open", { base, target, engine: asked.get("engine") }).catch(() => undefined);

if (import.meta.env.PROD) {
  // Where the browser refuses (a private window, plain http), the page works, but not offline.
  keepPage(base).then(
    () => client.pageIsKept(),
    () => undefined,
  );
}

/** Let the service worker store the page; resolves when it has done so. */
async function keepPage(page: string): Promise<void> {
  await navigator.serviceWorker.register(`${page}sw.js`);
  await navigator.serviceWorker.ready;
  if ((await caches.match(page)) === undefined) throw new Error("the page is not in the cache");
}
