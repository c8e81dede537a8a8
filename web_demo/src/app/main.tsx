/** Starts the page: the worker first, because it takes the longest. */

import { render } from "preact";
import { PLAIN_NAME } from "../runtime/constants";
import { App } from "./App";
import { firstLanguage, keepLanguage } from "./choice";
import { Client, type View } from "./client";
import { keepFocus } from "./focus";
import { language, speak } from "./texts";
import "./style.css";

/** `?target=browser-webgpu` opens the bundle of another target, `?engine=reference` lets one engine make all lists. */
const asked = new URLSearchParams(location.search);
const named = asked.get("target") ?? "";
const target = PLAIN_NAME.test(named) ? named : "browser-wasm";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app");

keepFocus(root);

let latest: View | null = null;
const client = new Client((view) => {
  latest = view;
  void texts.then(draw);
});
/** Before them nothing is drawn, so that no text changes its language on the screen. */
const texts = speak(firstLanguage());

function draw(): void {
  if (root === null || latest === null) return;
  document.documentElement.lang = language();
  render(<App view={latest} request={client.request} onLanguage={change} />, root);
}

/** Go over to another language, in which reasons and answers are then said too. */
async function change(next: string): Promise<void> {
  keepLanguage(next);
  await Promise.all([speak(next), client.request("setLanguage", { language: next }).catch(() => undefined)]);
  draw();
}

const base = new URL("./", document.baseURI).href;
void client
  .request("open", { base, target, engine: asked.get("engine"), language: firstLanguage() })
  .catch(() => undefined);

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
